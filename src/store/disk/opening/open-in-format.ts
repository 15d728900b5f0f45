/** Opens a disk store: its root, in the format of this program, and the parts of which it is made. */
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { type ServiceFault, serviceFault } from '../../../files/protocol/errors.ts';
import type { ChangeRecorder } from '../../changes/change-log.ts';
import type { FileStore, Outcome } from '../../contract.ts';
import { LISTING_BOUNDS, type ListingBounds } from '../../listing/bounds.ts';
import { ok, type RefusedOutcome } from '../../outcome.ts';
import { createSemaphore } from '../../semaphore.ts';
import type { RootMember } from '../../shared/root-member.ts';
import { run, type Task } from '../../task.ts';
import { type UploadLimits, type UploadOptions, uploadLimits } from '../../upload-limits.ts';
import { type ChecksumCache, createChecksumCache } from '../checksums/checksum-cache.ts';
import { type ChecksumJournal, createChecksumJournal, NO_JOURNAL } from '../checksums/checksum-journal.ts';
import { createDirectories } from '../directories/directories.ts';
import type { Root } from '../directories/directory.ts';
import { CALLS_IN_FOLDERS_MAX, type Disk } from '../disk.ts';
import { createDiskIo, type DiskIo } from '../disk-io.ts';
import { explanationOf, ignoreSystemErrors, systemFault } from '../errno.ts';
import { type FileSystem, nodeFileSystem } from '../file-system.ts';
import type { FormatRules } from '../format/upgrades.ts';
import { createSpareCore } from '../io/spare-core.ts';
import { createDiskListings } from '../list.ts';
import { createDiskStore, type OpenDisk } from '../store-calls.ts';
import { createStoredUploads } from '../uploads/stored-uploads.ts';
import { createSmallFiles, NO_SMALL_FILES, type SmallFiles } from '../worker/small-files.ts';
import { openRoot } from './root.ts';
import { openStagingFolder } from './staging-folder.ts';

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
   * The log in which the store records each change before it makes it, such as `openChangeLog` opens on the same folder;
   * default none. Small files are then stored without a worker thread. The store does not close the log.
   */
  readonly changes?: ChangeRecorder;
  /**
   * Another file system underneath, for tests of the store; default that of Node.
   *
   * @internal
   */
  readonly fs?: FileSystem;
  /**
   * Who stores small files, for tests; default a worker thread with durability `os`, where there are two processors and
   * Node's file system, and else nobody but the store.
   *
   * @internal
   */
  readonly smallFiles?: SmallFiles;
  /**
   * The way to the process that owns what all stores on this root share (`createRootOwner`); default the store shares
   * nothing.
   *
   * @internal
   */
  readonly owner?: RootMember;
}

/** Opens a store as `openDiskStore` does, by the rules of any version of the program. */
export async function openInFormat(
  root: string,
  options: DiskStoreOptions,
  formatRules: FormatRules,
): Promise<Outcome<FileStore & AsyncDisposable>> {
  const durable = options.durability !== 'os';
  const io =
    options.fs === undefined
      ? createDiskIo(nodeFileSystem, durable, createSpareCore())
      : createDiskIo(options.fs, durable);
  const limits = uploadLimits(options);
  try {
    const opened = await run(openDisk(io, root, durable, options, limits, formatRules));
    const { store, sharing } = createDiskStore(opened, limits, options.owner);
    if (sharing !== undefined) await options.owner?.open(store, sharing, opened.staging.name);
    return ok(store);
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
  formatRules: FormatRules,
): Task<OpenDisk> {
  const folder = yield* openRoot(io, root, durable);
  try {
    const { disk, journal } = createDisk(io, folder, durable, options);
    const stored = createStoredUploads(disk, options.owner?.keys.index);
    const staging = yield* openStagingFolder(disk, stored.rescue, formatRules);
    // No call is under way in this store yet. A file that cannot be read now is looked at later.
    if (options.owner === undefined)
      yield* ignoreSystemErrors(stored.sweep(limits.clock.now() - limits.keepPartial, (_, steps) => steps));
    yield* journal.load(disk.checksums);
    const hasWorker = !durable && options.fs === undefined && availableParallelism() > 1;
    // The thread publishes a file by itself: there is no moment at which its intent could be recorded.
    const givenSmallFiles = options.changes === undefined ? options.smallFiles : NO_SMALL_FILES;
    const smallFiles = givenSmallFiles ?? (hasWorker ? createSmallFiles() : NO_SMALL_FILES);
    return { disk, staging, stored, journal, smallFiles };
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
  const bounds = { ...LISTING_BOUNDS, ...options.listing };
  const listings = createDiskListings({ io, directories }, bounds, options.owner?.names);
  const folderCalls = createSemaphore(CALLS_IN_FOLDERS_MAX);
  const { changes } = options;
  const otherSums = options.owner?.sums;
  return {
    disk: { io, durable, directories, folderCalls, checksums, otherSums, listings, changes },
    journal,
  };
}

/** The fault when the root cannot be used, in a sentence for the operator. */
function rootFault(root: string, error: unknown, { error: { code, cause } }: RefusedOutcome): ServiceFault {
  const help = explanationOf(error) ?? ADVICE_BY_CODE[code] ?? DEFAULT_ADVICE;
  const errno = cause === undefined ? '' : ` (${cause})`;
  const message = `${resolve(root)} cannot be used as the root of a store${errno}; ${help}`;
  return { ...serviceFault(code, undefined, cause === undefined ? {} : { cause }), message };
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
