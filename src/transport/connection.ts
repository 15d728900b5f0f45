/**
 * Where bytes come from and go to: the contract every connection keeps.
 *
 * TCP, TLS and Unix sockets, an in-memory pair and a packet capture all provide it. Nothing above this file
 * knows which it is.
 */
import type { Observable } from 'rxjs';

/** One end of a connection, as a log line names it: `127.0.0.1:8080`, `[::1]:8080`, `unix:/run/s.sock#3`, `memory:3`. */
export type Address = string;

/** Why a connection is over, when it did not end in good order. */
export interface ConnectionFault {
  /**
   * `reset`: the peer dropped it. `unread`: it ended in good order, but the peer did not read everything that we
   * sent. `timeout`: the network did not answer in time. `refused`: no server listens. `unknown-host`: there is no
   * host of that name. `no-resolver`: the name could not be looked up now. `untrusted`: the two sides could not agree
   * on TLS, and another try does not change that. `incomplete`: the connection was recorded, and what the peer sent
   * next is not in the recording. `destroyed`: we destroyed it.
   */
  readonly code:
    | 'reset'
    | 'unread'
    | 'timeout'
    | 'refused'
    | 'unreachable'
    | 'unknown-host'
    | 'no-resolver'
    | 'untrusted'
    | 'incomplete'
    | 'destroyed'
    | 'failed';
  /** In words, with the system's own code where there is one. */
  readonly message: string;
}

/** Whom a certificate says the peer is. Checked by the transport: it was issued by an authority we trust, and is valid. */
export interface Certificate {
  /** The distinguished name, most specific part last, as in `O=Acme,CN=alice`. */
  readonly subject: string;
  /** The common name, where there is exactly one. */
  readonly commonName: string | null;
}

export interface Connection {
  /** Unique in this process; for logs. */
  readonly id: string;
  readonly local: Address;
  readonly remote: Address;
  /** The certificate the peer has shown, if any. */
  readonly certificate?: Certificate;
  /**
   * The bytes that the peer sends, in the pieces in which they arrive. It has one subscriber at a time. Nothing is
   * read before it subscribes, so nothing is missed. Unsubscribing stops the reading until the next subscriber comes.
   * It completes when the peer ends its side (half-close: writing is still possible). It errors with a
   * `ConnectionFault` when the connection breaks, after the bytes that had arrived by then. Any peer can break a
   * connection at any time by a reset, so every subscriber must handle the error: RxJS ends the process for an
   * unhandled one. A failed write does not end `chunks$`. A chunk is never modified after it was emitted, unless all
   * of it was recycled.
   *
   * Its completion says only that nothing more will come. The framing must say whether what came is whole: a system
   * may report a reset that follows data as a plain end, and the reset only to the next write.
   */
  readonly chunks$: Observable<Uint8Array>;
  /**
   * Sends the chunks, in order. All that is written in one turn of the event loop goes as one system call where there
   * is one for it. `settled` is called exactly once, in order, and never before `write` has returned: without an
   * argument when the operating system has the bytes, with a fault when it never will. `write` does not throw for
   * that: writing to a broken or ended connection settles with a fault. Writing nothing asks the system whether the
   * peer is known to be gone. The chunks are lent until `settled`. Bytes that are written and unsettled are held in
   * memory, so the writer must bound them by waiting for `settled`.
   *
   * @throws TypeError at once, having sent nothing, when it is given anything but a list of `Uint8Array`s and a
   *   function.
   */
  write(chunks: readonly Uint8Array[], settled: (fault?: ConnectionFault) => void): void;
  /**
   * Gives back so many bytes of a chunk (or of a view of it) that are not used any more, so that their memory may be
   * received into again. It makes reading faster and is never required. But a reader that recycles bytes and still
   * uses them reads bytes that came later. Recycle each byte at most once; bytes that are in no chunk of this
   * connection are ignored.
   */
  recycle?(chunk: Uint8Array, count: number): void;
  /**
   * Whether the connection holds memory that it does not receive into any more, because of bytes that were not
   * recycled. A reader that keeps a small part of a chunk then copies it, and does so too where there is no such
   * method: else one byte could keep everything in memory that came with it.
   */
  pinsMemory?(): boolean;
  /**
   * Stops `chunks$`, at once or after at most one further chunk, so that the peer is slowed down by flow control.
   */
  pause(): void;
  /** Undoes `pause`. Both may be called any number of times. */
  resume(): void;
  /** Ends our side once everything written has been sent; the peer's side stays open until it ends it. */
  end(): void;
  /**
   * Drops both sides now. `chunks$` emits nothing more but its error `destroyed`, if it was still live. Unsettled
   * writes settle with a fault. The peer sees a reset; or, where the system has none (Unix sockets), an end, and the
   * reset at its next write. What was ended in good order and is with the system already is still delivered. The
   * owner of the connection must call it, unless both sides have ended.
   */
  destroy(): void;
  /**
   * Emits once and completes when both sides are over, however that came about: null when in good order. It comes
   * after every write has settled. A connection that does not read `chunks$` does not learn that the peer's side is
   * over. So a connection that only writes must subscribe to `chunks$` all the same, or `destroy` itself. A reader
   * that stops before the peer has ended, after a fatal fault in its frames, say, closes the connection with
   * `closeGracefully`.
   */
  readonly closed$: Observable<ConnectionFault | null>;
}
