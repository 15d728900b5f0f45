/** Whether a whole content is what its sender said it is: what a commit compares before it places anything. */
import { createHash, type Hash } from 'node:crypto';
import type { PutOptions } from './contract.ts';
import { err, type RefusedOutcome } from './outcome.ts';

/** To be fed the whole content; undefined when nobody asked for it. */
export const hashFor = ({ sha256 }: PutOptions): Hash | undefined =>
  sha256 === undefined ? undefined : createHash('sha256');

/** Why the content may not be committed; undefined when it may. The hash cannot be used again. */
export function contentFault(
  options: PutOptions,
  crc32: number,
  hash: Hash | undefined,
): RefusedOutcome | undefined {
  if (options.crc32 !== undefined && options.crc32 !== crc32)
    return err('crc-mismatch', undefined, { expected: options.crc32, actual: crc32 });
  const expected = options.sha256?.toLowerCase();
  if (expected === undefined || hash === undefined) return undefined;
  const actual = hash.digest('hex');
  return actual === expected ? undefined : err('sha256-mismatch', undefined, { expected, actual });
}
