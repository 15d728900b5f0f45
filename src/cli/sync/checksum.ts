/** Compares content by the CRC-32 that the server knows, and that this machine computes. */
import { closeSync, openSync, readSync } from 'node:fs';
import { crc32 } from '../../store/crc32.ts';

export interface SummedFile {
  /** The CRC-32 that the server knows; it knows none of a file that something else has put there. */
  readonly crc32?: number | undefined;
}

/** Bytes read at a time, into the same memory. */
const READ_BYTES = 1024 * 1024;
let memory: Buffer | undefined;

/** Throws the system's error. */
export function crc32OfFile(path: string): number {
  memory ??= Buffer.allocUnsafeSlow(READ_BYTES);
  const fd = openSync(path, 'r');
  try {
    let sum = 0;
    for (let got = readSync(fd, memory); got > 0; got = readSync(fd, memory))
      sum = crc32(memory.subarray(0, got), sum);
    return sum;
  } finally {
    closeSync(fd);
  }
}

/** Whether they are known to be the same. A file that cannot be read is another one: to send it says why. */
export function sameChecksum(path: string, server: SummedFile): boolean {
  if (server.crc32 === undefined) return false;
  try {
    return crc32OfFile(path) === server.crc32;
  } catch {
    return false;
  }
}
