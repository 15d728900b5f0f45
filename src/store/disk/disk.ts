/** An open disk store, as its operations share it: files, folders, checksums and listings. */
import type { Stats } from 'node:fs';
import type { ChangeRecorder } from '../changes/change-log.ts';
import type { FileInfo, Listing, ListOptions, Outcome } from '../contract.ts';
import type { Semaphore } from '../semaphore.ts';
import type { Task } from '../task.ts';
import type { ChecksumCache } from './checksums/checksum-cache.ts';
import type { OtherSums } from './checksums/other-sums.ts';
import type { Directories } from './directories/directories.ts';
import type { DiskIo } from './disk-io.ts';

/**
 * The most calls that have folders open at once. Each has at most three descriptors, besides that of its
 * file. The other calls wait.
 */
export const CALLS_IN_FOLDERS_MAX = 32;

export interface Disk {
  readonly io: DiskIo;
  readonly directories: Directories;
  /** Limits the calls that open folders, except those that wait for other calls. */
  readonly folderCalls: Semaphore;
  /** Whether answers wait for stable storage. */
  readonly durable: boolean;
  readonly checksums: ChecksumCache;
  /** Undefined when the store shares its root with none. */
  readonly otherSums: OtherSums | undefined;
  readonly listings: DiskListings;
  /** Where changes of names are recorded; undefined when nobody wants to know of them. */
  readonly changes: ChangeRecorder | undefined;
}

export interface DiskListings {
  /**
   * The files after `after` whose names start with `prefix`, in the order of their UTF-8 bytes, at most
   * `limit`.
   *
   * Only folders that can hold such a file are read. A page ends early where it would have to wait for a
   * large folder, or would pass very many folders. So a listing that waits holds no place and no descriptor.
   */
  list(options: ListOptions): Task<Outcome<Listing>>;
  /** Bytes of memory for names that are cached or being read; at most as many as the bounds say. */
  readonly bytes: number;
  /** Notes that a file of this name was published. */
  noteAdded(name: string): void;
  /** From now on refuses every listing, also those under way. */
  stop(): void;
  /** Releases the cache, once nothing is under way. */
  close(): Task<void>;
}

export const fileInfo = (name: string, stats: Stats): FileInfo => ({
  name,
  size: stats.size,
  mtime: Math.round(stats.mtimeMs),
});

/** The same with the CRC-32 of the content, where this store or another one on its root knows it. */
export function* fileInfoWithChecksum(disk: Disk, name: string, stats: Stats): Task<FileInfo> {
  const { checksums, otherSums } = disk;
  let crc32 = checksums.lookup(name, stats);
  if (crc32 === undefined && otherSums !== undefined) {
    for (const known of yield* otherSums.ask(name, stats)) {
      checksums.addKnown(name, known);
      crc32 ??= checksums.lookup(name, stats);
    }
  }
  return crc32 === undefined ? fileInfo(name, stats) : { ...fileInfo(name, stats), crc32 };
}
