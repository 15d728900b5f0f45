/**
 * The checksums of committed files, valid as long as the files are unchanged.
 *
 * A checksum is returned only if size, modification time (as exact as a double holds it: a quarter of a
 * microsecond) and inode are still those of the commit, and the inode was last changed at the time of the
 * commit. Nobody can set that time, so the cache also notices a file that was replaced by one of the same
 * size, time and (reused) inode. It cannot notice a change in place, to the same size, within a millisecond
 * or one tick of the kernel after the commit.
 */
import type { Stats } from 'node:fs';

/** A checksum and the stats of its file. */
export interface Checksum {
  readonly crc32: number;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since 1970, with fractions; so are the other times. */
  readonly mtime: number;
  readonly ino: number;
  /** The inode was last changed between these two times. */
  readonly since: number;
  readonly until: number;
}

/** The stats by which a file is known again. */
export type ChecksumStats = Pick<Stats, 'size' | 'mtimeMs' | 'ctimeMs' | 'ino'>;

export interface ChecksumCache {
  /** Bytes that the lines take in a journal, roughly. */
  readonly bytes: number;
  /**
   * Called after a file was committed.
   *
   * @param stats from before it got its name.
   * @param at when it had got it, in milliseconds since 1970; default now.
   */
  add(name: string, stats: ChecksumStats, crc32: number, at?: number): void;
  /** What is known of the name, whatever the file is now. */
  get(name: string): Checksum | undefined;
  /** The CRC-32 of the file, if it is known to be that of its current content. */
  lookup(name: string, stats: Stats): number | undefined;
  /**
   * Called after a file was moved.
   *
   * @param stats from before that.
   */
  move(from: string, to: string, stats: Stats): void;
  drop(name: string): void;
  /** Adds a checksum of an earlier time, unless the name has one already. */
  addKnown(name: string, checksum: Checksum): void;
  /** The least recently used first. */
  entries(): Iterable<readonly [string, Checksum]>;
}

/**
 * The most checksums that are stored; the least recently used go first. Each takes about 200 bytes and its
 * name: 16 MiB in all with names of 50 characters.
 */
export const CHECKSUMS_MAX = 65_536;
/** The most characters of all names together. This limits the cost of long names to another 8 to 16 MiB. */
const NAME_CHARACTERS_MAX = 8 * 1024 * 1024;
/** Bytes of a line besides the name. */
const LINE_BYTES = 100;

const stillMatches = (checksum: Checksum, stats: Stats): boolean =>
  checksum.size === stats.size &&
  checksum.mtime === stats.mtimeMs &&
  checksum.ino === stats.ino &&
  checksum.since <= stats.ctimeMs &&
  stats.ctimeMs <= checksum.until;

/** @param onAdded called with each checksum that is new. */
export function createChecksumCache(onAdded: (name: string, checksum: Checksum) => void): ChecksumCache {
  /** In the order of last use, the oldest first. */
  const checksums = new Map<string, Checksum>();
  let characters = 0;

  const drop = (name: string) => {
    if (checksums.delete(name)) characters -= name.length;
  };

  const set = (name: string, checksum: Checksum) => {
    if (!checksums.delete(name)) characters += name.length;
    checksums.set(name, checksum);
    while (checksums.size > CHECKSUMS_MAX || characters > NAME_CHARACTERS_MAX) {
      const [oldest] = checksums.keys();
      if (oldest === undefined) return;
      drop(oldest);
    }
  };

  /** A time that has come at `at`, however it was rounded. */
  const after = (at: number) => at + 1;

  return {
    get bytes() {
      return characters + checksums.size * LINE_BYTES;
    },
    add(name, { size, mtimeMs, ctimeMs, ino }, crc32, at = Date.now()) {
      const checksum = { crc32, size, mtime: mtimeMs, ino, since: ctimeMs, until: after(at) };
      set(name, checksum);
      onAdded(name, checksum);
    },
    get: (name) => checksums.get(name),
    lookup(name, stats) {
      const checksum = checksums.get(name);
      if (checksum === undefined) return undefined;
      if (!stillMatches(checksum, stats)) {
        drop(name);
        return undefined;
      }
      set(name, checksum);
      return checksum.crc32;
    },
    move(from, to, stats) {
      const checksum = checksums.get(from);
      drop(from);
      drop(to);
      if (checksum === undefined || !stillMatches(checksum, stats)) return;
      const moved = { ...checksum, until: after(Date.now()) };
      set(to, moved);
      onAdded(to, moved);
    },
    drop,
    addKnown(name, checksum) {
      if (!checksums.has(name)) set(name, checksum);
    },
    entries: () => checksums,
  };
}
