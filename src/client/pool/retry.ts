/** Which faults may go away when a request is tried again, and how long to wait before that. */
import { type Backoff, backoffDelay } from '../../base/backoff.ts';
import type { ErrorCode } from '../../files/protocol/errors.ts';
import { type ClientFault, isClientFault } from '../client-fault.ts';

/**
 * Refusals that are about the moment. Codes that need an operator's work first are not among them: a full disk, a
 * read-only file system, missing permissions.
 */
const TRANSIENT_CODES: ReadonlySet<string> = new Set<ErrorCode>([
  'shutting-down',
  'busy',
  'too-many-connections',
  'too-many-open-files',
  'too-many-uploads',
  'events-full',
  'io-error',
  'unavailable',
  'internal',
  'timed-out',
  // The server sends it when the connection breaks in the middle of a frame of ours.
  'truncated',
]);

/** Whether the fault ends the connection. */
export const breaksConnection = (fault: ClientFault): boolean =>
  fault.code === 'connection' || fault.code === 'protocol';

/** Whether the server has refused a request with this code. */
export const isRefused = (thrown: unknown, code: string): boolean =>
  isClientFault(thrown) && thrown.code === 'refused' && thrown.error.code === code;

/**
 * @param reached whether a connection to the server succeeded before. Then an unknown host name means that the network
 *   is away, and may come back.
 * @example isRetryable({ code: 'refused', error: serviceFault('disk-full') }) // false
 */
export function isRetryable(fault: ClientFault, reached = false): boolean {
  switch (fault.code) {
    case 'connection':
      // A misspelt name will not be known later either.
      if (fault.cause.code === 'unknown-host') return reached;
      // A server with the wrong certificate will not have the right one later.
      return fault.cause.code !== 'untrusted';
    case 'protocol':
      return fault.error === undefined || TRANSIENT_CODES.has(fault.error.code);
    case 'refused':
      return TRANSIENT_CODES.has(fault.error.code);
    default:
      return false;
  }
}

/** How many times as long the waits are for what fails at once, and takes some seconds to come back. */
const WAIT_FACTORS: ReadonlyMap<string | null, number> = new Map([
  ['no-resolver', 5],
  ['unknown-host', 5],
  ['refused', 2],
]);

/**
 * Answers the wait for a given fault. A resolver that is away fails at once, and so does a connection to a server that is
 * starting again; both come back some seconds later. So no wait for them is shorter than half of its bound, the first of
 * which is a second for a resolver and 400 ms for a server: five tries take 15 s and more, or 6 s, and cannot all happen
 * at once.
 */
export function retryDelay(fault: ClientFault, failures: number, backoff: Backoff, random: number): number {
  const factor = WAIT_FACTORS.get(fault.code === 'connection' ? fault.cause.code : null);
  if (factor === undefined) return backoffDelay(failures, backoff, random);
  const { initial = 200 } = backoff;
  return backoffDelay(failures, { ...backoff, initial: initial * factor }, (1 + random) / 2);
}
