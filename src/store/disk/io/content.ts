/** Writing, reading and syncing the content of an open file. */
import { totalBytes } from '../../../base/bytes.ts';
import { crc32OfAll } from '../../crc32.ts';
import { type Task, wait } from '../../task.ts';
import { afterWrite } from './cooldown.ts';
import type { IoState } from './io-state.ts';

/** The most bytes that one synchronous call reads. */
const SYNC_READ_BYTES_MAX = 128 * 1024;
/**
 * The least bytes of a large write: what a socket gathers in one turn where its peer is faster than we are. One that is
 * slower brings fewer, and the event loop has the time to write them.
 */
const LARGE_WRITE_BYTES_MIN = 512 * 1024;

export function* write(
  state: IoState,
  fd: number,
  chunks: readonly Uint8Array[],
  position: number,
  crc: number,
): Task<number> {
  const { fs, usesPool, spareCore } = state;
  let rest = chunks;
  let left = totalBytes(chunks);
  let at = position;
  let crcAfter: number | undefined;
  while (left > 0) {
    const now = rest;
    const inPool =
      usesPool ||
      (left >= LARGE_WRITE_BYTES_MIN && spareCore.isThere()) ||
      performance.now() < state.cooldown.until;
    const written = inPool
      ? yield* wait<number>((callback) => {
          fs.writev(fd, now, at, callback);
          crcAfter ??= crc32OfAll(chunks, crc);
        })
      : writeNow(state, fd, now, at);
    if (written === 0)
      throw Object.assign(new Error('nothing was written'), { code: 'EIO', syscall: 'writev' });
    at += written;
    left -= written;
    if (left > 0) rest = skipBytes(written, rest);
  }
  return crcAfter ?? crc32OfAll(chunks, crc);
}

function writeNow(state: IoState, fd: number, chunks: readonly Uint8Array[], position: number): number {
  const before = performance.now();
  const written = state.fs.writevSync(fd, chunks, position);
  state.cooldown = afterWrite(state.cooldown, before, performance.now());
  return written;
}

/** The chunks without their first `count` bytes. */
function skipBytes(count: number, chunks: readonly Uint8Array[]): readonly Uint8Array[] {
  let skip = count;
  for (const [i, chunk] of chunks.entries()) {
    if (skip < chunk.length) return [chunk.subarray(skip), ...chunks.slice(i + 1)];
    skip -= chunk.length;
  }
  return [];
}

export function* read(
  { fs, usesPool }: IoState,
  fd: number,
  into: Uint8Array,
  position: number,
): Task<number> {
  let filled = 0;
  while (filled < into.length) {
    const at = filled;
    const left = into.length - at;
    const count =
      usesPool || left > SYNC_READ_BYTES_MAX
        ? yield* wait<number>((callback) => fs.read(fd, into, at, left, position + at, callback))
        : fs.readSync(fd, into, at, left, position + at);
    if (count === 0) break;
    filled += count;
  }
  return filled;
}

export const truncate = ({ fs }: IoState, fd: number, length: number): Task<void> =>
  wait((callback) => fs.ftruncate(fd, length, callback));

export function* setTimes({ fs, usesPool }: IoState, fd: number, seconds: number): Task<void> {
  if (usesPool) yield* wait((callback) => fs.futimes(fd, seconds, seconds, callback));
  else fs.futimesSync(fd, seconds, seconds);
}

export const syncFile = ({ fs }: IoState, fd: number, withTimes: boolean): Task<void> =>
  wait((callback) => (withTimes ? fs.fsync(fd, callback) : fs.fdatasync(fd, callback)));
