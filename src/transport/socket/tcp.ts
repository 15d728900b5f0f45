/** TCP: listening and connecting, both as Observables. */

import { createServer, type ListenOptions } from 'node:net';
import type { Observable } from 'rxjs';
import { checkOptions } from '../../wire/argument.ts';
import { formatAddress } from '../address.ts';
import { CONNECT_RULES, LISTEN_RULES } from '../check-arguments.ts';
import { connectOn, newSocket, whenReady } from '../connect.ts';
import type { Connection } from '../connection.ts';
import type { HandedSockets } from '../handed-sockets.ts';
import { listenOn } from '../listen.ts';
import type { ListenEvent } from '../listen-event.ts';
import { fromSocket } from './from-socket.ts';

/** Where `listenTcp` listens. `port` is needed. */
export interface ListenTcpOptions {
  /** The address to listen on; default `127.0.0.1`: this machine only. `0.0.0.0` or `::` listens on all addresses. */
  readonly host?: string;
  /** The port, 0 to 65,535. 0 lets the system choose; the `listening` event has the port. */
  readonly port: number;
  /** How many connections may wait to be accepted, before the system refuses more; from 0, default 511. */
  readonly backlog?: number;
}

/**
 * Accepts TCP connections while it is subscribed. Emits `listening` once, then a `connection` for each peer; the
 * connection reads nothing before its `chunks$` is subscribed. Unsubscribing stops accepting and leaves the
 * connections to their owners. Errors with a `ListenError` when listening on the address is not possible. A single
 * connection that could not be accepted is an event, not an error.
 *
 * @example
 * listenTcp({ port: 0 }).subscribe({
 *   next: (event) => {
 *     if (event.type === 'connection') event.connection.end();
 *   },
 *   error: (error) => console.error(error.message),
 * });
 */
export function listenTcp(options: ListenTcpOptions): Observable<ListenEvent> {
  checkOptions('listenTcp', options, LISTEN_RULES);
  const { host = '127.0.0.1', port, backlog } = options;
  return acceptTcp({ host, port, ...(backlog !== undefined && { backlog }) });
}

/** The connections of a place to listen on, or of handed sockets. */
export const acceptTcp = (from: ListenOptions | HandedSockets): Observable<ListenEvent> =>
  listenOn(
    () => createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }),
    'connection',
    from,
    (socket) => fromSocket(socket, { slabs: true }),
  );

/** Where `connectTcp` connects to. `host` and `port` are needed. */
export interface ConnectTcpOptions {
  /** The name or address of the server: `files.example`, `192.0.2.7`, `::1`. */
  readonly host: string;
  /** The port of the server, 0 to 65,535. */
  readonly port: number;
  /**
   * Milliseconds to wait for the connection, 0 to 2^31 - 1. Default: as long as the system does, about two minutes.
   */
  readonly timeout?: number;
}

/**
 * Connects when subscribed: emits the connection and completes. Errors with a `ConnectionError` when that is not
 * possible (`refused`, `unreachable`, `timeout`). Unsubscribing before it connected abandons the attempt; after
 * that the connection belongs to the subscriber.
 *
 * @example
 * const connection = await firstValueFrom(connectTcp({ host: '127.0.0.1', port: 8080, timeout: 5_000 }));
 */
export function connectTcp(options: ConnectTcpOptions): Observable<Connection> {
  checkOptions('connectTcp', options, CONNECT_RULES);
  const { host, port, timeout } = options;
  return connectOn(formatAddress(host, port), timeout, ({ connected, failed }) => {
    const socket = newSocket();
    socket.setNoDelay(true);
    whenReady(socket, 'connect', failed, () => connected(fromSocket(socket)));
    socket.connect({ host, port });
    return () => socket.destroy();
  });
}
