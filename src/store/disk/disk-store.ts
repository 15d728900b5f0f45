/** The store on a disk: files below a root folder, published atomically and, by default, durably. */
import type { Stats } from 'node:fs';
import { resolve } from 'node:path';
import { serviceFault } from '../../files/protocol/errors.ts';
import { check, checkOptions, oneOf, optional, RECORD, TEXT } from '../../wire/argument.ts';
import { hashFor } from '../content-check.ts';
import type { Outcome, PutOptions, Sink, Source, Store } from '../contract.ts';
import { LISTING_BOUNDS, type ListingBounds } from '../listing/bounds.ts';
import { nameFault } from '../names.ts';
import { err, ok } from '../outcome.ts';
import { createSemaphore } from '../semaphore.ts';
import { run, type Task } from '../task.ts';
import { type UploadLimits, type UploadOptions, uploadLimits } from '../upload-limits.ts';
import { type ChecksumCache, createChecksumCache } from './checksums/checksum-cache.ts';
import { type ChecksumJournal, createChecksumJournal, NO_JOURNAL } from './checksums/checksum-journal.ts';
import { createDirectories } from './directories.ts';
import { CALLS_IN_FOLDERS_MAX, type Disk, fileInfoWithChecksum } from './disk.ts';
import { createDiskIo, OPEN_FLAGS } from './disk-io.ts';
import { createDiskSink, type DiskSink, type RunCall } from './disk-sink.ts';
import { createDiskSource, type DiskSource } from './disk-source.ts';
import { errnoOf, explanationOf, ignoreSystemErrors, systemFault } from './errno.ts';
import { inFolderOf, moveFile, putFault, regularFile, removeFile, statFile } from './file-operations.ts';
import { type FileSystem, nodeFileSystem } from './file-system.ts';
import { createDiskListings } from './list.ts';
import { openRoot } from './root.ts';
import { SPACE_CHECK_BYTES_MIN, spaceFault } from './space.ts';
import { openStagingFolder, type StagingFolder } from './staging-folder.ts';
import { createDiskUploads } from './uploads/disk-uploads.ts';
import { createStoredUploads, type StoredUploads } from './uploads/stored-uploads.ts';

export interface DiskStoreOptions extends UploadOptions {
  /**
   * `fsync` (the default): the store answers once the change survives a power cut. `os`: once the operating
   * system has it, which survives the end of this process but not of the machine.
   */
  readonly durability?: 'fsync' | 'os';
  /**
   * Where the store keeps the CRC-32 of committed files, which `open` and `stat` return: in `memory` (the
   * default), until the store is closed; or on the `disk` as well, in `.sluice/sums`, for stores that open
   * the root later.
   */
  readonly checksums?: 'memory' | 'disk';
  /**
   * Bounds on listings, for machines with little memory and for tests; those not given have their defaults.
   */
  readonly listing?: Partial<ListingBounds>;
  /** Another file system underneath, for tests. */
  readonly fs?: FileSystem;
}

const OPTION_RULES = {
  durability: optional(oneOf('fsync', 'os')),
  checksums: optional(oneOf('memory', 'disk')),
  fs: optional(RECORD),
};

/** A put of at least this many bytes is refused before its content is sent if its commit would be refused. */
const EARLY_CHECK_BYTES_MIN = 64 * 1024;

/**
 * Opens a store on a folder, which is made if it is missing. The folder may be a symbolic link, or be reached
 * through some; below it the store follows none. The store removes the unfinished files of dead processes,
 * except uploads, which it keeps as `UploadOptions` says. Several stores, in one process or in several, may
 * be open on one root.
 *
 * With durability `fsync` many puts should be under way at once: they share syncs. Each takes a thread of the
 * pool while it waits for the disk, so `UV_THREADPOOL_SIZE` bounds how many wait together.
 *
 * For POSIX systems. On Linux the protection from symbolic links has no races; see `directories.ts` for
 * others. The root must be one file system: no file can be moved into a folder on which another one is
 * mounted (`io-error`, `EXDEV`).
 *
 * @returns an error that names the path and says what to do when the root cannot be made or written to.
 * @example
 * const store = await openDiskStore('uploads');
 * if (!store.ok) throw new Error(store.error.message);
 * const sink = await store.value.put('a/b.txt', { size: 5 });
 */
export async function openDiskStore(root: string, options: DiskStoreOptions = {}): Promise<Outcome<Store>> {
  check('openDiskStore: the root', root, TEXT);
  checkOptions('openDiskStore', options, OPTION_RULES);
  const durable = options.durability !== 'os';
  const io = createDiskIo(options.fs ?? nodeFileSystem, durable);
  const limits = uploadLimits(options);
  try {
    return ok(createDiskStore(...(await run(openDisk())), limits));
  } catch (error) {
    const failure = systemFault(error);
    if (failure === undefined) throw error;
    const { code, cause } = failure.error;
    const help = explanationOf(error) ?? ADVICE_BY_CODE[code] ?? DEFAULT_ADVICE;
    const what = `${resolve(root)} cannot be used as the root of a store (${cause}); ${help}`;
    return { ok: false, error: { ...serviceFault(code, undefined, { cause }), message: what } };
  }

  function* openDisk(): Task<[Disk, StagingFolder, StoredUploads, ChecksumJournal]> {
    const folder = yield* openRoot(io, root, durable);
    try {
      const directories = createDirectories(io, folder, durable);
      const checksums: ChecksumCache = createChecksumCache((name, sum) => journal.add(name, sum));
      const journal =
        options.checksums === 'disk' ? createChecksumJournal(io, directories, () => checksums) : NO_JOURNAL;
      const listings = createDiskListings({ io, directories }, { ...LISTING_BOUNDS, ...options.listing });
      const folderCalls = createSemaphore(CALLS_IN_FOLDERS_MAX);
      const disk = {
        io,
        durable,
        directories,
        folderCalls,
        checksums,
        listings,
      };
      const stored = createStoredUploads(disk);
      const staging = yield* openStagingFolder(io, directories, stored.rescue);
      // No call is under way in this store yet. A file that cannot be read now is looked at later.
      yield* ignoreSystemErrors(stored.sweep(limits.clock.now() - limits.keepPartial, (_, steps) => steps));
      yield* journal.load(checksums);
      return [disk, staging, stored, journal];
    } catch (error) {
      io.closeQuietly(folder.fd);
      throw error;
    }
  }
}

const DEFAULT_ADVICE = 'choose another folder';
const ADVICE_BY_CODE: Partial<Record<string, string>> = {
  'permission-denied': 'let this user write there, or choose another folder',
  'read-only': 'mount it writable, or choose another folder',
  'disk-full': 'make room on its disk',
  'too-many-open-files': 'raise the limit on open files',
  'name-conflict': 'something that is not a folder is in the way; remove it, or choose another folder',
  exists: 'something that is not a folder is in the way; remove it, or choose another folder',
};

function createDiskStore(
  disk: Disk,
  staging: StagingFolder,
  stored: StoredUploads,
  journal: ChecksumJournal,
  limits: UploadLimits,
): Store {
  const { io, durable, listings } = disk;
  const sinks = new Set<DiskSink>();
  const sources = new Set<DiskSource>();
  /** Calls under way. */
  let callsRunning = 0;
  let closing: Promise<void> | undefined;
  let onIdle = () => {};

  const runCall: RunCall = (task) => (closing === undefined ? run(tracked(task)) : err('shutting-down'));
  const runInFolder: RunCall = (task) => runCall(disk.folderCalls.run(task));
  const uploads = createDiskUploads(disk, staging, stored, limits, runCall, () => closing !== undefined);

  function* tracked<T>(steps: Task<Outcome<T>>): Task<Outcome<T>> {
    callsRunning += 1;
    try {
      return yield* steps;
    } catch (error) {
      const failure = systemFault(error);
      if (failure === undefined) throw error;
      return failure;
    } finally {
      callsRunning -= 1;
      if (callsRunning === 0) onIdle();
    }
  }

  /** Closes descriptors only after all calls have ended: other files soon get the same numbers. */
  async function close(): Promise<void> {
    uploads.close();
    listings.stop();
    if (callsRunning > 0) await new Promise<void>((resolve) => (onIdle = resolve));
    for (const sink of sinks) await run(sink.discard());
    for (const source of sources) await run(source.release());
    await journal.close();
    await run(listings.close());
    await run(staging.close());
    disk.directories.close();
  }

  return {
    durable,
    put: (name, options) => nameFault(name) ?? runCall(beginPut(name, options)),
    resume: (upload) => runCall(uploads.resume(upload)),
    cancel: (upload) => runCall(uploads.cancel(upload)),
    unfinished: uploads.unfinished,
    open: (name) => nameFault(name) ?? runInFolder(inFolderOf(disk, name, (path) => openFile(path, name))),
    stat: (name) => nameFault(name) ?? runInFolder(statFile(disk, name)),
    list: (options) => runCall(listings.list(options)),
    remove: (name) => nameFault(name) ?? runInFolder(removeFile(disk, name)),
    rename: (from, to, options) =>
      nameFault(from) ?? nameFault(to) ?? runInFolder(moveFile(disk, from, to, options?.ifAbsent)),
    close: () => {
      closing ??= close();
      return closing;
    },
  };

  function* beginPut(name: string, options: PutOptions): Task<Outcome<Sink>> {
    const earlyFault =
      options.size >= EARLY_CHECK_BYTES_MIN
        ? yield* disk.folderCalls.run(putFault(disk, name, options.ifAbsent))
        : undefined;
    if (earlyFault !== undefined) return earlyFault;
    const { upload } = options;
    if (upload !== undefined) return yield* beginUpload(upload, name, options);
    const noSpace =
      options.size >= SPACE_CHECK_BYTES_MIN
        ? yield* spaceFault(io, disk.directories, options.size)
        : undefined;
    if (noSpace !== undefined) return noSpace;
    const staged = yield* staging.create();
    const onEnd = () => sinks.delete(sink);
    const sink = createDiskSink(disk, runCall, staged, name, options, onEnd, hashFor(options));
    sinks.add(sink);
    return ok(sink);
  }

  function beginUpload(upload: string, name: string, options: PutOptions): Task<Outcome<Sink>> {
    return uploads.begin(upload, options, (uploadFile, hash) => {
      const onEnd = () => {
        sinks.delete(sink);
        uploads.detach(upload);
      };
      const sink = createDiskSink(disk, runCall, uploadFile, name, options, onEnd, hash, uploadFile);
      sinks.add(sink);
      return sink;
    });
  }

  function* openFile(path: string, name: string): Task<Outcome<Source>> {
    let fd: number;
    try {
      fd = yield* io.open(path, OPEN_FLAGS.read);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === 'ELOOP') return err('not-a-file', 'it is a symbolic link, which is not followed');
      throw error;
    }
    let file: Outcome<Stats> | undefined;
    try {
      file = regularFile(io.fs.fstatSync(fd));
    } finally {
      if (file?.ok !== true) yield* ignoreSystemErrors(io.close(fd));
    }
    if (!file.ok) return file;
    const source = createDiskSource(io, runCall, fd, fileInfoWithChecksum(disk, name, file.value), () =>
      sources.delete(source),
    );
    sources.add(source);
    return ok(source);
  }
}
