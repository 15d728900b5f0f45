/**
 * The check that a commit makes before it publishes a file: does the content have the checksums that its
 * sender gave?
 */
import { createHash, type Hash } from 'node:crypto';
import type { ErrorCode } from '../files/protocol/errors.ts';
import type { PutOptions } from './contract.ts';
import { err, type RefusedOutcome } from './outcome.ts';

/** A hash to update with the whole content; undefined when the put has no SHA-256. */
export const hashFor = ({ sha256 }: PutOptions): Hash | undefined =>
  sha256 === undefined ? undefined : createHash('sha256');

const SAYS_NOTHING: ReadonlySet<string> = new Set<ErrorCode>([
  'events-full',
  'unavailable',
  'io-error',
  'too-many-open-files',
  'shutting-down',
]);

/**
 * Whether a refusal says nothing of the content, and the same put may succeed later: then an upload keeps what it has. It
 * is one of the hook or of the log of changes.
 */
export const keepsContent = ({ error }: RefusedOutcome): boolean => SAYS_NOTHING.has(error.code);

/**
 * The error when a checksum differs; undefined when the content may be committed. The hash cannot be used
 * again.
 */
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
