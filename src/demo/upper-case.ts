/** The first lesson: services over TCP and UDP that answer what they are sent in upper case. */
import {
  concat,
  defer,
  EMPTY,
  filter,
  map,
  merge,
  mergeMap,
  Observable,
  type OperatorFunction,
  of,
  tap,
  toArray,
} from 'rxjs';
import type { Address, Connection, ConnectionFault } from '../transport/connection.ts';
import { type ListenTcpOptions, listenTcp } from '../transport/socket/tcp.ts';
import { type ListenUdpOptions, listenUdp } from '../transport/udp.ts';

/**
 * UTF-8 text in upper case, chunk by chunk.
 *
 * A character that two chunks share waits for its second half, at most three bytes; so one chunk in is not always
 * one chunk out. Bytes that are not UTF-8 become U+FFFD, and so does half a character at the end. Some text grows:
 * `ß` becomes `SS`.
 *
 * ```text
 *  in   --'a'--[c3]--[a9]--[e2]--|
 *  out  --'A'--------'É'---------('�'|)
 * ```
 *
 * @example of(new TextEncoder().encode('größe')).pipe(upperCase()) // the bytes of 'GRÖSSE'
 */
export function upperCase(): OperatorFunction<Uint8Array, Uint8Array> {
  return (chunks$) =>
    defer(() => {
      const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
      const encoder = new TextEncoder();
      const text$ = chunks$.pipe(map((chunk) => decoder.decode(chunk, { stream: true })));
      const rest$ = defer(() => of(decoder.decode()));
      return concat(text$, rest$).pipe(
        filter((text) => text !== ''),
        map((text) => encoder.encode(text.toUpperCase())),
      );
    });
}

export interface UpperOptions {
  /** Where to serve TCP; absent: not at all. */
  readonly tcp?: ListenTcpOptions;
  /** Where to serve UDP; absent: not at all. */
  readonly udp?: ListenUdpOptions;
}

export type UpperEvent =
  | {
      readonly type: 'listening';
      readonly protocol: 'tcp' | 'udp';
      readonly address: Address;
      readonly port: number;
    }
  | { readonly type: 'accept-failed'; readonly fault: ConnectionFault }
  | { readonly type: 'opened'; readonly remote: Address }
  /** A TCP connection is over: how many bytes it was sent, and why it broke, or null when it ended in good order. */
  | {
      readonly type: 'closed';
      readonly remote: Address;
      readonly bytes: number;
      readonly fault: ConnectionFault | null;
    }
  /** A datagram was answered. */
  | { readonly type: 'answered'; readonly from: Address; readonly bytes: number };

/**
 * Both services as one Observable: they run while it is subscribed. Unsubscribing stops listening and drops the
 * connections. Errors with a `ListenFault` when an address cannot be listened on; then neither goes on.
 *
 * @example
 * serveUpper({ tcp: { port: 8081 }, udp: { port: 9000 } }).subscribe({
 *   next: (event) => console.log(formatUpper(event)),
 *   error: (fault) => console.error(fault.message),
 * });
 */
export function serveUpper({ tcp, udp }: UpperOptions): Observable<UpperEvent> {
  return merge(tcp === undefined ? EMPTY : upperTcp(tcp), udp === undefined ? EMPTY : upperUdp(udp));
}

function upperTcp(options: ListenTcpOptions): Observable<UpperEvent> {
  return listenTcp(options).pipe(
    mergeMap((event): Observable<UpperEvent> => {
      if (event.type === 'connection') return answer(event.connection);
      return of(event.type === 'listening' ? { ...event, protocol: 'tcp' } : event);
    }),
  );
}

function upperUdp(options: ListenUdpOptions): Observable<UpperEvent> {
  return listenUdp(options).pipe(
    mergeMap((event): Observable<UpperEvent> => {
      if (event.type === 'listening') return of({ ...event, protocol: 'udp' });
      // A datagram is all there is: half a character at its end will not be continued.
      return of(event.bytes).pipe(
        upperCase(),
        toArray(),
        map((pieces) => {
          event.reply(Buffer.concat(pieces));
          return { type: 'answered', from: event.from, bytes: event.bytes.length };
        }),
      );
    }),
  );
}

/**
 * One connection, answered until both sides are over. No more than two replies are ever unsettled: one stops the
 * reading, and a chunk that was on its way may add another.
 */
function answer(connection: Connection): Observable<UpperEvent> {
  const { remote } = connection;
  return new Observable((subscriber) => {
    let bytes = 0;
    let unsettled = 0;
    subscriber.next({ type: 'opened', remote });
    connection.closed$.subscribe((fault) => {
      subscriber.next({ type: 'closed', remote, bytes, fault });
      subscriber.complete();
    });
    const count = tap((chunk: Uint8Array) => {
      bytes += chunk.length;
    });
    connection.chunks$.pipe(count, upperCase()).subscribe({
      next: (reply) => {
        unsettled++;
        connection.pause();
        connection.write([reply], () => {
          unsettled--;
          if (unsettled === 0) connection.resume();
        });
      },
      complete: () => connection.end(),
      // The connection is broken, and `closed$` says how.
      error: () => connection.destroy(),
    });
    return () => connection.destroy();
  });
}

/** One line for a terminal. */
export function formatUpper(event: UpperEvent): string {
  switch (event.type) {
    case 'listening':
      return `listening on ${event.address} (${event.protocol})`;
    case 'accept-failed':
      return `could not accept a connection: ${event.fault.message}`;
    case 'opened':
      return `${event.remote} connected`;
    case 'closed': {
      const why = event.fault === null ? '' : `: ${event.fault.message}`;
      return `${event.remote} closed after ${event.bytes} bytes${why}`;
    }
    case 'answered':
      return `${event.from} answered, ${event.bytes} bytes`;
  }
}
