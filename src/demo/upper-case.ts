/** The first lesson: services over TCP and UDP that send back in upper case the text that they receive. */
import {
  concat,
  defer,
  EMPTY,
  filter,
  map,
  merge,
  mergeMap,
  type Observable,
  type OperatorFunction,
  of,
  tap,
  toArray,
} from 'rxjs';
import { defineActor } from '../actor/actor.ts';
import { defaultActorLimits } from '../actor/limits.ts';
import { serveActors } from '../actor/serve-actors.ts';
import type { Address, Connection, ConnectionFault } from '../transport/connection.ts';
import { type ListenTcpOptions, listenTcp } from '../transport/socket/tcp.ts';
import { type ListenUdpOptions, listenUdp } from '../transport/udp.ts';
import { textChunks } from '../wire/codecs/text-chunks.ts';

/**
 * Turns UTF-8 text into upper case, chunk by chunk.
 *
 * When two chunks share a character, its first bytes, at most three, wait for the others. So one chunk in is not always
 * one chunk out. Bytes that are not UTF-8 become U+FFFD, and so does half a character at the end. Some text grows: `ß`
 * becomes `SS`.
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
  /** The address of the TCP service; absent: there is none. */
  readonly tcp?: ListenTcpOptions;
  /** The address of the UDP service; absent: there is none. */
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
  /**
   * A TCP connection is over. `bytes` is how many the peer sent; `fault` is why the connection broke, or null when it
   * ended in good order.
   */
  | {
      readonly type: 'closed';
      readonly remote: Address;
      readonly bytes: number;
      readonly fault: ConnectionFault | null;
    }
  /** The service has answered a datagram. */
  | { readonly type: 'answered'; readonly from: Address; readonly bytes: number };

/**
 * Both services as one Observable: they run while it is subscribed. Unsubscribing stops listening and drops the
 * connections. Errors with a `ListenError` when listening on an address is not possible; then neither goes on.
 *
 * @example
 * serveUpper({ tcp: { port: 8081 }, udp: { port: 9000 } }).subscribe({
 *   next: (event) => console.log(formatUpper(event)),
 *   error: (error) => console.error(error.message),
 * });
 */
export function serveUpper({ tcp, udp }: UpperOptions): Observable<UpperEvent> {
  return merge(tcp === undefined ? EMPTY : upperTcp(tcp), udp === undefined ? EMPTY : upperUdp(udp));
}

/** The actor of the TCP service: it answers each text in upper case, as it comes. */
const upper = defineActor()({
  codec: textChunks,
  reduce: (state, event) => ({
    state,
    effects: event.type === 'message' ? [{ type: 'send', message: event.message.toUpperCase() }] : [],
  }),
});

const { POSITIVE_INFINITY: UNLIMITED } = Number;
/** A person who types by hand may take any time. */
const limits = {
  connections: UNLIMITED,
  connectionsPerAddress: UNLIMITED,
  timeouts: {
    ...defaultActorLimits.timeouts,
    firstBytes: UNLIMITED,
    header: UNLIMITED,
    idle: UNLIMITED,
    unread: UNLIMITED,
  },
};

function upperTcp(options: ListenTcpOptions): Observable<UpperEvent> {
  return defer(() => {
    /** How many bytes the peer of each connection has sent. */
    const received = new Map<string, number>();
    const connections$ = listenTcp(options).pipe(
      map((event) =>
        event.type === 'connection' ? { ...event, connection: counting(event.connection, received) } : event,
      ),
    );
    return serveActors({ connections$, actor: upper, limits }).pipe(
      mergeMap((event): UpperEvent[] => {
        switch (event.type) {
          case 'listening':
            return [{ ...event, protocol: 'tcp' }];
          case 'accept-failed':
            return [event];
          case 'opened':
            return [{ type: 'opened', remote: event.remote }];
          case 'closed': {
            const { connection, remote, fault } = event;
            const bytes = received.get(connection) ?? 0;
            received.delete(connection);
            return [{ type: 'closed', remote, bytes, fault }];
          }
          default:
            return [];
        }
      }),
    );
  });
}

/** The same connection, whose bytes are counted as they come. */
function counting(connection: Connection, received: Map<string, number>): Connection {
  const { id, chunks$ } = connection;
  const count = (chunk: Uint8Array) => received.set(id, (received.get(id) ?? 0) + chunk.length);
  return { ...connection, chunks$: chunks$.pipe(tap(count)) };
}

function upperUdp(options: ListenUdpOptions): Observable<UpperEvent> {
  return listenUdp(options).pipe(
    mergeMap((event): Observable<UpperEvent> => {
      if (event.type === 'listening') return of({ ...event, protocol: 'udp' });
      // A datagram is a whole text: no other datagram continues half a character at its end.
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

/** An event as one line for a terminal. */
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
