/**
 * Parts of large files that could not be received whole: kept beside their targets, for the same command run again.
 *
 * A part's name says what it is a part of (a digest of the target's name) and of which state of the file on the server,
 * so that one of another state is never gone on with. The state is size and time, which a listing says too; that the
 * CRC-32 is right is seen in the end. Two commands that fetch the same file into the same place at the
 * same time would write the same part; whoever does that should fetch into two places.
 */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readdirSync, readSync, unlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Fetched } from '../client/downloads.ts';
import { crc32 } from '../store/crc32.ts';

type FileState = Fetched['file'];

/** Bytes read at a time. */
const piece = 1024 * 1024;

const prefixOf = (path: string): string =>
  `.sluice-${createHash('sha256').update(basename(path)).digest('hex').slice(0, 16)}-`;

/** Where the part of a file is, if there is one. @example partPath('a/b.iso', file) // 'a/.sluice-4f…-8388608-17….part' */
export function partPath(path: string, { size, mtime }: FileState): string {
  return join(dirname(path), `${prefixOf(path)}${size}-${mtime}.part`);
}

/** What there is of a file in this state; null when there is nothing. Parts of other states are removed. */
export function keptPart(path: string, file: FileState): Fetched | null {
  const wanted = partPath(path, file);
  for (const name of namesIn(dirname(path))) {
    const other = join(dirname(path), name);
    if (name.startsWith(prefixOf(path)) && name.endsWith('.part') && other !== wanted) removeFile(other);
  }
  let fd: number;
  try {
    fd = openSync(wanted, 'r');
  } catch {
    return null;
  }
  try {
    const there = fstatSync(fd);
    if (!there.isFile() || there.size === 0 || there.size > file.size) return null;
    return { offset: there.size, crc32: sumOf(fd), file };
  } finally {
    closeSync(fd);
  }
}

function sumOf(fd: number): number {
  const room = Buffer.allocUnsafe(piece);
  let sum = 0;
  for (let got = readSync(fd, room); got > 0; got = readSync(fd, room))
    sum = crc32(room.subarray(0, got), sum);
  return sum;
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It is gone already, or cannot be helped.
  }
}
