/** WebSockets: what is needed of one, and what its closing codes mean. */
import type { ConnectionFault } from '../connection.ts';
import { connectionFault, systemCode } from '../connection-fault.ts';

/**
 * What is needed of a WebSocket. A browser's, Node's own and those of the package `ws` have it. The fields mean what
 * they mean in the WebSocket standard (WHATWG).
 */
export interface WebSocketLike {
  /** `fromWebSocket` sets it to `arraybuffer`. */
  binaryType: string;
  /** 0 connecting, 1 open, 2 closing, 3 closed. */
  readonly readyState: number;
  /** Bytes that wait in the socket to be sent. */
  readonly bufferedAmount: number;
  /** Where it is connected to; absent on a server. */
  readonly url?: string;
  /** `ws` calls the function when the message is sent, or never will be; others ignore it. */
  send(message: Uint8Array<ArrayBuffer>, sent?: (error?: Error) => void): void;
  /** Begins the closing handshake, with a code from 1000 on, and at most 123 bytes of reason. */
  close(code?: number, reason?: string): void;
  /** Calls the listener at each event of that type. */
  // biome-ignore lint/suspicious/noExplicitAny: the events are of another class on each platform.
  addEventListener(type: 'open' | 'message' | 'close' | 'error', listener: (event: any) => void): void;
  /** In `ws` alone: drops the connection. */
  terminate?(): void;
  /** In `ws` alone: receives nothing until `resume`. */
  pause?(): void;
  /** In `ws` alone: receives again. */
  resume?(): void;
}

/** Values of `readyState`. */
export const CONNECTING = 0;
export const OPEN = 1;
export const CLOSED = 3;

/** Codes with which a WebSocket is closed. */
export const NORMAL = 1000;
export const TEXT_REFUSED = 1003;
export const OVERRUN = 1008;

/** Closed in good order, with `NORMAL`; the page or the server goes away; without a code. */
const GOOD_CODES: readonly number[] = [NORMAL, 1001, 1005];

/** The code with which a page drops a WebSocket: it cannot reset the connection. */
const DROPPED = 4000;

/** Drops a WebSocket so that the peer sees a fault. */
export function dropWebSocket(socket: WebSocketLike): void {
  if (socket.terminate !== undefined) socket.terminate();
  else socket.close(DROPPED, 'dropped');
}

/** Closes a WebSocket with a fault. A page may not use a registered code, and sends it 3,000 higher. */
export function closeWebSocket(socket: WebSocketLike, code: number, reason: string): void {
  socket.close(socket.terminate === undefined ? code + 3000 : code, reason);
}

/**
 * Why a WebSocket was closed: null in good order.
 *
 * @param error what the event `error` had, if it came; a browser's has nothing.
 */
export function closeFault(
  { code, reason }: { readonly code: number; readonly reason?: unknown },
  error: unknown,
  wasOpen: boolean,
): ConnectionFault | null {
  if (GOOD_CODES.includes(code)) return null;
  if (systemCode(error)?.startsWith('E') === true) return connectionFault(error);
  if (error instanceof Error) return { code: 'failed', message: error.message };
  if (!wasOpen) return { code: 'unreachable', message: 'the WebSocket could not be opened' };
  if (code === 1006) return { code: 'reset', message: 'the peer dropped the WebSocket' };
  const words = typeof reason === 'string' && reason !== '' ? `: ${reason}` : '';
  return { code: 'reset', message: `the peer closed the WebSocket with ${code}${words}` };
}
