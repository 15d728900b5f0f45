import type { Subscriber } from 'rxjs';
import { systemWords } from '../files/protocol/system-words.ts';
import type { ConnectionFault } from './connection.ts';
import { ConnectionError, isConnectionFault } from './connection-error.ts';

/**
 * The system's codes that have a code of their own in the contract. Every other one is `failed`, with the sentence of
 * `systemWords`.
 */
const CODES: Readonly<Record<string, readonly [ConnectionFault['code'], string]>> = {
  ECONNRESET: ['reset', 'the peer reset the connection'],
  EPIPE: ['reset', 'the peer closed the connection and takes nothing more'],
  ECONNABORTED: ['reset', 'the connection was aborted'],
  ETIMEDOUT: ['timeout', 'the network did not answer in time'],
  ECONNREFUSED: ['refused', 'nobody listens there'],
  ENETRESET: ['reset', 'the network dropped the connection'],
  ENOTCONN: ['reset', 'the connection is gone'],
  EHOSTDOWN: ['unreachable', 'the host does not answer'],
  ENETDOWN: ['unreachable', 'the network is down'],
  EHOSTUNREACH: ['unreachable', 'the host cannot be reached'],
  ENETUNREACH: ['unreachable', 'the network cannot be reached'],
  EADDRNOTAVAIL: ['unreachable', 'there is no way to that address from here'],
  ENOTFOUND: ['unknown-host', 'there is no host of that name'],
  ENOENT: ['unreachable', 'there is no such socket'],
  EAI_AGAIN: ['no-resolver', 'the host name could not be looked up'],
  EACCES: ['failed', 'this user may not connect there'],
  EPERM: ['failed', 'the system does not let this user connect there'],
};

/** The fault after our own `destroy()`. */
export const DESTROYED: ConnectionFault = { code: 'destroyed', message: 'the connection was destroyed here' };

/** The fault with which a write after `end()` settles. */
export const ENDED: ConnectionFault = {
  code: 'failed',
  message: 'our side of the connection was already ended',
};

/**
 * Turns an error of the system into a fault of the contract. The system's code stays in the message. Of a
 * `ConnectionError` it is the fault; a fault, with which a transport of your own may error, stays one.
 *
 * @example
 * connectionFault(error); // { code: 'reset', message: 'the peer reset the connection (ECONNRESET)' }
 */
export function connectionFault(error: unknown): ConnectionFault {
  if (error instanceof ConnectionError) return error.fault;
  if (isConnectionFault(error)) return { code: error.code, message: error.message };
  const system = systemCode(error);
  const known = system === undefined ? undefined : CODES[system];
  if (known !== undefined) return { code: known[0], message: `${known[1]} (${system})` };
  // When node has tried several addresses, the error of the first counts.
  const first = error instanceof AggregateError ? error.errors[0] : error;
  return { code: 'failed', message: systemWords(first, 'write') };
}

/** The system's code of an error, such as `ECONNRESET`; undefined when it has none. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Ends a stream of chunks as reading ended: null is in good order. @param cause the error that the fault was made of. */
export function signalEnd(
  subscriber: Subscriber<Uint8Array>,
  end: ConnectionFault | null,
  cause?: unknown,
): void {
  if (end === null) subscriber.complete();
  else subscriber.error(new ConnectionError(end, { cause }));
}
