/** Uploads that go on: over connections that are made again when they break, from where the server says. */
import { Observable, type Subscriber, type Subscription } from 'rxjs';
import { check, checkOptions, oneOf, optional, TEXT } from '../../wire/argument.ts';
import type { Client } from '../client.ts';
import type { ClientFault } from '../client-fault.ts';
import { checkContent } from '../content/check-content.ts';
import type { Content } from '../content/content.ts';
import { crc32 as portableCrc32 } from '../content/crc32.ts';
import { type Hasher, hashOf } from '../content/read-content.ts';
import type { SentContent } from '../pipeline/exchange.ts';
import {
  type ConnectionPool,
  type ConnectionPoolOptions,
  createConnectionPool,
  createJob,
  type Job,
  type Retry,
} from '../pool/connection-pool.ts';
import { breaksConnection } from '../pool/retry.ts';
import { type ContentSource, opener, type PutSettings } from '../put.ts';
import {
  createResumeState,
  isRefused,
  type ResumeState,
  sendResumable,
  storedAs,
  type TryEvent,
} from './resumable.ts';
import { createSpeed, type Speed } from './speed.ts';
import { stableId } from './upload-id.ts';

/** Bytes from which on content is resumed where it was interrupted, unless told otherwise. */
export const RESUME_THRESHOLD_BYTES = 8 * 1024 * 1024;

export interface UploadsOptions extends ConnectionPoolOptions {
  /** Content of at least so many bytes is resumed where it was interrupted, smaller is sent again; default 8 MiB. */
  readonly resumeThreshold?: number;
  /** Bytes between two tellings of what is durable, for what can be resumed; default 4 MiB. */
  readonly progress?: number;
  /** Makes what computes a SHA-256, for `verify`; in Node, `sha256` of `sluice/node`. */
  readonly sha256?: () => Hasher;
}

export interface UploadSettings extends Pick<PutSettings, 'mtime' | 'ifAbsent'> {
  /** Whether to go on where an earlier try, or an earlier run, was interrupted; default true. */
  readonly resume?: boolean;
  /**
   * What to call the upload: 1 to 64 of `A-Z a-z 0-9 _ -`. Default a name made of filename, size, modification time and
   * `source`, so that a later run with the same finds what this one has left.
   */
  readonly upload?: string;
  /** What the content is, for that name: a path and the machine it is on, say. */
  readonly source?: string;
  /** Reads the content once more beforehand, and has the server store it only if its SHA-256 is the same. */
  readonly verify?: 'sha256';
}

export interface Progress {
  readonly type: 'progress';
  /** Bytes of the content that are the operating system's, those of earlier tries that are durable included. */
  readonly sent: number;
  /** Bytes of it that the server has said are durable: they need never be sent again. */
  readonly durable: number;
  readonly total: number;
  /**
   * Bytes a second that this try sent over the last few seconds; 0 before that is known. What it did not have to send
   * is not in it.
   */
  readonly rate: number;
  /** Which try it is, from 1. */
  readonly attempt: number;
  /** Bytes that this try did not have to send. */
  readonly resumedFrom: number;
}

export interface Uploaded {
  readonly type: 'stored';
  readonly filename: string;
  readonly size: number;
  readonly crc32: number;
  /** False also where an answer was lost, and the file found to be stored. */
  readonly durable: boolean;
  readonly attempt: number;
  readonly resumedFrom: number;
}

export interface Uploads {
  /**
   * Stores content under a name. Each subscription is one upload: emits `progress`, then `stored` when the server
   * has acknowledged just this content by size and CRC-32, and completes.
   *
   * Small content is sent ahead of the answers to what was sent before. Content from `resumeFrom` bytes on is asked
   * about first, two at a time on a connection; what the server has of it is not sent again if its CRC-32 is that of the
   * content's own first bytes, so a source that changed in between is sent anew.
   *
   * What may succeed later is tried again after a while: connections that break or cannot be made, a server that does
   * not answer, refusals that are about the moment. Errors with the last `ClientFault` when `retries` further tries
   * have achieved nothing, and at once when trying again would not help.
   *
   * Unsubscribing gives it up at any time: nothing of it is sent any more. What the server has stays there for a later
   * try. A body that broke off costs its connection; others who were on it go on with another.
   */
  readonly upload: (
    filename: string,
    content: ContentSource,
    settings?: UploadSettings,
  ) => Observable<Progress | Uploaded>;
  /** Emits whenever something failed that will be tried again. */
  readonly retries$: Observable<Retry>;
  /** Ends the connections in good order once there is nothing to do. Until then they stay, and keep a process alive. */
  readonly end: () => void;
  /** Drops the connections; what is under way errors. */
  readonly destroy: () => void;
}

/**
 * Makes uploads that share up to `parallel` connections, which are made when they are needed.
 *
 * Memory: 1 MiB of bodies a connection, 1 MiB for each of its two large contents while it is compared with what the
 * server has; 64 checksums a large upload; a small object for each that is subscribed to.
 *
 * @example
 * const uploads = createUploads({ connect: () => connectTcp({ host, port }) });
 * uploads.upload('film.mkv', () => fileContent('film.mkv')).subscribe({
 *   next: (event) => console.log(event.type === 'progress' ? event.durable / event.total : event.crc32),
 *   error: (fault) => console.log(describeFault(fault)),
 *   complete: () => uploads.end(),
 * });
 */
export function createUploads(options: UploadsOptions): Uploads {
  const pool = createConnectionPool(options);
  return {
    upload: (filename, content, settings = {}) => {
      check('upload: the filename', filename, TEXT);
      if (typeof content !== 'function') checkContent(content);
      checkOptions('upload', settings, { upload: optional(TEXT), verify: optional(oneOf('sha256')) });
      return new Observable((subscriber) =>
        beginUpload({ pool, options, filename, content, settings, subscriber }),
      );
    },
    retries$: pool.retries$,
    end: pool.end,
    destroy: pool.destroy,
  };
}

interface Upload {
  readonly pool: ConnectionPool;
  readonly options: UploadsOptions;
  readonly filename: string;
  readonly content: ContentSource;
  readonly settings: UploadSettings;
  readonly subscriber: Subscriber<Progress | Uploaded>;
}

/** Thrown by a content that turned out to be large when it was opened to be sent as a small one. */
const TURNED_OUT_LARGE = Symbol('is large');

function beginUpload(upload: Upload): () => void {
  const { pool, options, filename, content, settings, subscriber } = upload;
  const { progress = 4 * 1024 * 1024, crc32 = portableCrc32 } = options;
  const threshold = options.resumeThreshold ?? RESUME_THRESHOLD_BYTES;
  const { resume = true, source, verify, mtime, ifAbsent } = settings;
  const putSettings: PutSettings = {
    ...(mtime === undefined ? {} : { mtime }),
    ...(ifAbsent ? { ifAbsent } : {}),
  };
  const now = options.scheduler === undefined ? undefined : () => options.scheduler!.now();
  const hasher = verify === undefined ? null : hasherOf(options);
  const isLarge = ({ size }: Content) => resume && size >= threshold;

  let attempt = 0;
  let resumedFrom = 0;
  let durable = 0;
  let sentSoFar = 0;
  let size = 0;
  let speed: Speed | null = null;
  let running: Subscription | null = null;
  let sentNow: SentContent | null = null;
  /** What an earlier try has sent whole, without an answer. */
  let sentBefore: SentContent | null = null;
  let sha256: string | undefined;
  let openedMtime: number | undefined;
  let resumeState: ResumeState | null = null;

  const job: Job = createJob(
    (client) => {
      attempt++;
      sentNow = null;
      speed = null;
      running = (job.large ? sendLarge(client) : sendSmall(client)).subscribe({
        next: onTryEvent,
        error: (fault: ClientFault) => failed(client, fault),
        complete: () => {
          pool.done(job);
          subscriber.complete();
        },
      });
    },
    (fault) => subscriber.error(fault),
    typeof content !== 'function' && isLarge(content),
  );

  function sendSmall(client: Client): Observable<TryEvent> {
    return client.put(filename, open, putSettings, { sent, sha256: () => sha256 });
  }

  function open(): Content | Promise<Content> {
    const given = opener(content)();
    return given instanceof Promise ? given.then(inspectOpened) : inspectOpened(given);
  }

  function inspectOpened(content: Content): Content | Promise<Content> {
    if (isLarge(content)) {
      content.close?.();
      throw TURNED_OUT_LARGE;
    }
    openedMtime = content.mtime;
    if (hasher === null) return content;
    return hashOf(content, hasher()).then(
      (hash) => {
        sha256 = hash;
        return content;
      },
      (thrown) => {
        content.close?.();
        throw thrown;
      },
    );
  }

  const sent = (all: SentContent) => {
    sentNow = all;
  };

  function sendLarge(client: Client): Observable<TryEvent> {
    resumeState ??= createResumeState();
    const idOf = ({ size, mtime }: Content) => settings.upload ?? stableId(filename, size, mtime, source);
    const given = { filename, content, settings: putSettings, idOf, crc32, progress };
    return sendResumable(client, { ...given, hasher }, resumeState);
  }

  function onTryEvent(event: TryEvent): void {
    switch (event.type) {
      case 'progress':
        // What is sent at once needs none.
        if (speed === null && event.sent < event.total) speed = createSpeed(now, event.sent);
        speed?.at(event.sent);
        return emitProgress(event.sent, event.total);
      case 'resumed':
        // More is there than had been told of: the last try was not for nothing.
        if (attempt > 1 && event.offset > durable) pool.madeProgress(job);
        resumedFrom = event.offset;
        durable = event.offset;
        speed = createSpeed(now, event.offset);
        return emitProgress(event.offset, event.total);
      case 'durable':
        if (event.offset > durable) pool.madeProgress(job);
        durable = Math.max(durable, event.offset);
        return emitProgress(Math.max(sentSoFar, durable), size);
      case 'stored':
        pool.madeProgress(job);
        return subscriber.next({ ...event, attempt, resumedFrom });
    }
  }

  function emitProgress(sent: number, total: number): void {
    sentSoFar = sent;
    size = total;
    subscriber.next({
      type: 'progress',
      sent,
      durable,
      total,
      rate: speed?.rate() ?? 0,
      attempt,
      resumedFrom,
    });
  }

  function failed(client: Client, fault: ClientFault): void {
    if (fault.type === 'content' && fault.thrown === TURNED_OUT_LARGE) {
      attempt--;
      return pool.again(job, true);
    }
    const before = sentBefore;
    if (breaksConnection(fault)) sentBefore = sentNow ?? sentBefore;
    if (!isRefused(fault, 'exists') || before === null) return pool.failed(job, fault);
    // It may be there because an earlier try was carried out and its answer lost.
    storedAs(client, filename, before, mtime ?? openedMtime).then(
      (found) => {
        if (subscriber.closed) return;
        if (found === null) return pool.failed(job, fault);
        onTryEvent(found);
        pool.done(job);
        subscriber.complete();
      },
      (thrown: ClientFault) => pool.failed(job, thrown),
    );
  }

  pool.add(job);
  return () => {
    running?.unsubscribe();
    pool.done(job);
  };
}

function hasherOf({ sha256 }: UploadsOptions): () => Hasher {
  if (sha256 === undefined) throw new Error("verify: 'sha256' needs the option sha256");
  return sha256;
}
