/** The store on a disk: files below a root folder, published atomically and, by default, durably. */
import { resolve } from 'node:path';
import { checkNames } from '../../base/option-names.ts';
import { type ServiceFault, serviceFault } from '../../files/protocol/errors.ts';
import { check, checkOptions, oneOf, optional, RECORD, type RulesFor, TEXT } from '../../wire/argument.ts';
import type { FileStore, Outcome } from '../contract.ts';
import { LISTING_BOUNDS, type ListingBounds } from '../listing/bounds.ts';
import { ok, type RefusedOutcome } from '../outcome.ts';
import { createSemaphore } from '../semaphore.ts';
import { run, type Task } from '../task.ts';
import { UPLOAD_RULES, type UploadLimits, type UploadOptions, uploadLimits } from '../upload-limits.ts';
import { type ChecksumCache, createChecksumCache } from './checksums/checksum-cache.ts';
import { type ChecksumJournal, createChecksumJournal, NO_JOURNAL } from './checksums/checksum-journal.ts';
import { createDirectories } from './directories.ts';
import type { Root } from './directory.ts';
import { CALLS_IN_FOLDERS_MAX, type Disk } from './disk.ts';
import { createDiskIo, type DiskIo } from './disk-io.ts';
import { explanationOf, ignoreSystemErrors, systemFault } from './errno.ts';
import { type FileSystem, nodeFileSystem } from './file-system.ts';
import { createDiskListings } from './list.ts';
import { openRoot } from './root.ts';
import { openStagingFolder } from './staging-folder.ts';
import { createDiskStore, type OpenDisk } from './store-calls.ts';
import { createStoredUploads } from './uploads/stored-uploads.ts';

/** How a disk store keeps files, checksums and unfinished uploads. All may be left out. */
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
   * Bounds on listings, for machines with little memory and for tests; those not given have the defaults that
   * `ListingBounds` lists.
   */
  readonly listing?: Partial<ListingBounds>;
  /**
   * Another file system underneath, for tests of the store; default that of Node.
   *
   * @internal
   */
  readonly fs?: FileSystem;
}

const OPTION_RULES: RulesFor<DiskStoreOptions> = {
  ...UPLOAD_RULES,
  listing: optional(RECORD),
  durability: optional(oneOf('fsync', 'os')),
  checksums: optional(oneOf('memory', 'disk')),
  fs: optional(RECORD),
};

/**
 * Opens a store on a folder, which is made if it is missing. The folder may be a symbolic link, or be reached
 * through some; below it the store follows none. The store removes the unfinished files of dead processes,
 * except uploads, which it keeps as `UploadOptions` says. Several stores, in one process or in several, may
 * be open on one root.
 *
 * With durability `fsync` many puts should be under way at once: they share syncs. Each takes a thread of the
 * pool while it waits for the disk, so `UV_THREADPOOL_SIZE` bounds how many wait together.
 *
 * For POSIX systems. On Linux the protection from symbolic links has no races; elsewhere a local user who may write
 * below the root could replace a folder by a link between the check of it and its use. The root must be one file
 * system: no file can be moved into a folder on which another one is mounted (`io-error`, `EXDEV`).
 *
 * @returns an error that names the path and says what to do when the root cannot be made or written to.
 * @example
 * const store = await openDiskStore('uploads');
 * if (!store.ok) throw new Error(store.error.message);
 * const sink = await store.value.put('a/b.txt', { size: 5 });
 */
export async function openDiskStore(
  root: string,
  options: DiskStoreOptions = {},
): Promise<Outcome<FileStore>> {
  check('openDiskStore: the root', root, TEXT);
  checkOptions('openDiskStore', options, OPTION_RULES);
  if (options.listing !== undefined) checkNames('openDiskStore: listing', options.listing, LISTING_BOUNDS);
  const durable = options.durability !== 'os';
  const io = createDiskIo(options.fs ?? nodeFileSystem, durable);
  const limits = uploadLimits(options);
  try {
    return ok(createDiskStore(await run(openDisk(io, root, durable, options, limits)), limits));
  } catch (error) {
    const fault = systemFault(error);
    if (fault === undefined) throw error;
    return { ok: false, error: rootFault(root, error, fault) };
  }
}

function* openDisk(
  io: DiskIo,
  root: string,
  durable: boolean,
  options: DiskStoreOptions,
  limits: UploadLimits,
): Task<OpenDisk> {
  const folder = yield* openRoot(io, root, durable);
  try {
    const { disk, journal } = createDisk(io, folder, durable, options);
    const stored = createStoredUploads(disk);
    const staging = yield* openStagingFolder(io, disk.directories, stored.rescue);
    // No call is under way in this store yet. A file that cannot be read now is looked at later.
    yield* ignoreSystemErrors(stored.sweep(limits.clock.now() - limits.keepPartial, (_, steps) => steps));
    yield* journal.load(disk.checksums);
    return { disk, staging, stored, journal };
  } catch (error) {
    io.closeQuietly(folder.fd);
    throw error;
  }
}

function createDisk(
  io: DiskIo,
  folder: Root,
  durable: boolean,
  options: DiskStoreOptions,
): { readonly disk: Disk; readonly journal: ChecksumJournal } {
  const directories = createDirectories(io, folder, durable);
  const checksums: ChecksumCache = createChecksumCache((name, sum) => journal.add(name, sum));
  const journal =
    options.checksums === 'disk' ? createChecksumJournal(io, directories, () => checksums) : NO_JOURNAL;
  const listings = createDiskListings({ io, directories }, { ...LISTING_BOUNDS, ...options.listing });
  const folderCalls = createSemaphore(CALLS_IN_FOLDERS_MAX);
  return { disk: { io, durable, directories, folderCalls, checksums, listings }, journal };
}

/** The fault when the root cannot be used, in a sentence for the operator. */
function rootFault(root: string, error: unknown, { error: { code, cause } }: RefusedOutcome): ServiceFault {
  const help = explanationOf(error) ?? ADVICE_BY_CODE[code] ?? DEFAULT_ADVICE;
  const message = `${resolve(root)} cannot be used as the root of a store (${cause}); ${help}`;
  return { ...serviceFault(code, undefined, { cause }), message };
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
