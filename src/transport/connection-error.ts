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
