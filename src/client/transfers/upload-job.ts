/** An upload over the connections of a pool: one try after the other, small content by a put, large content resumed. */
import type { Observable, Subscriber } from 'rxjs';
import type { Client } from '../client.ts';
import { ClientError, type ClientFault } from '../client-fault.ts';
import type { Content } from '../content/content.ts';
import { clientFault, hashOf } from '../content/read-content.ts';
import type { SentContent } from '../pipeline/client-request.ts';
import type { ConnectionPool } from '../pool/connection-pool.ts';
import { createJob } from '../pool/pool-state.ts';
import { breaksConnection, isRefused } from '../pool/retry.ts';
import { type ContentSource, opener } from '../put.ts';
import { sendResumable } from './resumable.ts';
import { storedAs, type TryEvent } from './resume-point.ts';
import { createResumeState } from './resume-state.ts';
import {
  type Progress,
  RESUME_THRESHOLD_BYTES,
  type Uploaded,
  type UploadSettings,
  type UploadsOptions,
  uploadIdOf,
} from './upload.ts';
import { onTryEvent, type UploadState } from './upload-state.ts';

export interface UploadRequest {
  readonly pool: ConnectionPool;
  readonly options: UploadsOptions;
  readonly filename: string;
  readonly content: ContentSource;
  readonly settings: UploadSettings;
  readonly subscriber: Subscriber<Progress | Uploaded>;
}

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
  const { resumeThreshold = RESUME_THRESHOLD_BYTES, progress = 4 * 1024 * 1024, scheduler } = options;
  const { resume = true, verify, mtime, ifAbsent } = settings;
  const isLarge = ({ size }: Content) => resume && size >= resumeThreshold;
  const upload: UploadState = {
    pool,
    job: createJob(
      (client) => beginTry(upload, client),
      (fault) => subscriber.error(new ClientError(fault)),
      typeof content !== 'function' && isLarge(content),
    ),
    filename,
    content,
    settings,
    putSettings: { ...(mtime === undefined ? {} : { mtime }), ...(ifAbsent ? { ifAbsent } : {}) },
    subscriber,
    progress,
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
    sha256: undefined,
    openedMtime: undefined,
    resumeState: null,
  };
  return upload;
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
  const { filename, content, settings, putSettings, progress, isVerified } = upload;
  const idOf = (opened: Content) => uploadIdOf(filename, opened, settings);
  const source = { filename, content, settings: putSettings, idOf, progress, isVerified };
  return sendResumable(client, source, upload.resumeState);
}

function onTryFailed(upload: UploadState, client: Client, fault: ClientFault): void {
  const { pool, job, sentBefore } = upload;
  if (fault.code === 'content' && fault.cause === TURNED_OUT_LARGE) {
    upload.attempt--;
    return pool.again(job, true);
  }
  if (breaksConnection(fault)) {
    upload.sentBefore = upload.sentNow ?? sentBefore;
    if (job.large) upload.brokenTries++;
  }
  if (isRefused(fault, 'upload-taken') && upload.brokenTries > 0) {
    // A try of this upload took it over, and is broken off. Once for each: two clients must not take it in turns.
    upload.brokenTries--;
    return pool.failed(job, fault, true);
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
