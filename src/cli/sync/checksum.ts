/** Compares content by the CRC-32 that the server says, and that this machine computes. */
import { closeSync, openSync, readSync } from 'node:fs';
import { firstValueFrom } from 'rxjs';
import { isClientFault } from '../../client/client-fault.ts';
import type { Downloads } from '../../client/transfers/downloads.ts';
import { crc32 } from '../../store/crc32.ts';
import { endsAll } from '../transfer/tally.ts';

/** Bytes read at a time, into the same memory. */
const READ_BYTES = 1024 * 1024;
let memory: Buffer | undefined;

/** Throws the system's error. */
function crc32OfFile(path: string): number {
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

/** Questions that wait for their answers at once. */
const AT_ONCE = 1000;

/**
 * Tells of each file whether the server is known to have the same. A file of which the server says no CRC-32 is another
 * one, and so is one that cannot be read here, or is not there any more: to transfer it says why.
 */
export async function sameChecksums(
  files: readonly { readonly path: string; readonly filename: string }[],
  server: Pick<Downloads, 'stat'>,
): Promise<boolean[]> {
  const same: boolean[] = [];
  for (let at = 0; at < files.length; at += AT_ONCE) {
    const some = files.slice(at, at + AT_ONCE);
    const sums = await Promise.all(some.map(({ filename }) => sumAt(server, filename)));
    for (const [index, { path }] of some.entries()) same.push(isSum(path, sums[index]));
  }
  return same;
}

async function sumAt(server: Pick<Downloads, 'stat'>, filename: string): Promise<number | undefined> {
  try {
    return (await firstValueFrom(server.stat(filename, { checksum: true }))).crc32;
  } catch (thrown) {
    if (!isClientFault(thrown) || endsAll(thrown)) throw thrown;
    return undefined;
  }
}

function isSum(path: string, sum: number | undefined): boolean {
  if (sum === undefined) return false;
  try {
    return crc32OfFile(path) === sum;
  } catch {
    return false;
  }
}
