/**
 * The unfinished uploads of a disk store: which put writes to which, who may take one over, how many there
 * may be and for how long.
 *
 * Calls on one key run one at a time, so no other call comes between finding an upload and taking it. A put
 * that writes to one may end at any time; only then does it leave `writers`.
 */
import type { Hash } from 'node:crypto';
import { hashFor } from '../../content-check.ts';
import type { Outcome, PutOptions, UploadOffset } from '../../contract.ts';
import { createKeyedLock } from '../../keyed-lock.ts';
import { err, ok, okVoid, type RefusedOutcome } from '../../outcome.ts';
import type { Task } from '../../task.ts';
import { badOffset, keyFault, tooManyUploads, type UploadLimits } from '../../upload-limits.ts';
import type { Folder } from '../directory.ts';
import type { Disk } from '../disk.ts';
import { OPEN_FLAGS } from '../disk-io.ts';
import { ignoreSystemErrors } from '../errno.ts';
import { spaceFault } from '../space.ts';
import type { StagingFolder } from '../staging-folder.ts';
import { type ActiveUpload, createActiveUpload } from './active-upload.ts';
import type { StoredUploads } from './stored-uploads.ts';
import { activeFileName, type UploadRecord } from './upload-record.ts';
import { hashBeginning } from './verify-upload.ts';

/** A put that writes to an upload. */
export interface UploadWriter {
  /**
   * Takes the upload from the put, and waits until it has released it. False when the put ended by itself
   * before.
   */
  take(keep: boolean): Task<boolean>;
  /** The bytes of the upload that it has. */
  readonly written: number;
}

/** Makes the put that will write to an upload. `hash` already contains the stored bytes. */
type CreateWriter<H extends UploadWriter> = (upload: ActiveUpload, hash: Hash | undefined) => H;

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

type RunInBackground = (task: Task<Outcome<void>>) => unknown;

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
  const { io, directories } = disk;
  const { clock, maxUploads } = limits;
  const lock = createKeyedLock();
  /**
   * The puts that write to an upload, by key. `maxUploads` bounds them, with `stored.known` and `starting`.
   */
  const writers = new Map<string, UploadWriter>();
  /** The number of calls that run or wait, by key; the calls under way bound it. */
  const callsByKey = new Map<string, number>();
  /** Keys whose upload is being made or reopened, and may be in neither of the two yet. */
  const starting = new Set<string>();
  let serial = 0;

  const stopSweeping = clock.every(limits.sweepEveryMs, () => runInBackground(sweep()));

  function count(): number {
    let known = stored.known.size + writers.size;
    for (const key of starting) if (!stored.known.has(key) && !writers.has(key)) known += 1;
    return known;
  }

  function* runExclusive<T>(key: string, steps: () => Task<Outcome<T>>): Task<Outcome<T>> {
    const fault = keyFault(key);
    if (fault !== undefined) return fault;
    callsByKey.set(key, (callsByKey.get(key) ?? 0) + 1);
    try {
      return yield* lock.run(key, steps());
    } finally {
      const left = (callsByKey.get(key) ?? 1) - 1;
      if (left === 0) callsByKey.delete(key);
      else callsByKey.set(key, left);
    }
  }

  /** Returns whether there was a put to take it from. */
  function* takeOver(key: string, keep = true): Task<boolean> {
    const writer = writers.get(key);
    return writer !== undefined && (yield* writer.take(keep));
  }

  function* begin<H extends UploadWriter>(
    key: string,
    options: PutOptions,
    createWriter: CreateWriter<H>,
  ): Task<Outcome<H>> {
    yield* takeOver(key);
    let found: UploadRecord | undefined;
    if (options.offset === undefined) yield* stored.drop(key);
    else found = yield* stored.find(key);
    const length = found?.length ?? 0;
    if (options.offset !== undefined && options.offset !== length) return badOffset(length);
    if (found === undefined && count() >= maxUploads) return tooManyUploads(maxUploads);

    starting.add(key);
    try {
      const fault = yield* sizeFault(key, options.size, length);
      if (fault !== undefined) return fault;
      const upload = found === undefined ? yield* createUpload(key) : yield* reopenUpload(found);
      if (upload === undefined) return badOffset(0);
      const hash = hashFor(options);
      const hashFault = hash === undefined ? undefined : yield* hashExisting(key, upload, hash);
      if (hashFault !== undefined) return hashFault;
      const writer = createWriter(upload, hash);
      writers.set(key, writer);
      return ok(writer);
    } finally {
      starting.delete(key);
    }
  }

  /**
   * The error when the rest of the content cannot be stored. The stored bytes are then dropped, as when a
   * sink fails so.
   */
  function* sizeFault(key: string, size: number, length: number): Task<RefusedOutcome | undefined> {
    const fault =
      length > size
        ? err('size-mismatch', 'there is more of it than was said', { expected: size, actual: length })
        : yield* spaceFault(io, directories, size - length);
    if (fault !== undefined) yield* stored.drop(key);
    return fault;
  }

  const activeUpload = (folder: Folder, serial: number, fd: number, record: UploadRecord): ActiveUpload =>
    createActiveUpload({ disk, stored, folder, serial, fd, record, background: runInBackground });

  function* createUpload(key: string): Task<ActiveUpload> {
    const number = ++serial;
    const record: UploadRecord = { key, length: 0, crc32: 0, synced: true };
    return yield* staging.within(function* (folder) {
      const path = directories.at(folder, activeFileName(number, record));
      const fd = yield* io.open(path, OPEN_FLAGS.createUpload, 0o666);
      return activeUpload(folder, number, fd, record);
    });
  }

  /** Undefined when another process took it. */
  function* reopenUpload(record: UploadRecord): Task<ActiveUpload | undefined> {
    const number = ++serial;
    const folder = yield* staging.within(function* (own) {
      return (yield* stored.take(record, directories.at(own, activeFileName(number, record))))
        ? own
        : undefined;
    });
    if (folder === undefined) return undefined;
    const path = directories.at(folder, activeFileName(number, record));
    let fd: number | undefined;
    try {
      fd = yield* io.open(path, OPEN_FLAGS.reopenUpload);
      // Bytes beyond the record were written before a crash, and may be damaged.
      if (io.fs.fstatSync(fd).size > record.length) yield* io.truncate(fd, record.length);
      return activeUpload(folder, number, fd, record);
    } catch (error) {
      if (fd !== undefined) io.closeQuietly(fd);
      yield* ignoreSystemErrors(putBack(path, record));
      throw error;
    }
  }

  function* putBack(path: string, record: UploadRecord): Task<void> {
    yield* stored.store(path, record);
  }

  /**
   * Updates the hash with the stored bytes, since no state of a hash is stored. Stores the upload again if
   * that fails.
   */
  function* hashExisting(key: string, upload: ActiveUpload, hash: Hash): Task<RefusedOutcome | undefined> {
    const mayContinue = () => !isClosing() && (callsByKey.get(key) ?? 0) <= 1;
    let hashed = false;
    try {
      hashed = yield* hashBeginning(io, upload.fd, upload.start.offset, hash, mayContinue);
    } finally {
      if (!hashed) yield* upload.store(upload.start, true, false);
    }
    if (hashed) return undefined;
    return isClosing() ? err('shutting-down') : err('upload-taken');
  }

  function* resume(key: string): Task<Outcome<UploadOffset>> {
    yield* takeOver(key);
    const found = yield* stored.find(key);
    const record = found === undefined ? undefined : yield* stored.secure(found);
    return ok({ offset: record?.length ?? 0, crc32: record?.crc32 ?? 0 });
  }

  function* cancel(key: string): Task<Outcome<void>> {
    const wasActive = yield* takeOver(key, false);
    const wasStored = yield* stored.drop(key);
    return wasActive || wasStored ? okVoid : err('not-found', 'there is nothing of such an upload');
  }

  function* sweep(): Task<Outcome<void>> {
    yield* stored.sweep(clock.now() - limits.keepPartial, lock.run);
    return okVoid;
  }

  return {
    begin: (key, options, createWriter) => runExclusive(key, () => begin(key, options, createWriter)),
    resume: (key) => runExclusive(key, () => resume(key)),
    cancel: (key) => runExclusive(key, () => cancel(key)),
    detach: (key) => void writers.delete(key),
    unfinished() {
      let bytes = 0;
      for (const { length } of stored.known.values()) bytes += length;
      for (const { written } of writers.values()) bytes += written;
      return { count: count(), bytes };
    },
    close: stopSweeping,
  };
}
