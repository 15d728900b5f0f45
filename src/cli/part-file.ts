/**
 * The beginnings of large files whose fetching was interrupted, beside where the files go:
 *
 *   .sluice-TARGET-SIZE-MTIME-CRC32-PROCESS.part
 *
 * The name says of which version of the file it is, so that it is only gone on with when the server still has that; and
 * which process is at it, so that two never write to one. What is of another version is removed.
 */
import { unlinkSync } from 'node:fs';
import { open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Had, Version } from '../client/downloads.ts';
import { stableId } from '../client/upload-id.ts';
import { crc32 } from '../store/crc32.ts';

const form = /^\.sluice-([0-9a-f]{32})-(\d+)-(-?\d+)-([0-9a-f]{8}|x)-(\d+)\.part$/;

/** Bytes that are read at a time. */
const piece = 1024 * 1024;

/** Where what comes of a file is to be kept by this process. */
export const partPath = (target: string, filename: string, { size, mtime, crc32 }: Version): string => {
  const crc = crc32 === undefined ? 'x' : crc32.toString(16).padStart(8, '0');
  const name = `.sluice-${idOf(target, filename)}-${size}-${mtime}-${crc}-${process.pid}.part`;
  return join(dirname(target), name);
};

const idOf = (target: string, filename: string): string => stableId(basename(target), filename);

export interface Kept {
  readonly path: string;
  readonly had: Had;
}

/**
 * Takes over what is kept of this version of a file, and reads it for its CRC-32; removes what is kept of others. Null when
 * nothing is, or what is there cannot be had: the file is then fetched from the start.
 */
export async function takePart(target: string, filename: string, version: Version): Promise<Kept | null> {
  const folder = dirname(target);
  const path = partPath(target, filename, version);
  let taken = false;
  for (const name of await names(folder)) {
    const found = form.exec(name);
    if (found === null || found[1] !== idOf(target, filename) || isAtIt(Number(found[5]))) continue;
    try {
      if (taken || !isOf(version, found)) await unlink(join(folder, name));
      else await rename(join(folder, name), path);
      taken ||= isOf(version, found);
    } catch {
      // Somebody else was quicker, or may do what we may not.
    }
  }
  try {
    return taken ? { path, had: { ...version, ...(await beginning(path, version.size)) } } : null;
  } catch {
    return null;
  }
}

/** Removes what is of no use any more. */
export function dropPart(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It is gone already, or cannot be helped.
  }
}

const names = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);

function isOf({ size, mtime, crc32 }: Version, [, , ofSize, ofMtime, crc]: RegExpExecArray): boolean {
  const same = crc === 'x' || crc32 === undefined || Number.parseInt(crc!, 16) === crc32;
  return same && Number(ofSize) === size && Number(ofMtime) === mtime;
}

/** Whether another process that writes to it is alive. */
function isAtIt(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function beginning(path: string, size: number): Promise<{ offset: number; crc32Before: number }> {
  const offset = (await stat(path)).size;
  if (offset > size) throw new Error('it is longer than the file');
  const file = await open(path);
  try {
    const room = new Uint8Array(piece);
    let crc = 0;
    for (let at = 0; at < offset; ) {
      const { bytesRead } = await file.read(room, 0, Math.min(piece, offset - at), at);
      if (bytesRead === 0) throw new Error('it has become shorter');
      crc = crc32(room.subarray(0, bytesRead), crc);
      at += bytesRead;
    }
    return { offset, crc32Before: crc };
  } finally {
    await file.close();
  }
}
