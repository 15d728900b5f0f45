/**
 * The flow of bytes to a peer, for performers that send many of them, or whose answers are much longer than what asked
 * for them.
 *
 * Every effect may simply give its result, and the reducer send a message. That is right as long as an answer fits into
 * memory. A file does not: it is read a piece at a time, as the peer reads it. So its performer borrows the memory for
 * each piece from the budget of all connections, and gives it back when the operating system has the piece.
 */

import type { ConnectionFault } from '../transport/connection.ts';
import type { CreditWindow } from './bounds/credit.ts';

/**
 * The flow of bytes to a peer, for performers that send many of them, or whose answers are much longer than what asked
 * for them. Such a performer borrows the memory of each piece by `lend`, writes the piece, and repays it when it is
 * `settled`.
 */
export interface Flow extends Pick<CreditWindow, 'isFree' | 'charge' | 'credit' | 'lend' | 'repay'> {
  /**
   * Sends bytes behind everything that was sent before, without a copy. They must stay unchanged until `settled` is
   * called: the operating system has them then, or never will.
   */
  readonly write: (bytes: Uint8Array, settled: (fault?: ConnectionFault) => void) => void;
  /**
   * Calls back once, when hardly anything waits for the peer to read; at once if that is so now. Returns a function that
   * withdraws the wish.
   */
  readonly whenLow: (go: () => void) => () => void;
  /** Calls back when it is this connection's turn among all connections. */
  readonly inTurn: (work: () => void) => void;
}
