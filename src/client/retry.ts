/** What may succeed when it is tried again, and how long to wait before. */
import type { ErrorCode } from '../protocol/errors.ts';
import type { ClientFault } from './client-fault.ts';

/**
 * Refusals that say something about the moment. Not among them is what somebody has to put right first: a full disk, a
 * file system that is read-only, missing permissions.
 */
const passing: ReadonlySet<string> = new Set<ErrorCode>([
  'shutting-down',
  'busy',
  'too-many-connections',
  'too-many-open-files',
  'too-many-uploads',
  'io-error',
  'internal',
  'timed-out',
  // Said of a connection that broke in the middle of what we sent.
  'truncated',
]);

/** Whether the connection is over with it. */
export const breaksConnection = (fault: ClientFault): boolean =>
  fault.type === 'connection' || fault.type === 'protocol';

/** @example worthRetrying({ type: 'refused', error: errorInfo('disk-full') }) // false */
export function worthRetrying(fault: ClientFault): boolean {
  switch (fault.type) {
    case 'connection':
      // A server that is not who it should be is not so after a while either.
      return fault.fault.code !== 'untrusted';
    case 'protocol':
      return fault.error === undefined || passing.has(fault.error.code);
    case 'refused':
      return passing.has(fault.error.code);
    default:
      return false;
  }
}

export interface Backoff {
  /** Milliseconds that the first wait takes at the most; each further one twice as many. Default 200. */
  readonly base?: number;
  /** Milliseconds that no wait exceeds. Default 30,000. */
  readonly most?: number;
}

/**
 * Milliseconds to wait before a further try: anything up to the bound, all equally likely ("full jitter"), so that many
 * clients who lost the same server do not come back at once.
 *
 * @param failures tries that have failed in a row, from 1.
 * @param random a number from 0 to below 1.
 */
export const waitBefore = (
  failures: number,
  { base = 200, most = 30_000 }: Backoff,
  random: number,
): number => Math.round(random * Math.min(most, base * 2 ** Math.min(failures - 1, 50)));
