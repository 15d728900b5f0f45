/** Reads the bytes of an unfinished upload back, in bounded pieces through the pool. */
import type { Hash } from 'node:crypto';
import { crc32 } from '../../crc32.ts';
import type { Task } from '../../task.ts';
import { type DiskIo, OPEN_FLAGS } from '../disk-io.ts';
import { errnoOf } from '../errno.ts';
import type { UploadRecord } from './upload-record.ts';

/** Bytes that are read at a time: enough to use the pool, and few enough that hashing them does not block. */
const PIECE_BYTES = 1024 * 1024;

/** Whether a file begins with bytes of that length and CRC-32. Bytes that cannot be read count as missing. */
export function* beginsWith(io: DiskIo, path: string, record: UploadRecord): Task<boolean> {
  const fd = yield* io.open(path, OPEN_FLAGS.read);
  let crc = 0;
  try {
    const read = yield* readBack(io, fd, record.length, (bytes) => {
      crc = crc32(bytes, crc);
      return true;
    });
    return read && crc === record.crc32;
  } catch (error) {
    if (errnoOf(error) === 'EIO') return false;
    throw error;
  } finally {
    io.closeQuietly(fd);
  }
}

/**
 * Updates a hash with the first `length` bytes. False when there were fewer, or when `mayContinue` returned
 * false.
 */
export const hashBeginning = (
  io: DiskIo,
  fd: number,
  length: number,
  hash: Hash,
  mayContinue: () => boolean,
): Task<boolean> =>
  readBack(io, fd, length, (bytes) => {
    hash.update(bytes);
    return mayContinue();
  });

function* readBack(
  io: DiskIo,
  fd: number,
  length: number,
  take: (bytes: Uint8Array) => boolean,
): Task<boolean> {
  const into = Buffer.allocUnsafe(Math.min(PIECE_BYTES, length));
  for (let at = 0; at < length; ) {
    const bytes = into.subarray(0, Math.min(PIECE_BYTES, length - at));
    if ((yield* io.read(fd, bytes, at)) < bytes.length || !take(bytes)) return false;
    at += bytes.length;
  }
  return true;
}
