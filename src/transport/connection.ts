/**
 * Where bytes come from and go to: the contract every connection keeps.
 *
 * TCP, TLS and Unix sockets, an in-memory pair and a packet capture all provide it. Nothing above this file
 * knows which it is.
 */
import type { Observable } from 'rxjs';

/** One end of a connection, as a log line names it: `127.0.0.1:8080`, `[::1]:8080`, `/run/s.sock`, `memory:3`. */
export type Address = string;

/** Why a connection is over, when it did not end in good order. */
export interface ConnectionFault {
  /** `reset`: the peer dropped it. `timeout`: the network did. `refused`: nobody listens. `destroyed`: we did. */
  readonly code: 'reset' | 'timeout' | 'refused' | 'unreachable' | 'destroyed' | 'failed';
  /** In words, with the system's own code where there is one. */
  readonly message: string;
}

export interface Connection {
  /** Unique in this process; for logs. */
  readonly id: string;
  readonly local: Address;
  readonly remote: Address;
  /**
   * What the peer sends, in the pieces it arrives in. For one subscriber; nothing is read before it subscribes,
   * so nothing is missed. Completes when the peer ends its side (half-close: writing is still possible). Errors
   * with a `ConnectionFault` when the connection breaks. A chunk is never modified after it was emitted.
   */
  readonly chunks$: Observable<Uint8Array>;
  /**
   * Sends the chunks, in order, as one write where the system allows it. `settled` is called exactly once:
   * without an argument when the bytes are the operating system's, with a fault when they never will be. Never
   * throws: writing to a broken connection settles with a fault. What is written and unsettled is held in
   * memory, so whoever writes must bound it by waiting for `settled`.
   */
  write(chunks: readonly Uint8Array[], settled: (fault?: ConnectionFault) => void): void;
  /**
   * Stops `chunks$`, at once or after at most one further chunk, so that the peer is slowed down by flow control.
   */
  pause(): void;
  /** Undoes `pause`. Both may be called any number of times. */
  resume(): void;
  /** Ends our side once everything written has been sent; the peer's side stays open until it ends it. */
  end(): void;
  /** Drops both sides now. Unsettled writes settle with a fault; `chunks$` errors with `destroyed` if still live. */
  destroy(): void;
  /** Emits once and completes, when both sides are over, however that came about: null when in good order. */
  readonly closed$: Observable<ConnectionFault | null>;
}
