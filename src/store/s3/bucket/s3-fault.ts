/** What an answer of S3 that is no success means. */
import type { IncomingMessage } from 'node:http';
import type { ErrorCode } from '../../../files/protocol/errors.ts';
import { EngineFault } from '../engine-fault.ts';
import { elementOf } from './list-page.ts';

/** Codes that mean that there is no room. */
const FULL: ReadonlySet<string> = new Set(['QuotaExceeded', 'EntityTooLarge', 'InsufficientStorage']);
/** Statuses after which the same request may succeed, and codes of other statuses. */
const PASSING_STATUSES: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);
const PASSING_CODES: ReadonlySet<string> = new Set([
  'RequestTimeout',
  'BadDigest',
  'SlowDown',
  'OperationAborted',
]);

/** @param text the body of the answer. */
export function refusalOf({ statusCode = 0 }: IncomingMessage, text: string): EngineFault {
  const word = elementOf(text, 'Code') ?? `HTTP ${statusCode}`;
  const message = elementOf(text, 'Message');
  const why = message === undefined || message === '' ? word : `${word}: ${message}`;
  const facts = (code: ErrorCode, isPassing = false) => ({ code, word, isPassing });
  if (FULL.has(word) || statusCode === 507)
    return new EngineFault('s3', `has no room: ${why}`, facts('disk-full'));
  if (word === 'NoSuchKey') return new EngineFault('s3', `has lost an object: ${why}`, facts('io-error'));
  if (PASSING_STATUSES.has(statusCode) || PASSING_CODES.has(word))
    return new EngineFault('s3', `cannot do it now: ${why}`, facts('unavailable', true));
  return new EngineFault('s3', `refuses: ${why}`, facts('unavailable'));
}
