/** A fault of a connection as an Error. */
import { SluiceError } from '../base/sluice-error.ts';
import type { ConnectionFault } from './connection.ts';

/**
 * A connection is broken, or could not be made: `chunks$` and `connectTcp` error with it, and the promises of `framed`
 * reject with it. `code` is the fault's.
 *
 * @example connection.chunks$.subscribe({ error: (error) => console.error(`${error.code}: ${error.message}`) });
 */
export class ConnectionError extends SluiceError {
  declare readonly code: ConnectionFault['code'];
  declare readonly fault: ConnectionFault;

  constructor(fault: ConnectionFault, options?: { readonly cause?: unknown }) {
    super(fault, options);
  }

  override get name(): 'ConnectionError' {
    return 'ConnectionError';
  }
}

/** The codes of the contract. */
const FAULT_CODES: Readonly<Record<ConnectionFault['code'], true>> = {
  reset: true,
  unread: true,
  timeout: true,
  refused: true,
  unreachable: true,
  'unknown-host': true,
  'no-resolver': true,
  untrusted: true,
  incomplete: true,
  overrun: true,
  destroyed: true,
  failed: true,
};

export function isConnectionFault(thrown: unknown): thrown is ConnectionFault {
  const { code, message } = (thrown ?? {}) as Partial<ConnectionFault>;
  return typeof code === 'string' && Object.hasOwn(FAULT_CODES, code) && typeof message === 'string';
}

/**
 * The error of whatever a connection has errored with: those of this library stay as they are. A transport of somebody
 * else's may error with the data alone, or with any error, which is then the cause.
 */
export function connectionError(thrown: unknown): SluiceError {
  if (thrown instanceof SluiceError) return thrown;
  if (thrown instanceof Error)
    return new ConnectionError({ code: 'failed', message: thrown.message }, { cause: thrown });
  const fault: ConnectionFault = isConnectionFault(thrown)
    ? thrown
    : { code: 'failed', message: String(thrown) };
  return new ConnectionError(fault);
}
