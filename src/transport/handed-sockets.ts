/**
 * Sockets that another process has accepted and handed over. A server that would listen takes them instead.
 *
 * A process hands over a handle of Node's, which is what its own servers make a socket of: so a socket here is made as
 * `net.Server` makes one, and everything above is the same.
 */
import { type Server, Socket, type SocketConstructorOpts } from 'node:net';
import type { Observable, Subscription } from 'rxjs';

/** Where the other process listens, and then each socket that it hands over. */
export type HandedEvent =
  | { readonly type: 'listening'; readonly address: string; readonly port: number }
  | { readonly type: 'handle'; readonly handle: SocketHandle };

/** A handle of Node's own. */
export interface SocketHandle {
  readonly setNoDelay?: (on: boolean) => void;
  readonly close: () => void;
}

export interface HandedSockets {
  /** Shared. Completes when no more will come. */
  readonly handed$: Observable<HandedEvent>;
  /** Called with each socket that was taken. */
  readonly taken: (socket: Socket) => void;
}

/**
 * Has a server that does not listen serve handed sockets. `listening` is called as the event of a server is emitted.
 *
 * @param isPaused whether they begin paused: `pauseOnConnect` of the server.
 */
export function serveHanded(
  server: Server,
  { handed$, taken }: HandedSockets,
  isPaused: boolean,
  listening: (where: { readonly address: string; readonly port: number }) => void,
): Subscription {
  return handed$.subscribe((event) => {
    if (event.type === 'listening') return listening(event);
    const socket = socketOf(event.handle, isPaused);
    taken(socket);
    server.emit('connection', socket);
  });
}

/** The options that `net.Server` makes its sockets with; Node does not document all of them. */
interface AcceptedOptions extends SocketConstructorOpts {
  readonly handle: SocketHandle;
  readonly pauseOnCreate: boolean;
}

function socketOf(handle: SocketHandle, isPaused: boolean): Socket {
  handle.setNoDelay?.(true);
  const options: AcceptedOptions = {
    handle,
    allowHalfOpen: true,
    pauseOnCreate: isPaused,
    readable: true,
    writable: true,
  };
  return new Socket(options);
}
