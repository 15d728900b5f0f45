/** Connecting, for every kind of socket: an Observable of one connection. */
import { Socket } from 'node:net';
import { Observable } from 'rxjs';
import type { Address, Connection, ConnectionFault } from './connection.ts';
import { ConnectionError } from './connection-error.ts';
import { connectionFault } from './connection-fault.ts';

/** The outcome of an attempt that is under way. At most one of the two is called, and once. */
export interface Attempt {
  readonly connected: (connection: Connection) => void;
  /** Called with the error that a socket emitted or threw. */
  readonly failed: (error: unknown) => void;
}

/**
 * Begins an attempt when subscribed: emits the connection and completes, or errors with a `ConnectionError`.
 * Unsubscribing before abandons the attempt.
 *
 * @param remote the address to connect to, for messages.
 * @param timeout milliseconds, or undefined to wait as long as the system does.
 * @param begin begins the attempt, and returns a function that abandons it. It may throw for options that make no
 *   sense, such as a port over 65,535.
 * @param faultOf turns an error into a fault.
 */
export function connectOn(
  remote: Address,
  timeout: number | undefined,
  begin: (attempt: Attempt) => () => void,
  faultOf: (error: unknown) => ConnectionFault = connectionFault,
): Observable<Connection> {
  return new Observable((subscriber) => {
    let isHandedOver = false;
    let abandon = () => {};

    function failed(error: unknown): void {
      const { code, message } = faultOf(error);
      const fault = { code, message: `cannot connect to ${remote}: ${message}` };
      subscriber.error(new ConnectionError(fault, { cause: error }));
    }
    function connected(connection: Connection): void {
      isHandedOver = true;
      subscriber.next(connection);
      subscriber.complete();
    }
    function onTimeout(): void {
      const message = `${remote} did not answer within ${timeout} ms`;
      subscriber.error(new ConnectionError({ code: 'timeout', message }));
    }
    const timer = timeout === undefined ? undefined : setTimeout(onTimeout, timeout);
    try {
      abandon = begin({ connected, failed });
    } catch (error) {
      failed(error);
    }
    return () => {
      clearTimeout(timer);
      if (!isHandedOver) abandon();
    };
  });
}

/**
 * Waits for a socket to be ready for use, or to fail. Once it is ready, the caller listens to its errors.
 *
 * @param ready called before the socket can emit anything else.
 */
export function whenReady(
  socket: Socket,
  event: 'connect' | 'secureConnect',
  failed: (error: unknown) => void,
  ready: () => void,
): void {
  socket.on('error', failed);
  socket.once(event, () => {
    socket.off('error', failed);
    ready();
  });
}

/** Makes a socket that is yet to connect, with the settings that `fromSocket` needs. */
export function newSocket(): Socket {
  const socket = new Socket({ allowHalfOpen: true });
  // Before it connects, since a socket that is not paused starts to read at once.
  socket.pause();
  return socket;
}
