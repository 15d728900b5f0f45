/**
 * Part files: the bytes of large files that are being received. They stay when the transfer is interrupted, and the
 * same command resumes them when it is run again. They lie beside their targets:
 *
 *   .sluice-<target>-<size>-<mtime>-<crc32>-<process>-<number>.part
 *
 * `target` is a digest of the target's name. Size, mtime and CRC-32 (or `x`) are the server's facts about the file, so
 * that bytes of another state of it are never resumed. A part file belongs to its process while that runs, so that two
 * commands that fetch the same file into the same folder do not disturb each other.
 */
import { createHash } from 'node:crypto';
import { readdirSync, renameSync, unlinkSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { hexDigits } from '../../base/bytes.ts';
import { isSameFile, type PartialDownload } from '../../client/transfers/download-target.ts';
import { crc32 } from '../../store/crc32.ts';

type FileState = PartialDownload['file'];

/** The part file of an earlier process that this process has claimed. */
export interface ClaimedPart extends PartialDownload {
  readonly path: string;
}

interface PartFile {
  readonly path: string;
  readonly file: FileState;
  readonly process: number;
}

/** Bytes read at a time. */
const READ_BYTES = 1024 * 1024;

const PART_FILE_NAME = /^\.sluice-([0-9a-f]{16})-(\d+)-(-?[\d.]+)-([0-9a-f]{8}|x)-(\d+)-\d+\.part$/;

/** What a file that is being received is called, whether or not it stays as a part file. */
const UNFINISHED = /(^|\/)\.sluice-[0-9a-f]{16}(-[^/]*)?\.part$/;

/** Whether a path is that of a file that is being received, or of what an interrupted `get` has left. */
export const isPartFileName = (path: string): boolean => UNFINISHED.test(path);

/** The part files of this process: at most one for each file that is being received. */
const ours = new Set<string>();
let count = 0;

const digestOf = (path: string): string =>
  createHash('sha256').update(basename(path)).digest('hex').slice(0, 16);

/** Answers the path for a new part file. */
export function newPartFile(path: string, { size, mtime, crc32 }: FileState): string {
  const sum = crc32 === undefined ? 'x' : hexDigits(crc32, 8);
  const name = `.sluice-${digestOf(path)}-${size}-${mtime}-${sum}-${process.pid}-${++count}.part`;
  const partFile = join(dirname(path), name);
  ours.add(partFile);
  return partFile;
}

/**
 * Claims the part file that an earlier process has left of a file in this state; null when there is none. Part files of
 * other states are removed.
 */
export async function claimPartFile(path: string, file: FileState): Promise<ClaimedPart | null> {
  for (const partFile of partFilesOf(path)) {
    if (!isAbandoned(partFile)) continue;
    const mine = isSameFile(partFile.file, file) ? claim(path, partFile) : null;
    const there = mine === null ? null : await read(mine, file.size);
    if (mine !== null && there !== null) {
      // The server may know the CRC-32 at one time and not at another, so the recorded state is kept.
      return { path: mine, ...there, file: partFile.file };
    }
    removePartFile(mine ?? partFile.path);
  }
  return null;
}

/** The file has got its name: it is no part file any more. */
export const releasePartFile = (path: string): void => void ours.delete(path);

export function removePartFile(path: string): void {
  ours.delete(path);
  try {
    unlinkSync(path);
  } catch {
    // It is gone already, or cannot be removed.
  }
}

function partFilesOf(path: string): readonly PartFile[] {
  const digest = digestOf(path);
  return namesIn(dirname(path)).flatMap((name) => {
    const [, target, size, mtime, sum, pid] = PART_FILE_NAME.exec(name) ?? [];
    if (target !== digest) return [];
    const known = sum === 'x' ? {} : { crc32: Number.parseInt(sum!, 16) };
    const file = { size: Number(size), mtime: Number(mtime), ...known };
    return [{ path: join(dirname(path), name), file, process: Number(pid) }];
  });
}

/** Whether the process that wrote it has ended. */
function isAbandoned({ path, process: owner }: PartFile): boolean {
  // An earlier process may have had our process number.
  if (owner === process.pid) return !ours.has(path);
  try {
    process.kill(owner, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/** Renames the part file for this process. Of several processes one succeeds: the others find the file gone. */
function claim(path: string, partFile: PartFile): string | null {
  const mine = newPartFile(path, partFile.file);
  try {
    renameSync(partFile.path, mine);
    return mine;
  } catch {
    ours.delete(mine);
    return null;
  }
}

/** Reads the length and the CRC-32 of a part file; null when it is of no use. */
async function read(path: string, size: number): Promise<{ offset: number; crc32: number } | null> {
  try {
    const file = await open(path, 'r+');
    try {
      const there = await file.stat();
      if (!there.isFile() || there.size === 0 || there.size > size) return null;
      const room = Buffer.allocUnsafe(READ_BYTES);
      let [offset, sum] = [0, 0];
      for (;;) {
        const { bytesRead } = await file.read(room, 0, READ_BYTES, offset);
        if (bytesRead === 0) return { offset, crc32: sum };
        offset += bytesRead;
        sum = crc32(room.subarray(0, bytesRead), sum);
      }
    } finally {
      await file.close();
    }
  } catch {
    return null;
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
