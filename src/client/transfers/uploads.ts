/** Uploads that survive broken connections: each goes on from the offset that the server states. */
import { Observable, type Subscriber, type Subscription } from 'rxjs';
import { check, checkOptions, oneOf, optional, TEXT } from '../../wire/argument.ts';
import type { Client } from '../client.ts';
import type { ClientFault } from '../client-fault.ts';
import type { Content } from '../content/content.ts';
import { crc32 as portableCrc32 } from '../content/crc32.ts';
import { checkContent, type Hasher, hashOf } from '../content/read-content.ts';
import type { SentContent } from '../pipeline/client-request.ts';
import { type ConnectionPool, createConnectionPool } from '../pool/connection-pool.ts';
import type { ConnectionPoolOptions, Retry } from '../pool/pool-options.ts';
import { createJob, type Job } from '../pool/pool-state.ts';
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

/** Content of so many bytes and more is resumed where it was interrupted, by default. */
export const RESUME_THRESHOLD_BYTES = 8 * 1024 * 1024;

export interface UploadsOptions extends ConnectionPoolOptions {
  /** Content of at least so many bytes is resumed where it was interrupted; smaller is sent again. Default 8 MiB. */
  readonly resumeThreshold?: number;
  /** Bytes between two reports of durable bytes, for content that can be resumed; default 4 MiB. */
  readonly progress?: number;
  /** Makes a hasher for SHA-256, for `verify`; in Node, `sha256` of `sluice/node`. */
  readonly sha256?: () => Hasher;
}

export interface UploadSettings extends Pick<PutSettings, 'mtime' | 'ifAbsent'> {
  /** Whether to go on where an earlier try, or an earlier run, was interrupted; default true. */
  readonly resume?: boolean;
  /**
   * The upload's name, 1 to 64 of `A-Z a-z 0-9 _ -`. Default: a name made of filename, size, modification time and
   * `source`, so that a later run with the same ones finds the bytes that this run has left on the server.
   */
  readonly upload?: string;
  /** Identifies the content, for that name: a path and its machine, say. */
  readonly source?: string;
  /** Reads the content once before it is sent, and has the server store it only if its SHA-256 is the same. */
  readonly verify?: 'sha256';
}

export interface Progress {
  readonly type: 'progress';
  /** Bytes of the content that the operating system has taken, durable bytes of earlier tries included. */
  readonly sent: number;
  /** Bytes that the server has reported as durable: they need never be sent again. */
  readonly durable: number;
  readonly total: number;
  /**
   * Bytes a second that this try sent over the last few seconds; 0 before that is known. Bytes that it did not have to
   * send do not count.
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
  /** Also false when an ack was lost and the file was found to be stored. */
  readonly durable: boolean;
  readonly attempt: number;
  readonly resumedFrom: number;
}

export interface Uploads {
  /**
   * Stores content under a name. Each subscription is one upload: emits `progress`, then `stored` when the server has
   * acknowledged just this content by size and CRC-32, and completes.
   *
   * Small content is sent without waiting for earlier answers. For content of `resumeThreshold` bytes and more the
   * client first asks what the server has, for two contents at a time on a connection. Bytes that the server has are
   * not sent again if their CRC-32 is that of the content's own first bytes; a source that has changed is sent from the
   * start.
   *
   * The upload is tried again after a while when that may help: after a connection that broke or could not be made, a
   * server that does not answer, a refusal that is about the moment. It errors with the last `ClientFault` when
   * `retries` further tries have made no progress, and at once when another try would not help.
   *
   * Unsubscribing gives it up at any time: no more of it is sent. The server keeps its bytes for a later try. An upload
   * given up in the middle of its body costs its connection; the other uploads on that connection go on with another.
   */
  readonly upload: (
    filename: string,
    content: ContentSource,
    settings?: UploadSettings,
  ) => Observable<Progress | Uploaded>;
  /** Emits each failure after which there will be another try. */
  readonly retries$: Observable<Retry>;
  /** Ends the connections in good order once nothing is left to do. Until then they stay, and keep a process alive. */
  readonly end: () => void;
  /** Drops the connections; every unfinished upload errors. */
  readonly destroy: () => void;
}

/**
 * Makes uploads that share up to `parallel` connections, which are made when they are needed.
 *
 * Memory: 1 MiB of bodies a connection; 1 MiB for each of its two large contents while they are compared with the
 * server's bytes; 64 checksums a large upload; a small object for each subscription.
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

/** Thrown when content that was opened to be sent as a small one turns out to be large. */
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
  /** Size and CRC-32 of content that an earlier try sent completely and got no answer for. */
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
        // Content that leaves in one write needs no speed.
        if (speed === null && event.sent < event.total) speed = createSpeed(now, event.sent);
        speed?.at(event.sent);
        return emitProgress(event.sent, event.total);
      case 'resumed':
        // The server has more than it had reported: the last try has made progress.
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
    // The file may exist because an earlier try was carried out and its ack was lost.
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
