/**
 * The second lesson: TCP keeps no message boundaries. It sends ten small messages over this machine's loopback, three
 * times: one right after the other, with a pause between them, and framed.
 *
 * It uses real sockets, one system call for each send, and the chunks that the system delivers. The result can differ
 * from run to run, and that is the lesson.
 */
import {
  concat,
  defer,
  EMPTY,
  finalize,
  from,
  ignoreElements,
  map,
  mergeMap,
  NEVER,
  Observable,
  of,
  take,
  throwError,
  timer,
  toArray,
} from 'rxjs';
import type { Connection } from '../transport/connection.ts';
import { ConnectionError } from '../transport/connection-error.ts';
import { connectTcp, listenTcp } from '../transport/socket/tcp.ts';
import { deframe } from '../wire/deframe/deframe.ts';
import { encodeFrame } from '../wire/enframe.ts';
import { EncodeError, FrameError } from '../wire/frame-error.ts';
import { lengthField } from '../wire/length-field.ts';
import { type ArrivedChunk, alignChunks, countCut, countGlued } from './sticky-align.ts';

export type StickyRound = 'together' | 'apart' | 'framed';

/** The result of one round. */
export interface StickyEvent {
  readonly round: StickyRound;
  /** The messages in the order of their sends; each was one send. */
  readonly sent: readonly string[];
  /** The chunks that the receiver got, in order, and the messages in each. */
  readonly chunks: readonly ArrivedChunk[];
  /** How many messages came in a chunk with others. */
  readonly glued: number;
  /** How many messages came in more than one chunk. */
  readonly cut: number;
  /** The messages that the receiver found by their frames; only in the round `framed`. */
  readonly received?: readonly string[];
}

export interface StickyOptions {
  /** Default the words from one to ten. None longer than 1,024 bytes of UTF-8. */
  readonly messages?: readonly string[];
  /** Milliseconds between two sends in the round `apart`. Default 50. */
  readonly pause?: number;
}

const WORDS = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'];

/** Four bytes of length before each message. */
const FRAME = { width: 4, maxLength: 1024 } as const;

/**
 * Runs the three rounds, one after the other, and emits the result of each when it is over; then completes.
 * Unsubscribing closes the connections. Errors with a `ListenError` or `ConnectionError` when the loopback does not
 * work, and with an `EncodeError` when a message is too long.
 *
 * @example
 * sticky().subscribe({
 *   next: (event) => console.log(formatSticky(event)),
 *   error: (error) => console.error(error.message),
 * });
 */
export function sticky({ messages = WORDS, pause = 50 }: StickyOptions = {}): Observable<StickyEvent> {
  const plain = messages.map((message) => new TextEncoder().encode(message));
  const framed: Uint8Array[] = [];
  for (const message of plain) {
    const encoded = encodeFrame(FRAME, message);
    if (!encoded.ok) return throwError(() => new EncodeError(encoded.fault));
    framed.push(encoded.bytes);
  }
  return concat(
    sendAndReceive(plain, 0).pipe(map((chunks) => outcome('together', messages, plain, chunks))),
    sendAndReceive(plain, pause).pipe(map((chunks) => outcome('apart', messages, plain, chunks))),
    sendAndReceive(framed, 0).pipe(
      mergeMap((chunks) =>
        unframe(chunks).pipe(
          map((received) => ({ ...outcome('framed', messages, framed, chunks), received })),
        ),
      ),
    ),
  );
}

function outcome(
  round: StickyRound,
  sent: readonly string[],
  sends: readonly Uint8Array[],
  arrived: readonly Uint8Array[],
): StickyEvent {
  const chunks = alignChunks(sends, arrived);
  return { round, sent, chunks, glued: countGlued(chunks), cut: countCut(chunks) };
}

/** Sends over a connection of its own. Emits the chunks that arrived, once the sender has ended. */
function sendAndReceive(sends: readonly Uint8Array[], pause: number): Observable<Uint8Array[]> {
  return listenTcp({ port: 0 }).pipe(
    mergeMap((event): Observable<Uint8Array[]> => {
      if (event.type === 'listening') return sendAll(event.port, sends, pause);
      if (event.type === 'accept-failed') return throwError(() => new ConnectionError(event.fault));
      return event.connection.chunks$.pipe(
        toArray(),
        finalize(() => event.connection.destroy()),
      );
    }),
    take(1),
  );
}

/** Connects, sends each message by itself, and ends its side. Emits nothing, and stays until unsubscribed. */
function sendAll(port: number, sends: readonly Uint8Array[], pause: number): Observable<never> {
  return connectTcp({ host: '127.0.0.1', port }).pipe(
    mergeMap((connection) => {
      const all = sends.map((bytes, at) => {
        const sent$ = send(connection, bytes);
        return pause > 0 && at > 0 ? concat(timer(pause).pipe(ignoreElements()), sent$) : sent$;
      });
      const end$ = defer(() => {
        connection.end();
        return NEVER;
      });
      return concat(...all, end$).pipe(finalize(() => connection.destroy()));
    }),
  );
}

/**
 * One send. It completes when the system has the bytes. Only then does the next one get a system call of its own, since
 * a connection joins all writes of one turn.
 */
function send(connection: Connection, bytes: Uint8Array): Observable<never> {
  return new Observable((subscriber) => {
    connection.write([bytes], (fault) => {
      if (fault === undefined) subscriber.complete();
      else subscriber.error(new ConnectionError(fault));
    });
  });
}

/** Emits the messages that a receiver with the framing finds in the chunks. */
function unframe(chunks: readonly Uint8Array[]): Observable<string[]> {
  return from(chunks).pipe(
    deframe(lengthField(FRAME)),
    mergeMap((event) => {
      if (event.type === 'fault') return throwError(() => new FrameError(event.fault));
      return event.type === 'frame' ? of(new TextDecoder().decode(event.body)) : EMPTY;
    }),
    toArray(),
  );
}
