/** Why listening is not possible, as data and as an Error. */
import { SluiceError } from '../base/sluice-error.ts';
import type { Address } from './connection.ts';

/** Why listening is not possible, and the remedy. */
export interface ListenFault {
  /**
   * Tells the faults apart:
   *
   * - `in-use`: another program listens there.
   * - `forbidden`: this user may not listen there.
   * - `no-such-address`: this machine does not have the address.
   * - `bad-credentials`: the TLS credentials cannot be used.
   * - `failed`: anything else; the message has the system's own code.
   */
  readonly code: 'in-use' | 'forbidden' | 'no-such-address' | 'bad-credentials' | 'failed';
  /** The address that was to be listened on. */
  readonly address: Address;
  /** In words, with what to do. */
  readonly message: string;
}

/**
 * Listening is not possible: what `listenTcp` and its like, `serve` and `serveActors` error with. `code` is the fault's.
 *
 * @example listenTcp({ port: 80 }).subscribe({ error: (error) => console.error(`${error.code}: ${error.message}`) });
 */
export class ListenError extends SluiceError {
  declare readonly code: ListenFault['code'];
  declare readonly fault: ListenFault;
  /** The address that was to be listened on. */
  readonly address: Address;

  constructor(fault: ListenFault, options?: { readonly cause?: unknown }) {
    super(fault, options);
    this.address = fault.address;
  }

  override get name(): 'ListenError' {
    return 'ListenError';
  }
}
