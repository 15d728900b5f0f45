/** Unix domain sockets: connections between programs of one machine, with the shapes of TCP. */
import type { Observable } from 'rxjs';
import { connectOn, newSocket, whenReady } from './connect.ts';
import type { Address, Connection } from './connection.ts';
import { socketConnection } from './socket-connection.ts';

let made = 0;

const unixAddress = (path: string): Address => `unix:${path}`;

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
