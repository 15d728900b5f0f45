/** A fault of a connection as an Error. */
import type { ConnectionFault } from './connection.ts';

/** What promises reject with when a connection breaks. `fault.code` says how. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  readonly fault: ConnectionFault;

  constructor(fault: ConnectionFault) {
    super(fault.message);
    this.fault = fault;
  }
}
