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
import type { RunExclusive } from './sweep-uploads.ts';
import type { KeyGrant, SharedKeys } from './upload-keys.ts';
import {
  countUploads,
  runExclusive,
  runGranted,
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
  /** Takes an upload from its put for another store that has the key: no call of this one runs on it. */
  giveUp(key: string, keep: boolean): Task<Outcome<boolean>>;
  /** Bytes that the puts have of their uploads. */
  activeBytes(): number;
  /** Removes old uploads. */
  sweep(): Task<Outcome<void>>;
  /** Stops the removal of old uploads. */
  close(): void;
}

/**
 * @param runInBackground runs a task for which no call waits, unless the store is closing.
 * @param isClosing whether the store is closing: long work is then given up.
 * @param shared the keys that this store shares with others on its root; default it is alone.
 */
export function createDiskUploads(
  disk: Disk,
  staging: StagingFolder,
  stored: StoredUploads,
  limits: UploadLimits,
  runInBackground: RunInBackground,
  isClosing: () => boolean,
  shared?: SharedKeys,
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
    shared,
  };
  return {
    begin: (key, options, createWriter) =>
      runExclusive(uploads, key, 'put', (grant) => beginUpload(uploads, key, options, createWriter, grant)),
    resume: (key) => runExclusive(uploads, key, 'resume', () => resume(uploads, key)),
    cancel: (key) => runExclusive(uploads, key, 'cancel', (grant) => cancel(uploads, key, grant)),
    detach(key) {
      uploads.writers.delete(key);
      shared?.noteEnded(key);
    },
    unfinished: () => unfinished(uploads),
    *giveUp(key, keep) {
      return ok(yield* takeOver(uploads, key, keep));
    },
    activeBytes: () => activeBytes(uploads),
    sweep: () => sweep(uploads),
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

function* cancel(uploads: UploadsState, key: string, grant: KeyGrant | undefined): Task<Outcome<void>> {
  const wasActive = yield* takeOver(uploads, key, false);
  const wasStored = yield* uploads.stored.drop(key);
  return wasActive || grant?.wasTaken || wasStored
    ? okVoid
    : err('not-found', 'there is nothing of such an upload');
}

function unfinished(uploads: UploadsState): { readonly count: number; readonly bytes: number } {
  const { count, bytes } = uploads.shared?.others ?? { count: 0, bytes: 0 };
  let stored = 0;
  for (const { length } of uploads.stored.known.values()) stored += length;
  return { count: count + countUploads(uploads), bytes: bytes + stored + activeBytes(uploads) };
}

function activeBytes({ writers }: UploadsState): number {
  let bytes = 0;
  for (const { written } of writers.values()) bytes += written;
  return bytes;
}

/**
 * Removes old uploads. It uses the lock alone: if it counted as a call on its key, a put that hashes the
 * stored bytes would give up. Of several stores on a root one does it.
 */
function* sweep(uploads: UploadsState): Task<Outcome<void>> {
  const { stored, limits, lock, shared } = uploads;
  if (shared !== undefined && !(yield* shared.isKeeper())) return okVoid;
  const runAlone: RunExclusive = (key, steps) => lock.run(key, lookAt(uploads, key, steps));
  yield* stored.sweep(limits.clock.now() - limits.keepPartial, runAlone);
  return okVoid;
}

/** @returns undefined when the key cannot be had now. */
function* lookAt<T>(uploads: UploadsState, key: string, steps: Task<T>): Task<T | undefined> {
  if (uploads.shared === undefined) return yield* steps;
  const outcome = yield* runGranted(uploads, key, 'look', function* () {
    return ok(yield* steps);
  });
  return outcome.ok ? outcome.value : undefined;
}
