/**
 * The unfinished uploads of a disk store: which put writes to which, who may take one over, how many there
 * may be and for how long.
 */
import type { Outcome, PutOptions, UploadOffset } from '../../contract.ts';
import { createKeyedLock } from '../../keyed-lock.ts';
import { err, ok, okVoid } from '../../outcome.ts';
import type { Task } from '../../task.ts';
import type { UploadLimits } from '../../upload-limits.ts';
import type { Disk } from '../disk.ts';
import type { StagingFolder } from '../opening/staging-folder.ts';
import { beginUpload, type CreateWriter } from './begin-upload.ts';
import type { RunInBackground } from './recorded-bytes.ts';
import type { StoredUploads } from './stored-uploads.ts';
import {
  countUploads,
  runExclusive,
  takeOver,
  type UploadsState,
  type UploadWriter,
} from './upload-writers.ts';

export interface DiskUploads {
  /** Begins or resumes an upload for a put, as `PutOptions` says. */
  begin<H extends UploadWriter>(
    key: string,
    options: PutOptions,
    createWriter: CreateWriter<H>,
  ): Task<Outcome<H>>;
  /** Called when a put has released its upload, however it ended. */
  detach(key: string): void;
  resume(key: string): Task<Outcome<UploadOffset>>;
  cancel(key: string): Task<Outcome<void>>;
  unfinished(): { readonly count: number; readonly bytes: number };
  /** Stops the removal of old uploads. */
  close(): void;
}

/**
 * @param runInBackground runs a task for which no call waits, unless the store is closing.
 * @param isClosing whether the store is closing: long work is then given up.
 */
export function createDiskUploads(
  disk: Disk,
  staging: StagingFolder,
  stored: StoredUploads,
  limits: UploadLimits,
  runInBackground: RunInBackground,
  isClosing: () => boolean,
): DiskUploads {
  const uploads: UploadsState = {
    disk,
    staging,
    stored,
    runInBackground,
    serial: 0,
    limits,
    isClosing,
    lock: createKeyedLock(),
    writers: new Map(),
    callsByKey: new Map(),
    starting: new Set(),
  };
  return {
    begin: (key, options, createWriter) =>
      runExclusive(uploads, key, () => beginUpload(uploads, key, options, createWriter)),
    resume: (key) => runExclusive(uploads, key, () => resume(uploads, key)),
    cancel: (key) => runExclusive(uploads, key, () => cancel(uploads, key)),
    detach: (key) => void uploads.writers.delete(key),
    unfinished: () => unfinished(uploads),
    close: limits.clock.every(limits.sweepEveryMs, () => runInBackground(sweep(uploads))),
  };
}

function* resume(uploads: UploadsState, key: string): Task<Outcome<UploadOffset>> {
  const { stored } = uploads;
  yield* takeOver(uploads, key);
  const found = yield* stored.find(key);
  const record = found === undefined ? undefined : yield* stored.secure(found);
  return ok({ offset: record?.length ?? 0, crc32: record?.crc32 ?? 0 });
}

function* cancel(uploads: UploadsState, key: string): Task<Outcome<void>> {
  const wasActive = yield* takeOver(uploads, key, false);
  const wasStored = yield* uploads.stored.drop(key);
  return wasActive || wasStored ? okVoid : err('not-found', 'there is nothing of such an upload');
}

function unfinished(uploads: UploadsState): { readonly count: number; readonly bytes: number } {
  let bytes = 0;
  for (const { length } of uploads.stored.known.values()) bytes += length;
  for (const { written } of uploads.writers.values()) bytes += written;
  return { count: countUploads(uploads), bytes };
}

/**
 * Removes old uploads. It uses the lock alone: if it counted as a call on its key, a put that hashes the
 * stored bytes would give up.
 */
function* sweep({ stored, limits, lock }: UploadsState): Task<Outcome<void>> {
  yield* stored.sweep(limits.clock.now() - limits.keepPartial, lock.run);
  return okVoid;
}
