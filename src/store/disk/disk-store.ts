/** The store on a disk: files below a root folder, put there atomically and, unless told otherwise, durably. */
import type { Stats } from 'node:fs';
import { resolve } from 'node:path';
import { errorInfo } from '../../files/protocol/errors.ts';
import { check, checkOptions, oneOf, optional, RECORD, TEXT } from '../../wire/argument.ts';
import { hashFor } from '../content-check.ts';
import type { Outcome, PutOptions, Sink, Source, Store } from '../contract.ts';
import { LISTING_BOUNDS, type ListingBounds } from '../listing/bounds.ts';
import { refusedName } from '../names.ts';
import { err, ok } from '../outcome.ts';
import { semaphore } from '../semaphore.ts';
import { run, type Task } from '../task.ts';
import { type UploadLimits, type UploadOptions, uploadLimits } from '../upload-limits.ts';
import { type ChecksumCache, checksumCache } from './checksums/checksum-cache.ts';
import { type ChecksumJournal, checksumJournal, noJournal } from './checksums/checksum-journal.ts';
import { directories } from './directories.ts';
import { diskIo, flags } from './disk-io.ts';
import { type DiskSink, diskSink, type Perform } from './disk-sink.ts';
import { type DiskSource, diskSource } from './disk-source.ts';
import { errnoOf, systemFailure, tried, whyOf } from './errno.ts';
import {
  checkedInfoOf,
  inFolderOf,
  moveFile,
  regularFile,
  removeFile,
  statFile,
  whyNotPut,
} from './file-operations.ts';
import { type FileSystem, nodeFileSystem } from './file-system.ts';
import { diskListings } from './list.ts';
import { CALLS_IN_FOLDERS_MAX, type Disk } from './publish-file.ts';
import { openRoot } from './root.ts';
import { whyNoRoom, worthAsking } from './space.ts';
import { openStagingFolder, type StagingFolder } from './staging-folder.ts';
import { diskUploads } from './uploads/disk-uploads.ts';
import { type StoredUploads, storedUploads } from './uploads/stored-uploads.ts';

export interface DiskStoreOptions extends UploadOptions {
  /**
   * `fsync` (the default): an answer is given once what it says survives a power cut. `os`: once the operating
   * system has it, which survives the end of this process but not of the machine.
   */
  readonly durability?: 'fsync' | 'os';
  /**
   * Where the CRC-32 of what was committed is kept, so that `open` and `stat` can say it: in `memory` (the default), until
   * the store is closed; or on the `disk` as well, in `.sluice/sums`, for stores that open the root later.
   */
  readonly checksums?: 'memory' | 'disk';
  /** Bounds on listings, for machines with less memory than most, and for tests; those not given are the usual ones. */
  readonly listing?: Partial<ListingBounds>;
  /** Another file system underneath, for tests. */
  readonly fs?: FileSystem;
}

const DISK_RULES = {
  durability: optional(oneOf('fsync', 'os')),
  checksums: optional(oneOf('memory', 'disk')),
  fs: optional(RECORD),
};

/** From this many bytes on a put is refused before its content comes if it would be refused after. */
const SPACE_CHECK_BYTES_MIN = 64 * 1024;

/**
 * Opens a store on a folder, which is made if it is missing. It may be a symbolic link, or reached through some; below
 * it none is followed. What dead processes left unfinished in it is removed, but for uploads, which are kept as
 * `UploadOptions` says. Several stores, in one process or in
 * several, may be open on one root.
 *
 * With durability `fsync` many puts should be under way at once: they share syncs. Each takes a thread of the pool
 * while it waits for the disk, so `UV_THREADPOOL_SIZE` bounds how many wait together.
 *
 * For POSIX systems. On Linux the safety from symbolic links has no races; see `directories.ts` for others. The root is
 * to be one file system: into a folder that another is mounted on, no file can be moved (`io-error`, `EXDEV`).
 *
 * @returns an error that names the path and says what to do when the root cannot be made or written to.
 * @example
 * const store = await openDiskStore('uploads');
 * if (!store.ok) throw new Error(store.error.message);
 * const sink = await store.value.put('a/b.txt', { size: 5 });
 */
export async function openDiskStore(root: string, options: DiskStoreOptions = {}): Promise<Outcome<Store>> {
  check('openDiskStore: the root', root, TEXT);
  checkOptions('openDiskStore', options, DISK_RULES);
  const durable = options.durability !== 'os';
  const io = diskIo(options.fs ?? nodeFileSystem, durable);
  const limits = uploadLimits(options);
  try {
    return ok(diskStore(...(await run(openDisk())), limits));
  } catch (error) {
    const failure = systemFailure(error);
    if (failure === undefined) throw error;
    const { code, cause } = failure.error;
    const help = whyOf(error) ?? advice[code] ?? otherAdvice;
    const what = `${resolve(root)} cannot be used as the root of a store (${cause}); ${help}`;
    return { ok: false, error: { ...errorInfo(code, undefined, { cause }), message: what } };
  }

  function* openDisk(): Task<[Disk, StagingFolder, StoredUploads, ChecksumJournal]> {
    const folder = yield* openRoot(io, root, durable);
    try {
      const below = directories(io, folder, durable);
      const sums: ChecksumCache = checksumCache((name, sum) => journal.add(name, sum));
      const journal = options.checksums === 'disk' ? checksumJournal(io, below, () => sums) : noJournal;
      const listings = diskListings({ io, directories: below }, { ...LISTING_BOUNDS, ...options.listing });
      const entrance = semaphore(CALLS_IN_FOLDERS_MAX);
      const disk = { io, durable, directories: below, entrance, sums, listings };
      const kept = storedUploads(disk);
      const temporaries = yield* openStagingFolder(io, below, kept.rescue);
      // Nobody else is at work in this store yet. What cannot be looked at now is looked at later.
      yield* tried(kept.sweep(limits.clock.now() - limits.keepPartial, (_, steps) => steps));
      yield* journal.load(sums);
      return [disk, temporaries, kept, journal];
    } catch (error) {
      io.letGo(folder.fd);
      throw error;
    }
  }
}

const otherAdvice = 'choose another folder';
const advice: Partial<Record<string, string>> = {
  'permission-denied': 'let this user write there, or choose another folder',
  'read-only': 'mount it writable, or choose another folder',
  'disk-full': 'make room on its disk',
  'too-many-open-files': 'raise the limit on open files',
  'name-conflict': 'something that is not a folder is in the way; remove it, or choose another folder',
  exists: 'something that is not a folder is in the way; remove it, or choose another folder',
};

function diskStore(
  disk: Disk,
  temporaries: StagingFolder,
  kept: StoredUploads,
  journal: ChecksumJournal,
  limits: UploadLimits,
): Store {
  const { io, durable, listings } = disk;
  const sinks = new Set<DiskSink>();
  const sources = new Set<DiskSource>();
  /** Calls that were not answered yet. */
  let busy = 0;
  let closing: Promise<void> | undefined;
  let idle = () => {};

  const perform: Perform = (task) => (closing === undefined ? run(counted(task)) : err('shutting-down'));
  const performIn: Perform = (task) => perform(disk.entrance.run(task));
  const uploads = diskUploads(disk, temporaries, kept, limits, perform, () => closing !== undefined);

  function* counted<T>(steps: Task<Outcome<T>>): Task<Outcome<T>> {
    busy += 1;
    try {
      return yield* steps;
    } catch (error) {
      const failure = systemFailure(error);
      if (failure === undefined) throw error;
      return failure;
    } finally {
      busy -= 1;
      if (busy === 0) idle();
    }
  }

  /** Descriptors are closed only once nothing is under way on them: their numbers are soon those of other files. */
  async function close(): Promise<void> {
    uploads.close();
    listings.stop();
    if (busy > 0) await new Promise<void>((resolve) => (idle = resolve));
    for (const sink of sinks) await run(sink.discard());
    for (const source of sources) await run(source.release());
    await journal.close();
    await run(listings.close());
    await run(temporaries.close());
    disk.directories.close();
  }

  return {
    durable,
    put: (name, options) => refusedName(name) ?? perform(begin(name, options)),
    resume: (upload) => perform(uploads.resume(upload)),
    cancel: (upload) => perform(uploads.cancel(upload)),
    unfinished: uploads.unfinished,
    open: (name) => refusedName(name) ?? performIn(inFolderOf(disk, name, (place) => openFile(place, name))),
    stat: (name) => refusedName(name) ?? performIn(statFile(disk, name)),
    list: (options) => perform(listings.list(options)),
    remove: (name) => refusedName(name) ?? performIn(removeFile(disk, name)),
    rename: (from, to, options) =>
      refusedName(from) ?? refusedName(to) ?? performIn(moveFile(disk, from, to, options?.ifAbsent)),
    close: () => {
      closing ??= close();
      return closing;
    },
  };

  function* begin(name: string, options: PutOptions): Task<Outcome<Sink>> {
    const early =
      options.size >= SPACE_CHECK_BYTES_MIN
        ? yield* disk.entrance.run(whyNotPut(disk, name, options.ifAbsent))
        : undefined;
    if (early !== undefined) return early;
    const { upload } = options;
    if (upload !== undefined) return yield* beginUpload(upload, name, options);
    const full =
      options.size >= worthAsking ? yield* whyNoRoom(io, disk.directories, options.size) : undefined;
    if (full !== undefined) return full;
    const temporary = yield* temporaries.create();
    const ended = () => sinks.delete(sink);
    const sink = diskSink(disk, perform, temporary, name, options, ended, hashFor(options));
    sinks.add(sink);
    return ok(sink);
  }

  function beginUpload(upload: string, name: string, options: PutOptions): Task<Outcome<Sink>> {
    return uploads.begin(upload, options, (part, hash) => {
      const ended = () => {
        sinks.delete(sink);
        uploads.ended(upload);
      };
      const sink = diskSink(disk, perform, part, name, options, ended, hash, part);
      sinks.add(sink);
      return sink;
    });
  }

  function* openFile(place: string, name: string): Task<Outcome<Source>> {
    let fd: number;
    try {
      fd = yield* io.open(place, flags.toRead);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === 'ELOOP') return err('not-a-file', 'it is a symbolic link, which is not followed');
      throw error;
    }
    let file: Outcome<Stats> | undefined;
    try {
      file = regularFile(io.fs.fstatSync(fd));
    } finally {
      if (file?.ok !== true) yield* tried(io.close(fd));
    }
    if (!file.ok) return file;
    const source = diskSource(io, perform, fd, checkedInfoOf(disk, name, file.value), () =>
      sources.delete(source),
    );
    sources.add(source);
    return ok(source);
  }
}
