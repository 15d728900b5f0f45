/** What the parts of an open disk store work with: its files, folders, checksums and listings. */
import type { Stats } from 'node:fs';
import type { FileInfo, Listing, ListOptions, Outcome } from '../contract.ts';
import type { Semaphore } from '../semaphore.ts';
import type { Task } from '../task.ts';
import type { ChecksumCache } from './checksums/checksum-cache.ts';
import type { Directories } from './directories.ts';
import type { DiskIo } from './disk-io.ts';

/**
 * Calls that hold folders open at once, of all that are under way: each holds three descriptors at the most, besides
 * those of the file it is about. The others wait for their turn.
 */
export const CALLS_IN_FOLDERS_MAX = 32;

export interface Disk {
  readonly io: DiskIo;
  readonly directories: Directories;
  /** What all calls pass that go into folders, but for those that wait for others. */
  readonly folderCalls: Semaphore;
  /** Whether an answer waits for stable storage. */
  readonly durable: boolean;
  readonly checksums: ChecksumCache;
  readonly listings: DiskListings;
}

export interface DiskListings {
  /**
   * The files after `after` whose names start with `prefix`, in the order of their UTF-8 bytes, at most `limit`.
   *
   * Only folders that can hold such a file are read. A page is cut short where to go on would mean to wait for a large
   * folder, or to go through very many folders: so a listing that waits holds nothing.
   */
  list(options: ListOptions): Task<Outcome<Listing>>;
  /** Bytes of memory that the names take that are remembered, or being read; at most as many as the bounds say. */
  readonly bytes: number;
  /** A file of that name has come. */
  noteAdded(name: string): void;
  /** From now on every listing, also one under way, is refused. */
  stop(): void;
  /** Lets go of what was remembered, once nothing is under way any more. */
  close(): Task<void>;
}

export const fileInfo = (name: string, stats: Stats): FileInfo => ({
  name,
  size: stats.size,
  mtime: Math.round(stats.mtimeMs),
});

/** The same with the CRC-32 of its content, where that is known. */
export function fileInfoWithChecksum({ checksums }: Disk, name: string, stats: Stats): FileInfo {
  const crc32 = checksums.lookup(name, stats);
  return crc32 === undefined ? fileInfo(name, stats) : { ...fileInfo(name, stats), crc32 };
}
