/** What connecting is, whatever the kind of socket: an Observable of one connection. */
import { Socket } from 'node:net';
import { Observable } from 'rxjs';
import type { Address, Connection, ConnectionFault } from './connection.ts';
import { connectionFault } from './connection-fault.ts';

/** An attempt that is under way. */
export interface Attempt {
  /** What will be the connection's socket: paused, and it does not end its side by itself. */
  readonly socket: Socket;
  /** The event of that socket which says that it is ready for use. */
  readonly ready: 'connect' | 'secureConnect';
  readonly toConnection: () => Connection;
}

/**
 * Begins an attempt when subscribed: emits the connection and completes, or errors with a `ConnectionFault`.
 * Unsubscribing before abandons the attempt.
 *
 * @param remote what is connected to, for messages.
 * @param timeout milliseconds, or undefined to wait as long as the system does.
 * @param begin may throw for options that make no sense, such as a port over 65,535.
 * @param faultOf says what an error of the socket means.
 */
export function connectOn(
  remote: Address,
  timeout: number | undefined,
  begin: () => Attempt,
  faultOf: (error: unknown) => ConnectionFault = connectionFault,
): Observable<Connection> {
  return new Observable((subscriber) => {
    let socket: Socket | undefined;
    let handedOver = false;
    const timer = timeout === undefined ? undefined : setTimeout(onTimeout, timeout);

    function onTimeout(): void {
      const message = `${remote} did not answer within ${timeout} ms`;
      subscriber.error({ code: 'timeout', message } satisfies ConnectionFault);
    }
    function onError(error: unknown): void {
      const { code, message } = faultOf(error);
      subscriber.error({
        code,
        message: `cannot connect to ${remote}: ${message}`,
      } satisfies ConnectionFault);
    }
    try {
      const attempt = begin();
      socket = attempt.socket;
      socket.on('error', onError);
      socket.on(attempt.ready, () => {
        handedOver = true;
        attempt.socket.off('error', onError);
        subscriber.next(attempt.toConnection());
        subscriber.complete();
      });
    } catch (error) {
      onError(error);
    }
    return () => {
      clearTimeout(timer);
      if (!handedOver) socket?.destroy();
    };
  });
}

/** A socket that is yet to connect, as `socketConnection` needs it. */
export function newSocket(): Socket {
  const socket = new Socket({ allowHalfOpen: true });
  // Before it connects: a socket that is not paused starts to read at once.
  socket.pause();
  return socket;
}
