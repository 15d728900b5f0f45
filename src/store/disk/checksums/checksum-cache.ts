/**
 * The checksums of files that were put here, for as long as the files are what they were.
 *
 * A sum is given only if size, modification time (as exact as a double holds it: a quarter of a microsecond) and inode
 * are still those of the commit, and if the inode was last changed in the moment of the commit: nobody can set that
 * time, so a file that was replaced by one of the same size, time and (reused) inode is noticed too. What the clock
 * cannot tell apart is a change in place, to the same size, within a millisecond or one tick of the kernel after the
 * commit.
 */
import type { Stats } from 'node:fs';

/** A checksum, and what the file looked like that it is of. */
export interface Sum {
  readonly crc32: number;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since 1970, with fractions; so are the other times. */
  readonly mtime: number;
  readonly ino: number;
  /** The inode was last changed between these two. */
  readonly since: number;
  readonly until: number;
}

export interface ChecksumCache {
  /** Bytes that its lines take in a journal, roughly. */
  readonly bytes: number;
  /** A file was committed just now. @param stats from before it got its name. */
  keep(name: string, stats: Stats, crc32: number): void;
  /** The CRC-32 of that file, if it is known to be that of its content now. */
  of(name: string, stats: Stats): number | undefined;
  /** A file was moved just now. @param stats from before that. */
  move(from: string, to: string, stats: Stats): void;
  drop(name: string): void;
  /** Takes in what was known before; what is known already stays. */
  learn(name: string, sum: Sum): void;
  /** The least recently used first. */
  all(): Iterable<readonly [string, Sum]>;
}

/**
 * How many are kept at most; those that were least recently used go first. Each takes some 200 bytes and its name: 16 MiB
 * in all with names of 50 characters.
 */
export const CHECKSUMS_MAX = 65_536;
/** Characters in all names together at most, which bounds what long names cost to another 8 to 16 MiB. */
const NAME_CHARACTERS_MAX = 8 * 1024 * 1024;
/** Bytes of a line besides the name. */
const LINE_BYTES = 100;

const isStill = (sum: Sum, stats: Stats): boolean =>
  sum.size === stats.size &&
  sum.mtime === stats.mtimeMs &&
  sum.ino === stats.ino &&
  sum.since <= stats.ctimeMs &&
  stats.ctimeMs <= sum.until;

/** @param kept is told each sum that is new. */
export function checksumCache(kept: (name: string, sum: Sum) => void): ChecksumCache {
  /** In the order of last use, the oldest first. */
  const sums = new Map<string, Sum>();
  let characters = 0;

  const drop = (name: string) => {
    if (sums.delete(name)) characters -= name.length;
  };

  const set = (name: string, sum: Sum) => {
    if (!sums.delete(name)) characters += name.length;
    sums.set(name, sum);
    while (sums.size > CHECKSUMS_MAX || characters > NAME_CHARACTERS_MAX) {
      const [oldest] = sums.keys();
      if (oldest === undefined) return;
      drop(oldest);
    }
  };

  const now = () => Date.now() + 1;

  return {
    get bytes() {
      return characters + sums.size * LINE_BYTES;
    },
    keep(name, { size, mtimeMs, ctimeMs, ino }, crc32) {
      const sum = { crc32, size, mtime: mtimeMs, ino, since: ctimeMs, until: now() };
      set(name, sum);
      kept(name, sum);
    },
    of(name, stats) {
      const sum = sums.get(name);
      if (sum === undefined) return undefined;
      if (!isStill(sum, stats)) {
        drop(name);
        return undefined;
      }
      set(name, sum);
      return sum.crc32;
    },
    move(from, to, stats) {
      const sum = sums.get(from);
      drop(from);
      drop(to);
      if (sum === undefined || !isStill(sum, stats)) return;
      const moved = { ...sum, until: now() };
      set(to, moved);
      kept(to, moved);
    },
    drop,
    learn(name, sum) {
      if (!sums.has(name)) set(name, sum);
    },
    all: () => sums,
  };
}
