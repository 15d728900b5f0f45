/**
 * The checksum of a file of which none is known: one that came before the store, or that other programs have changed. The
 * file is read for it, piece by piece and beside all other calls.
 */
import type { Stats } from 'node:fs';
import type { FileInfo, Outcome } from '../../contract.ts';
import { crc32 } from '../../crc32.ts';
import { err, ok } from '../../outcome.ts';
import { yieldTurn } from '../../semaphore.ts';
import type { Task } from '../../task.ts';
import { type Disk, fileInfo } from '../disk.ts';
import { openRegularFile } from '../disk-source.ts';
import { ignoreSystemErrors } from '../errno.ts';
import { inFolderOf } from '../file-operations.ts';

/** Files that are read for their checksums at once; the others wait. Each has one piece in memory. */
export const SUMS_AT_ONCE = 2;
const PIECE_BYTES = 1024 * 1024;
/**
 * A file that was changed within so many milliseconds may be changed once more without a time that says so: its checksum
 * is given once, and not kept.
 */
const SETTLED_MS = 2000;

export interface FileToSum {
  readonly fd: number;
  readonly name: string;
  readonly stats: Stats;
}

/** Why the reading of a file is to end: the store closes, or the caller has gone. */
export type SumEnd = () => 'closing' | 'unwanted' | undefined;

/** Opens a file, and answers with its checksum as `sumFile` does. */
export function* openAndSum(disk: Disk, name: string, end: SumEnd): Task<Outcome<FileInfo>> {
  const opening = inFolderOf(disk, name, (path) => openRegularFile(disk, path));
  const opened = yield* disk.folderCalls.run(opening);
  if (!opened.ok) return opened;
  const { fd, stats } = opened.value;
  try {
    return yield* sumFile(disk, { fd, name, stats }, end);
  } finally {
    yield* ignoreSystemErrors(disk.io.close(fd));
  }
}

/**
 * Reads the file and answers with its checksum; without one if it changes meanwhile, or nobody wants it any more. Does
 * not close it. Throws the system's error.
 *
 * @param end tells why the reading is to end: the store closes, or the caller has gone.
 */
export function* sumFile(
  { io, checksums }: Disk,
  { fd, name, stats }: FileToSum,
  end: SumEnd,
): Task<Outcome<FileInfo>> {
  const info = fileInfo(name, stats);
  const memory = Buffer.allocUnsafeSlow(Math.min(PIECE_BYTES, stats.size));
  let sum = 0;
  let at = 0;
  while (at < stats.size) {
    const why = end();
    if (why === 'closing') return err('shutting-down');
    const got: number = why === 'unwanted' ? 0 : yield* io.read(fd, memory.subarray(0, stats.size - at), at);
    if (got === 0) return ok(info);
    sum = crc32(memory.subarray(0, got), sum);
    at += got;
    yield* yieldTurn();
  }
  const now = io.fs.fstatSync(fd);
  if (now.size !== stats.size || now.mtimeMs !== stats.mtimeMs || now.ctimeMs !== stats.ctimeMs)
    return ok(info);
  const { size, mtimeMs: mtime, ino, ctimeMs: since } = stats;
  if (Date.now() - since > SETTLED_MS)
    checksums.addKnown(name, { crc32: sum, size, mtime, ino, since, until: since });
  return ok({ ...info, crc32: sum });
}
