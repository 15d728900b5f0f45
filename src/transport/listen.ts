/** Listening, for every kind of server: an Observable that accepts connections while it is subscribed. */
import type { ListenOptions, Server, Socket } from 'node:net';
import { Observable } from 'rxjs';
import { systemWords } from '../files/protocol/system-words.ts';
import { formatAddress } from './address.ts';
import type { Address, Connection, ConnectionFault } from './connection.ts';
import { connectionFault, systemCode } from './connection-fault.ts';
import { type HandedSockets, serveHanded } from './handed-sockets.ts';
import { ListenError, type ListenFault } from './listen-error.ts';
import type { ListenEvent } from './listen-event.ts';

/** Called when one connection could not be accepted. */
export type Refused = (fault: ConnectionFault) => void;

/**
 * Listens when subscribed, and stops accepting when unsubscribed. The connections stay. Errors with a `ListenError`.
 *
 * @param createServer makes a server that is not listening yet.
 * @param options where it listens; or the sockets that it gets instead.
 * @param accepted the event with which the server emits a socket that is ready for use.
 * @param toConnection returns null for a socket that must not be used; it has then reported and destroyed the socket.
 */
export function listenOn(
  createServer: (refused: Refused) => Server,
  accepted: 'connection' | 'secureConnection',
  options: ListenOptions | HandedSockets,
  toConnection: (socket: Socket, refused: Refused) => Connection | null,
): Observable<ListenEvent> {
  return new Observable((subscriber) => {
    const refused: Refused = (fault) => subscriber.next({ type: 'accept-failed', fault });
    const server = createServer(refused);
    server.on(accepted, (socket: Socket) => {
      if (subscriber.closed) {
        socket.destroy();
        return;
      }
      const connection = toConnection(socket, refused);
      if (connection !== null) subscriber.next({ type: 'connection', connection });
    });
    if ('handed$' in options) {
      return serveHanded(server, options, true, (where) => subscriber.next({ ...where, type: 'listening' }));
    }
    /** The address that the options name; the real port may be another. */
    const asked =
      options.path !== undefined ? `unix:${options.path}` : formatAddress(options.host, options.port);
    server.on('listening', () => {
      const bound = server.address();
      if (bound === null || typeof bound === 'string') {
        subscriber.next({ type: 'listening', address: asked, port: 0 });
      } else {
        const address = formatAddress(bound.address, bound.port);
        subscriber.next({ type: 'listening', address, port: bound.port });
      }
    });
    server.on('error', (error) => {
      if (server.listening) refused(connectionFault(error));
      else subscriber.error(listenError(error, asked));
    });
    try {
      server.listen(options);
    } catch (error) {
      // Options that make no sense, such as a port over 65,535.
      subscriber.error(listenError(error, asked));
    }
    return () => server.close();
  });
}

/** The error of an Observable that cannot listen, made of the system's. */
export const listenError = (error: unknown, address: Address): ListenError =>
  new ListenError(listenFault(error, address), { cause: error });

/** Turns an error of the system into a fault that has the address and the remedy. */
export function listenFault(error: unknown, address: Address): ListenFault {
  switch (systemCode(error)) {
    case 'EADDRINUSE':
      return {
        code: 'in-use',
        address,
        message: `${address} is in use by another program: stop it, or choose another port (0 picks a free one)`,
      };
    case 'EACCES':
      return {
        code: 'forbidden',
        address,
        message: `listening on ${address} is not permitted: ports below 1024 need a privilege, so choose a higher one`,
      };
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return {
        code: 'no-such-address',
        address,
        message: `this machine has no address for ${address}: listen on 127.0.0.1, or on 0.0.0.0 for all of them`,
      };
    default: {
      return {
        code: 'failed',
        address,
        message: `cannot listen on ${address}: ${systemWords(error, 'write')}`,
      };
    }
  }
}
