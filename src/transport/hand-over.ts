/** Listening for other processes: what is accepted is not read here, but handed over as it is. */
import { createServer, type ListenOptions, type Server } from 'node:net';
import { Observable } from 'rxjs';
import { formatAddress } from './address.ts';
import { connectionFault } from './connection-fault.ts';
import type { HandedEvent, SocketHandle } from './handed-sockets.ts';
import { listenError } from './listen.ts';
import type { ListenEvent } from './listen-event.ts';

/** What a place to listen on emits: where it is, each handle that it accepted, and what it could not accept. */
export type AcceptEvent = HandedEvent | Extract<ListenEvent, { type: 'accept-failed' }>;

/** The handle of a server, of which Node's own cluster module takes connections likewise. */
interface ServerHandle {
  onconnection: (error: number, handle: SocketHandle | undefined) => void;
}

/**
 * Listens while it is subscribed. Who subscribes owns the handles, and closes each when it was handed over. Errors with a
 * `ListenError`.
 */
export function acceptHandles(where: ListenOptions): Observable<AcceptEvent> {
  return new Observable((subscriber) => {
    const asked = where.path !== undefined ? `unix:${where.path}` : formatAddress(where.host, where.port);
    const server = createServer();
    server.on('error', (error) => {
      if (server.listening) subscriber.next({ type: 'accept-failed', fault: connectionFault(error) });
      else subscriber.error(listenError(error, asked));
    });
    server.on('listening', () => {
      takeHandles(server, (handle) => {
        if (subscriber.closed) handle.close();
        else subscriber.next({ type: 'handle', handle });
      });
      const bound = server.address();
      if (bound === null || typeof bound === 'string') {
        return subscriber.next({ type: 'listening', address: asked, port: 0 });
      }
      const address = formatAddress(bound.address, bound.port);
      subscriber.next({ type: 'listening', address, port: bound.port });
    });
    try {
      server.listen(where);
    } catch (error) {
      subscriber.error(listenError(error, asked));
    }
    return () => server.close();
  });
}

/** Takes each connection of a listening server before Node makes a socket of it. Node reports what it cannot accept. */
function takeHandles(server: Server, take: (handle: SocketHandle) => void): void {
  const { _handle: listening } = server as unknown as { readonly _handle: ServerHandle };
  const report = listening.onconnection;
  listening.onconnection = (error, handle) => {
    if (handle === undefined) report.call(listening, error, handle);
    else take(handle);
  };
}
