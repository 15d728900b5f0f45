/** An upload over the connections of a pool: one try after the other, small content by a put, large content resumed. */
import type { Observable, Subscriber } from 'rxjs';
import type { Client } from '../client.ts';
import { ClientError, type ClientFault } from '../client-fault.ts';
import type { Content } from '../content/content.ts';
import { ContentError } from '../content/content-error.ts';
import { type ContentSource, opener, readOnceAs } from '../content/hold-content.ts';
import { clientFault, hashOf } from '../content/read-content.ts';
import type { SentContent } from '../pipeline/client-request.ts';
import type { ConnectionPool } from '../pool/connection-pool.ts';
import { createJob } from '../pool/pool-state.ts';
import { breaksConnection, isRefused, isRetryable } from '../pool/retry.ts';
import { sendResumable } from './resumable.ts';
import { storedAs, type TryEvent } from './resume-point.ts';
import { createResumeState } from './resume-state.ts';
import {
  PROGRESS_BYTES,
  type Progress,
  RESUME_THRESHOLD_BYTES,
  type Uploaded,
  type UploadSettings,
  type UploadsOptions,
  uploadIdOf,
} from './upload.ts';
import { type OnceContent, onTryEvent, type UploadState } from './upload-state.ts';

export interface UploadRequest {
  readonly pool: ConnectionPool;
  readonly options: UploadsOptions;
  readonly filename: string;
  readonly content: ContentSource;
  readonly settings: UploadSettings;
  readonly subscriber: Subscriber<Progress | Uploaded>;
}

/** Why content that can be read only once cannot be verified. */
export const VERIFY_READS_TWICE =
  "verify: 'sha256' reads the content once before it sends it, and a stream can be read only once: send it without verify";

/**
 * How often an upload goes on after it was taken over. An upload that is taken over drops its connection, and so breaks
 * a try of the other one on it: the breaks alone would be no bound.
 */
const TAKEN_TRIES_MAX = 5;

/** Thrown when content that was opened to be sent as a small one turns out to be large. */
const TURNED_OUT_LARGE = new Error('the content is large');

/** Answers a function that gives the upload up. */
export function beginUpload(request: UploadRequest): () => void {
  const upload = createUpload(request);
  const { pool, job } = upload;
  pool.add(job);
  return () => {
    upload.running?.unsubscribe();
    pool.done(job);
    upload.once?.close();
  };
}

function createUpload({
  pool,
  options,
  filename,
  content,
  settings,
  subscriber,
}: UploadRequest): UploadState {
  const { resumeThreshold = RESUME_THRESHOLD_BYTES, scheduler, sendWindow } = options;
  const { progress = PROGRESS_BYTES } = options;
  const { resume = true, verify, mtime, ifAbsent, sha256 } = settings;
  const isLarge = ({ size, readOnce }: Content) => resume && readOnce !== true && size >= resumeThreshold;
  const once = typeof content !== 'function' && content.readOnce === true ? readOnce(content) : null;
  const upload: UploadState = {
    pool,
    job: createJob(
      (client) => beginTry(upload, client),
      (fault) => subscriber.error(new ClientError(once?.isSpent ? finalFault(fault) : fault)),
      typeof content !== 'function' && isLarge(content),
    ),
    filename,
    content: once?.content ?? content,
    once,
    settings,
    putSettings: {
      ...(mtime === undefined ? {} : { mtime }),
      ...(ifAbsent ? { ifAbsent } : {}),
      ...(sha256 === undefined ? {} : { sha256 }),
    },
    subscriber,
    progress,
    sendWindow,
    isLarge,
    isVerified: verify !== undefined,
    now: scheduler === undefined ? undefined : () => scheduler.now(),
    attempt: 0,
    resumedFrom: 0,
    durable: 0,
    sentSoFar: 0,
    size: 0,
    speed: null,
    running: null,
    sentNow: null,
    sentBefore: null,
    brokenTries: 0,
    takenTries: 0,
    sha256: undefined,
    openedMtime: undefined,
    resumeState: null,
  };
  return upload;
}

/** Content that all tries of an upload share: a try that ends before it reads a byte leaves it for the next one. */
function readOnce(content: Content): OnceContent {
  const once: OnceContent = {
    content: readOnceAs(
      content,
      () => {},
      () => {
        once.isBegun = true;
      },
    ),
    isBegun: false,
    isSpent: false,
    close: () => content.close?.(),
  };
  return once;
}

function beginTry(upload: UploadState, client: Client): void {
  upload.attempt++;
  upload.sentNow = null;
  upload.speed = null;
  upload.running = (upload.job.large ? sendLarge(upload, client) : sendSmall(upload, client)).subscribe({
    next: (event) => onTryEvent(upload, event),
    error: (error: unknown) => onTryFailed(upload, client, clientFault(error)),
    complete: () => finish(upload),
  });
}

function finish({ pool, job, subscriber }: UploadState): void {
  pool.done(job);
  subscriber.complete();
}

function sendSmall(upload: UploadState, client: Client): Observable<TryEvent> {
  const hooks = {
    sent: (sent: SentContent) => {
      upload.sentNow = sent;
    },
    sha256: () => upload.sha256,
  };
  return client.put(upload.filename, () => openSmall(upload), upload.putSettings, hooks);
}

function openSmall(upload: UploadState): Content | Promise<Content> {
  const opened = opener(upload.content)();
  return opened instanceof Promise
    ? opened.then((content) => inspectOpened(upload, content))
    : inspectOpened(upload, opened);
}

/** Closes content that is large after all, and throws. Computes the SHA-256 of small content if it is wanted. */
function inspectOpened(upload: UploadState, content: Content): Content | Promise<Content> {
  if (upload.isLarge(content)) {
    content.close?.();
    throw TURNED_OUT_LARGE;
  }
  upload.openedMtime = content.mtime;
  if (!upload.isVerified) return content;
  if (content.readOnce) {
    content.close?.();
    throw new ContentError('read-once', VERIFY_READS_TWICE);
  }
  return hashOf(content).then(
    (hash) => {
      upload.sha256 = hash;
      return content;
    },
    (thrown: unknown) => {
      content.close?.();
      throw thrown;
    },
  );
}

function sendLarge(upload: UploadState, client: Client): Observable<TryEvent> {
  upload.resumeState ??= createResumeState();
  const { filename, content, settings, putSettings, progress, sendWindow, isVerified } = upload;
  const idOf = (opened: Content) => uploadIdOf(filename, opened, settings);
  const source = { filename, content, settings: putSettings, idOf, progress, sendWindow, isVerified };
  return sendResumable(client, source, upload.resumeState);
}

/** The fault of a try after which there would be another one if the content could be read again. */
function finalFault(fault: ClientFault): ClientFault {
  const saying = <T extends { readonly message: string }>(of: T): T => ({
    ...of,
    message: `${of.message}; the content can be read only once, and so is not sent again`,
  });
  if (fault.code === 'connection') return { ...fault, cause: saying(fault.cause) };
  return fault.code === 'refused' ? { ...fault, error: saying(fault.error) } : saying(fault);
}

function onTryFailed(upload: UploadState, client: Client, fault: ClientFault): void {
  const { pool, job, sentBefore } = upload;
  if (fault.code === 'content' && fault.cause === TURNED_OUT_LARGE) {
    upload.attempt--;
    return pool.again(job, true);
  }
  if (breaksConnection(fault)) {
    upload.sentBefore = upload.sentNow ?? sentBefore;
    // Nothing of a try arrives late that has sent nothing: one on a connection that was dropped before it, say.
    if (job.large && !(fault.code === 'connection' && !fault.sent)) upload.brokenTries++;
  }
  if (isRefused(fault, 'upload-taken') && upload.brokenTries > 0 && upload.takenTries < TAKEN_TRIES_MAX) {
    // A try of this upload took it over, and is broken off. Once for each: two clients must not take it in turns.
    upload.brokenTries--;
    upload.takenTries++;
    return pool.failed(job, fault, true);
  }
  if (upload.once?.isBegun) {
    upload.once.isSpent = isRetryable(fault);
    return pool.failed(job, fault, false);
  }
  if (!isRefused(fault, 'exists') || sentBefore === null) return pool.failed(job, fault);
  // The file may exist because an earlier try was carried out and its ack was lost.
  const mtime = upload.settings.mtime ?? upload.openedMtime;
  storedAs(client, upload.filename, sentBefore, mtime).then(
    (found) => {
      if (upload.subscriber.closed) return;
      if (found === null) return pool.failed(job, fault);
      onTryEvent(upload, found);
      finish(upload);
    },
    (thrown: unknown) => pool.failed(job, clientFault(thrown)),
  );
}
