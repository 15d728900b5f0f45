/**
 * The contract of every connection: bytes come from it and go to it.
 *
 * TCP, TLS and Unix sockets, WebSockets, Web Streams, an in-memory pair and a packet capture all provide it. The layers
 * above do not know which it is.
 */
import type { Observable } from 'rxjs';

/** One end of a connection, for log lines: `127.0.0.1:8080`, `[::1]:8080`, `unix:/run/s.sock#3`, `memory:3`. */
export type Address = string;

/** Why a connection is over, when it did not end in good order. A `ConnectionError` has it as its `fault`. */
export interface ConnectionFault {
  /**
   * Tells the faults apart:
   *
   * - `reset`: the peer dropped the connection.
   * - `unread`: it ended in good order, but the peer did not read everything that we sent.
   * - `timeout`: the network, or the peer, did not answer in time.
   * - `refused`: no server listens there.
   * - `unreachable`: there is no way to the host; of a Unix socket, there is no such file.
   * - `unknown-host`: there is no host of that name.
   * - `no-resolver`: the name could not be looked up now.
   * - `untrusted`: the two sides could not agree on TLS, and another try does not change that.
   * - `incomplete`: the connection was recorded, and the recording lacks the peer's next bytes.
   * - `overrun`: the peer sent more than may wait, over a transport that cannot be paused.
   * - `destroyed`: we destroyed it.
   * - `failed`: anything else; the message has the system's own code.
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
    | 'overrun'
    | 'destroyed'
    | 'failed';
  /** In words, with the system's own code where there is one. */
  readonly message: string;
}

/**
 * The identity of the peer by its certificate. The transport has checked that an authority that we trust issued the
 * certificate, and that it is valid.
 */
export interface Certificate {
  /** The distinguished name, most specific part last, as in `O=Acme,CN=alice`. */
  readonly subject: string;
  /** The common name, where there is exactly one. */
  readonly commonName: string | null;
}

/**
 * One end of a stream of bytes in both directions: what `connectTcp`, `listenTcp`, `memoryPair`, `fromWebSocket` and
 * the like make, and what `framed`, `serveActors` and `serve` take. A transport of your own implements it, and
 * `connectionContract` of `sluice/testing` tests that.
 */
export interface Connection {
  /** Unique in this process; for logs. */
  readonly id: string;
  /** Our end. */
  readonly local: Address;
  /** The peer's end. */
  readonly remote: Address;
  /** The certificate that the peer has presented, if any. */
  readonly certificate?: Certificate;
  /**
   * A token that came with the connection: in a header of the request that opened a WebSocket, say. The file service
   * takes it as that of a `hello`, before the first byte. Whoever makes the connection limits how often tokens are
   * tried (see `TokenTries`).
   */
  readonly token?: string;
  /**
   * The bytes that the peer sends, in the pieces in which they arrive. It has one subscriber at a time. The connection
   * reads nothing before it subscribes, so it misses nothing. Unsubscribing stops the reading until the next subscriber
   * comes. It completes when the peer ends its side (half-close: writing is still possible). It errors with a
   * `ConnectionError` when the connection breaks, after the bytes that had arrived by then. Any peer can break a
   * connection at any time by a reset, so every subscriber must handle the error: RxJS ends the process for an
   * unhandled one. A failed write does not end `chunks$`. A chunk is never modified after it was emitted, unless all
   * of it was recycled.
   *
   * Its completion means only that nothing more will come. The framing must find out whether the last frame is whole:
   * a system may report a reset that follows data as a plain end, and the reset only to the next write.
   */
  readonly chunks$: Observable<Uint8Array>;
  /**
   * Sends the chunks, in order. All writes of one turn of the event loop go as one system call where there is one for
   * it. `settled` is called exactly once, in order, and never before `write` has returned: without an argument when
   * the operating system has the bytes, with a fault when it never will. `write` does not throw for that: a write to a
   * broken or ended connection settles with a fault. A write of no bytes asks the system whether the peer is known to
   * be gone. The chunks must not change until `settled`. Written bytes stay in memory until they settle, so the writer
   * must bound them by waiting for `settled`.
   *
   * @throws TypeError at once, having sent nothing, when the arguments are not a list of `Uint8Array`s and a function.
   */
  write(chunks: readonly Uint8Array[], settled: (fault?: ConnectionFault) => void): void;
  /**
   * Gives back so many bytes of a chunk (or of a view of it) that the reader does not use any more, so that the
   * connection may receive into their memory again. It makes reading faster and is never required. But a reader that
   * recycles bytes and still uses them reads bytes that came later. Recycle each byte at most once. The connection
   * ignores bytes that are in none of its chunks.
   */
  recycle?(chunk: Uint8Array, count: number): void;
  /**
   * Whether the connection holds memory that it does not receive into any more, because of bytes that were not
   * recycled. Then a reader that keeps a small part of a chunk should copy it, and also where there is no such method:
   * otherwise one byte could keep everything in memory that came with it.
   */
  pinsMemory?(): boolean;
  /**
   * Stops `chunks$`, at once or after at most one further chunk, so that the peer is slowed down by flow control.
   */
  pause(): void;
  /** Undoes `pause`. Both may be called any number of times. */
  resume(): void;
  /**
   * Ends our side once everything written has been sent; the peer's side stays open until it ends it. A transport that
   * has no half-close (WebSocket) ends both sides by it, and a peer's end ends ours.
   */
  end(): void;
  /**
   * Drops both sides now. `chunks$` emits nothing more but its error `destroyed`, if it was still live. Unsettled
   * writes settle with a fault. The peer sees a reset; or, where the system has none (Unix sockets), an end, and the
   * reset at its next write. Bytes are still delivered when our side was ended before and the system has them already.
   * The owner of the connection must call it, unless both sides have ended.
   */
  destroy(): void;
  /**
   * Emits once and completes when both sides are over, for whatever reason: null when in good order. It comes after
   * every write has settled. A connection whose `chunks$` has no subscriber does not learn that the peer's side is
   * over. So an owner that only writes must subscribe to `chunks$` all the same, or call `destroy`. An owner that stops
   * reading before the peer has ended, after a fatal fault in its frames, say, closes the connection with
   * `closeGracefully`.
   */
  readonly closed$: Observable<ConnectionFault | null>;
}
