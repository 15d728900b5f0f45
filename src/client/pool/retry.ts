/** What may succeed when it is tried again, and how long to wait before. */
import type { ErrorCode } from '../../files/protocol/errors.ts';
import type { ClientFault } from '../client-fault.ts';

/**
 * Refusals that say something about the moment. Not among them is what somebody has to put right first: a full disk, a
 * file system that is read-only, missing permissions.
 */
const TRANSIENT_CODES: ReadonlySet<string> = new Set<ErrorCode>([
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

/**
 * @param reached whether the server was connected to before: a name that was known then is lost with the network, and
 *   comes again with it.
 * @example worthRetrying({ type: 'refused', error: errorInfo('disk-full') }) // false
 */
export function isRetryable(fault: ClientFault, reached = false): boolean {
  switch (fault.type) {
    case 'connection':
      // A name that was misspelt is not known after a while either.
      if (fault.fault.code === 'unknown-host') return reached;
      // A server that is not who it should be is not so after a while either.
      return fault.fault.code !== 'untrusted';
    case 'protocol':
      return fault.error === undefined || TRANSIENT_CODES.has(fault.error.code);
    case 'refused':
      return TRANSIENT_CODES.has(fault.error.code);
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
export const backoffDelay = (failures: number, backoff: Backoff, random: number): number =>
  Math.round(random * boundOf(failures, backoff));

const boundOf = (failures: number, { base = 200, most = 30_000 }: Backoff): number =>
  Math.min(most, base * 2 ** Math.min(failures - 1, 50));

/** How many times as long as a server a resolver is waited for. */
const RESOLVER_WAIT_FACTOR = 5;

/**
 * The same, where it depends on what has failed. A resolver that is away fails at once, and comes back with a network
 * that takes its seconds: it is waited for from half a second on, and never for less than half of the bound, so that
 * five tries are 15 s and not perhaps none.
 */
export function retryDelay(fault: ClientFault, failures: number, backoff: Backoff, random: number): number {
  const code = fault.type === 'connection' ? fault.fault.code : null;
  if (code !== 'no-resolver' && code !== 'unknown-host') return backoffDelay(failures, backoff, random);
  const { base = 200 } = backoff;
  return backoffDelay(failures, { ...backoff, base: base * RESOLVER_WAIT_FACTOR }, (1 + random) / 2);
}
