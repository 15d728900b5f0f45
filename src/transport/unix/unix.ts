/** Unix domain sockets: connections between programs of one machine, with the shapes of TCP. */

import { createServer, type ListenOptions } from 'node:net';
import { Observable } from 'rxjs';
import { checkOptions } from '../../wire/argument.ts';
import { CONNECT_UNIX_RULES, LISTEN_UNIX_RULES } from '../check-arguments.ts';
import { connectOn, newSocket, whenReady } from '../connect.ts';
import type { Address, Connection } from '../connection.ts';
import type { HandedSockets } from '../handed-sockets.ts';
import { listenOn } from '../listen.ts';
import { ListenError } from '../listen-error.ts';
import type { ListenEvent } from '../listen-event.ts';
import { fromSocket } from '../socket/from-socket.ts';
import { openUnixSocketPath } from './unix-socket-path.ts';

let made = 0;

const unixAddress = (path: string): Address => `unix:${path}`;

/** Where `listenUnix` listens, and who may connect. `path` is needed. */
export interface ListenUnixOptions {
  /** The path of the socket: at most 107 bytes, and about ten less for its folder. */
  readonly path: string;
  /**
   * The permissions of the socket file, 0 to 0o777: those who may write to it may connect. Default 0o600: this user
   * alone.
   */
  readonly mode?: number;
  /** How many connections may wait to be accepted, before the system refuses more; from 0, default 511. */
  readonly backlog?: number;
}

/**
 * Accepts connections on a Unix socket as `listenTcp` does. The `listening` event has `unix:/path` and port 0, and a
 * connection's `remote` is `unix:/path#3`, with a number. The socket is there once `listening` is emitted, and
 * unsubscribing removes it. It replaces a stale one, on which no server listens; a file that is no socket stays.
 * Errors with a `ListenError`.
 *
 * Unix sockets have no resets: a connection that was destroyed ends for the peer as one that was ended, unless the
 * peer's bytes lay unread.
 *
 * @example
 * listenUnix({ path: '/run/sluice.sock', mode: 0o660 }).subscribe({
 *   next: (event) => {
 *     if (event.type === 'connection') event.connection.end();
 *   },
 *   error: (error) => console.error(error.message),
 * });
 */
export function listenUnix(options: ListenUnixOptions): Observable<ListenEvent> {
  checkOptions('listenUnix', options, LISTEN_UNIX_RULES);
  return atUnixPath(options, (where) => acceptUnix(options.path, where));
}

/** The connections of a place to listen on, or of handed sockets. @param path the name of the socket. */
export function acceptUnix(path: string, from: ListenOptions | HandedSockets): Observable<ListenEvent> {
  const local = unixAddress(path);
  return listenOn(
    () => createServer({ allowHalfOpen: true, pauseOnConnect: true }),
    'connection',
    from,
    (socket) => {
      const number = ++made;
      return fromSocket(socket, { id: `unix:${number}`, local, remote: `${local}#${number}`, slabs: true });
    },
  );
}

/**
 * Has the socket at its path while it is subscribed.
 *
 * @param accept listens at a path of its own, before the socket is linked to the one that is asked for.
 */
export function atUnixPath<E extends { readonly type: string }>(
  { path, mode = 0o600, backlog }: ListenUnixOptions,
  accept: (where: ListenOptions) => Observable<E>,
): Observable<E> {
  const address = unixAddress(path);
  return new Observable((subscriber) => {
    const socketPath = openUnixSocketPath(path);
    if (socketPath instanceof ListenError) return subscriber.error(socketPath);
    const publish = async (listening: E) => {
      const error = await socketPath.publish(mode);
      if (error === null) subscriber.next({ ...listening, address, port: 0 });
      else subscriber.error(error);
    };
    const accepting = accept({
      path: socketPath.hidden,
      ...(backlog !== undefined && { backlog }),
    }).subscribe({
      next: (event) => {
        if (event.type === 'listening') publish(event);
        else subscriber.next(event);
      },
      error: ({ fault, cause }: ListenError) =>
        subscriber.error(new ListenError({ ...fault, address }, { cause })),
    });
    return () => {
      accepting.unsubscribe();
      socketPath.remove();
    };
  });
}

/** Which socket `connectUnix` connects to. `path` is needed. */
export interface ConnectUnixOptions {
  /** The path of the server's socket. */
  readonly path: string;
  /** Milliseconds to wait for the connection, 0 to 2^31 - 1. Default: as long as the system does. */
  readonly timeout?: number;
}

/**
 * Connects when subscribed: emits the connection and completes. Errors with a `ConnectionError` when that is not
 * possible: `refused` when no server listens there any more, `unreachable` when there is no such socket. Unsubscribing
 * before abandons the attempt.
 *
 * @example
 * const connection = await firstValueFrom(connectUnix({ path: '/run/sluice.sock' }));
 */
export function connectUnix(options: ConnectUnixOptions): Observable<Connection> {
  checkOptions('connectUnix', options, CONNECT_UNIX_RULES);
  const { path, timeout } = options;
  const remote = unixAddress(path);
  return connectOn(remote, timeout, ({ connected, failed }) => {
    const socket = newSocket();
    whenReady(socket, 'connect', failed, () => {
      const number = ++made;
      const local = `unix:${process.pid}#${number}`;
      connected(fromSocket(socket, { id: `unix:${number}`, local, remote }));
    });
    socket.connect({ path });
    return () => socket.destroy();
  });
}
