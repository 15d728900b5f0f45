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
  /** `reset`: the peer dropped it. `unread`: it ended in good order, but took not all we sent. `timeout`: the network did. `refused`: nobody listens. `unknown-host`: there is no host of that name. `no-resolver`: the name could not be looked up now. `untrusted`: TLS could not be agreed on, which trying again does not change. `incomplete`: it was recorded, and what the peer sent next is not in the recording. `destroyed`: we did. */
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
   * What the peer sends, in the pieces it arrives in. For one subscriber at a time; nothing is read before it
   * subscribes, so nothing is missed, and unsubscribing stops the reading until the next one subscribes. Completes
   * when the peer ends its side (half-close: writing is still possible). Errors with a `ConnectionFault` when the
   * connection breaks, after what had arrived by then: any peer can bring that about at any time by a reset, so whoever
   * subscribes handles it, as RxJS ends the process for an error that nobody handles. A failed write does not end it. A chunk is never modified
   * after it was emitted, unless all of it was given back.
   *
   * That it completes says only that nothing more will come. Whether what came is whole is for the framing to say:
   * a system may report a reset that follows data as a plain end, and the reset only to the next write.
   */
  readonly chunks$: Observable<Uint8Array>;
  /**
   * Sends the chunks, in order; all that is written in one turn of the event loop goes as one system call where
   * there is one for it. `settled` is called exactly once, in order, and never before `write` has returned: without
   * an argument when the bytes are the operating system's, with a fault when they never will be. Does not throw for it:
   * writing to a broken or ended connection settles with a fault. To write nothing asks the system whether the peer is
   * known to be gone. The chunks are lent until `settled`. What is
   * written and unsettled is held in memory, so whoever writes must bound it by waiting for `settled`.
   *
   * @throws TypeError at once, having sent nothing, when it is given anything but a list of `Uint8Array`s and a function.
   */
  write(chunks: readonly Uint8Array[], settled: (fault?: ConnectionFault) => void): void;
  /**
   * Says that nobody looks any more at so many bytes of a chunk (or of a view of it), so that their memory may be
   * received into again. A favour to speed, not a duty; but who gives back what is still looked at reads another's
   * bytes. Each byte at most once; bytes that are in no chunk of this connection are ignored.
   */
  recycle?(chunk: Uint8Array, count: number): void;
  /**
   * Whether memory that is not received into any more is held by bytes that were not given back. Whoever keeps a small
   * part of a chunk copies it then, and where there is no such method: else a byte could hold on to all that came with it.
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
   * Drops both sides now. Nothing more is emitted on `chunks$` but its error `destroyed`, if it was still live;
   * unsettled writes settle with a fault; the peer sees a reset, or where the system has none for that (Unix sockets)
   * an end, and the reset at its next write. What was ended in good order and is the system's
   * already is still delivered. To be called by whoever owns the connection, unless both sides have ended.
   */
  destroy(): void;
  /**
   * Emits once and completes, when both sides are over, however that came about: null when in good order. After
   * every write has settled. Whoever does not read `chunks$` does not learn that the peer's side is over, so a
   * connection that only writes must subscribe to it all the same, or `destroy` it; and who stops reading before the
   * peer has ended, after a fatal fault in its frames, say, closes it with `closeGracefully`.
   */
  readonly closed$: Observable<ConnectionFault | null>;
}
