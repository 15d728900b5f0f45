/** Unix domain sockets: connections between programs of one machine, with the shapes of TCP. */
import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { concat, defer, Observable } from 'rxjs';
import { connectOn, newSocket, whenReady } from './connect.ts';
import type { Address, Connection } from './connection.ts';
import { systemCode } from './connection-fault.ts';
import { type ListenEvent, type ListenFault, listenOn } from './listen.ts';
import { socketConnection } from './socket-connection.ts';

let made = 0;

const unixAddress = (path: string): Address => `unix:${path}`;

export interface ListenUnixOptions {
  /** Where the socket is to be; at most 107 bytes, a bound of the system's. */
  readonly path: string;
  /** Who may connect, as in `chmod`. Default 0o600: this user alone. */
  readonly mode?: number;
}

/**
 * Accepts connections on a Unix socket, as `listenTcp` does on a port. A socket that nobody listens on any more is
 * replaced; one that somebody does is `in-use`; what is no socket is left alone. The socket is removed at the end.
 *
 * Nobody else can connect in between: the socket is made with its mode. (In a worker thread, which cannot do that, it
 * is given it right after.)
 *
 * @example
 * listenUnix({ path: '/run/sluice.sock' }).subscribe((event) => {
 *   if (event.type === 'connection') event.connection.end();
 * });
 */
export function listenUnix({ path, mode = 0o600 }: ListenUnixOptions): Observable<ListenEvent> {
  const listening$ = defer(() =>
    listenOn(
      () => createServer({ allowHalfOpen: true, pauseOnConnect: true }),
      'connection',
      { path },
      (socket) => {
        const number = ++made;
        const names = {
          id: `unix:${number}`,
          local: unixAddress(path),
          remote: `${unixAddress(path)}#${number}`,
        };
        return socketConnection(socket, { ...names, slabs: true });
      },
      (server) => listenWith(server, path, mode),
    ),
  );
  return concat(freed(path), listening$);
}

/** Bytes of a path: what Linux has room for in the address of a socket. */
const longest = 107;

/** Completes when nothing is at the path, or nothing any more; errors with a `ListenFault`. */
const freed = (path: string): Observable<never> =>
  new Observable((subscriber) => {
    const fault = (code: ListenFault['code'], why: string) =>
      subscriber.error({
        code,
        address: unixAddress(path),
        message: `cannot listen on ${path}: ${why}`,
      } satisfies ListenFault);
    if (Buffer.byteLength(path) > longest) return fault('failed', `the path has more than ${longest} bytes`);
    const there = lstatSync(path, { throwIfNoEntry: false });
    if (there === undefined) return subscriber.complete();
    if (!there.isSocket())
      return fault('in-use', 'there is something that is no socket: remove it, or choose another path');
    const probe = connect({ path });
    probe.on('connect', () =>
      fault('in-use', 'another program listens there: stop it, or choose another path'),
    );
    probe.on('error', (error) => {
      if (systemCode(error) !== 'ECONNREFUSED') return fault('forbidden', error.message);
      try {
        unlinkSync(path);
      } catch (failure) {
        if (systemCode(failure) !== 'ENOENT') return fault('forbidden', (failure as Error).message);
      }
      subscriber.complete();
    });
    return () => probe.destroy();
  });

/** The system makes the socket within `listen`, and takes its mode from the process. */
function listenWith(server: Server, path: string, mode: number): void {
  let before: number | undefined;
  try {
    before = process.umask(0o777 & ~mode);
  } catch {
    server.once('listening', () => chmodSync(path, mode));
  }
  try {
    server.listen({ path });
  } finally {
    if (before !== undefined) process.umask(before);
  }
}

export interface ConnectUnixOptions {
  /** Where the server's socket is. */
  readonly path: string;
  /** Milliseconds to wait for the connection. Default: as long as the system does. */
  readonly timeout?: number;
}

/**
 * Connects when subscribed: emits the connection and completes. Errors with a `ConnectionFault` when that is not
 * possible: `refused` when nobody listens there any more, `unreachable` when there is no such socket. Unsubscribing
 * before abandons the attempt.
 *
 * @example
 * const connection = await firstValueFrom(connectUnix({ path: '/run/sluice.sock' }));
 */
export function connectUnix({ path, timeout }: ConnectUnixOptions): Observable<Connection> {
  const remote = unixAddress(path);
  return connectOn(remote, timeout, ({ connected, failed }) => {
    const socket = newSocket();
    whenReady(socket, 'connect', failed, () => {
      const number = ++made;
      const local = `unix:${process.pid}#${number}`;
      connected(socketConnection(socket, { id: `unix:${number}`, local, remote }));
    });
    socket.connect({ path });
    return () => socket.destroy();
  });
}
