/** Begins or resumes an upload for a put. */
import type { Hash } from 'node:crypto';
import { hashFor } from '../../content-check.ts';
import type { Outcome, PutOptions } from '../../contract.ts';
import { err, ok, type RefusedOutcome } from '../../outcome.ts';
import type { Task } from '../../task.ts';
import { badOffset, tooManyUploads } from '../../upload-limits.ts';
import { spaceFault } from '../space.ts';
import type { ActiveUpload } from './active-upload.ts';
import { createUpload, reopenUpload } from './open-upload.ts';
import type { KeyGrant } from './upload-keys.ts';
import type { UploadRecord } from './upload-record.ts';
import {
  countUploads,
  mayContinue,
  takeOver,
  type UploadsState,
  type UploadWriter,
} from './upload-writers.ts';
import { hashBeginning } from './verify-upload.ts';

/** Makes the put that will write to an upload. `hash` already contains the stored bytes. */
export type CreateWriter<H extends UploadWriter> = (upload: ActiveUpload, hash: Hash | undefined) => H;

export function* beginUpload<H extends UploadWriter>(
  uploads: UploadsState,
  key: string,
  options: PutOptions,
  createWriter: CreateWriter<H>,
  grant: KeyGrant | undefined,
): Task<Outcome<H>> {
  const { stored, starting, limits } = uploads;
  yield* takeOver(uploads, key);
  let found: UploadRecord | undefined;
  if (options.offset === undefined) yield* stored.drop(key);
  else found = yield* stored.find(key);
  const length = found?.length ?? 0;
  if (options.offset !== undefined && options.offset !== length) return badOffset(length);
  const mayBegin = grant?.mayBegin ?? countUploads(uploads) < limits.maxUploads;
  if (found === undefined && !mayBegin) return tooManyUploads(limits.maxUploads);

  starting.add(key);
  try {
    return yield* openWriter(uploads, key, found, options, createWriter);
  } finally {
    starting.delete(key);
  }
}

/** @param found the stored bytes that the put continues; undefined when it begins anew. */
function* openWriter<H extends UploadWriter>(
  uploads: UploadsState,
  key: string,
  found: UploadRecord | undefined,
  options: PutOptions,
  createWriter: CreateWriter<H>,
): Task<Outcome<H>> {
  const fault = yield* sizeFault(uploads, key, options.size, found?.length ?? 0);
  if (fault !== undefined) return fault;
  const upload =
    found === undefined ? yield* createUpload(uploads, key) : yield* reopenUpload(uploads, found);
  if (upload === undefined) return badOffset(0);
  const hash = hashFor(options);
  const hashFault = hash === undefined ? undefined : yield* hashExisting(uploads, key, upload, hash);
  if (hashFault !== undefined) return hashFault;
  const writer = createWriter(upload, hash);
  uploads.writers.set(key, writer);
  uploads.shared?.noteBegun(key);
  return ok(writer);
}

/**
 * The error when the rest of the content cannot be stored. The stored bytes are then dropped, as when a
 * sink fails so.
 */
function* sizeFault(
  { disk, stored }: UploadsState,
  key: string,
  size: number,
  length: number,
): Task<RefusedOutcome | undefined> {
  const fault =
    length > size
      ? err('size-mismatch', 'there is more of it than was said', { expected: size, actual: length })
      : yield* spaceFault(disk.io, disk.directories, size - length);
  if (fault !== undefined) yield* stored.drop(key);
  return fault;
}

/**
 * Updates the hash with the stored bytes, since no state of a hash is stored. Stores the upload again if
 * that fails.
 */
function* hashExisting(
  uploads: UploadsState,
  key: string,
  upload: ActiveUpload,
  hash: Hash,
): Task<RefusedOutcome | undefined> {
  const { disk, isClosing } = uploads;
  let hashed = false;
  try {
    hashed = yield* hashBeginning(disk.io, upload.fd, upload.start.offset, hash, () =>
      mayContinue(uploads, key),
    );
  } finally {
    if (!hashed) yield* upload.store(upload.start, true, false);
  }
  if (hashed) return undefined;
  return isClosing() ? err('shutting-down') : err('upload-taken');
}
