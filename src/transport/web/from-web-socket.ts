/** A WebSocket as a `Connection`: a browser's, or one of the package `ws`. Its binary messages are the chunks. */
import { check, checkOptions, optional, TEXT, wholeFrom, withMethods } from '../../wire/argument.ts';
import { chunksOf } from '../chunk-reader.ts';
import type { Address, Connection } from '../connection.ts';
import { applyFlow, createWebSocketState, onMessage, onOpen } from './web-socket-flow.ts';
import { CLOSED, type WebSocketLike } from './web-socket-like.ts';
import { destroy, end, onClose, type WebSocketState } from './web-socket-state.ts';

/** How `fromWebSocket` names the connection, and how much it holds for a reader that pauses. All may be left out. */
export interface WebSocketOptions {
  /** The connection's id, unique in this process; default `websocket:` and a number. */
  readonly id?: string;
  /** Our end; default the id. */
  readonly local?: Address;
  /** The peer's end; default the URL of the socket, or `unknown` where it has none, as on a server. */
  readonly remote?: Address;
  /**
   * Bytes that may wait for a reader that pauses, where the socket itself cannot be paused; a message counts 256 more.
   * Beyond it the connection is closed: `overrun`. From 0, default 1 MiB.
   */
  readonly receiveBytesMax?: number;
}

const SOCKET = withMethods('a WebSocket', ['addEventListener', 'send', 'close']);
const RECEIVE_BYTES_MAX_DEFAULT = 1024 * 1024;

let made = 0;

/**
 * Wraps a WebSocket, which from then on belongs to the connection. Call it before any message can have come: in the
 * same turn in which the socket was made, or accepted. It may still be connecting; what is written waits until it is
 * open.
 *
 * - Only binary messages are bytes. A text message is a fault (`failed`) that closes the connection. Where a message
 *   ends means nothing: writes are joined and cut into messages of at most 64 KiB.
 * - A write settles when no more than 64 KiB wait in the socket (`bufferedAmount`) behind it and before it.
 * - `pause` stops the socket where it can be stopped (`ws`). A browser's cannot: what comes meanwhile is kept up to
 *   `receiveBytesMax`, and beyond that the connection is closed with the fault `overrun`. So the protocol must have a
 *   window, by which the peer waits for answers.
 * - A WebSocket has no half-close. `end` closes it, with 1000, once everything written has been sent. The peer's close
 *   then completes `chunks$`. What comes before that may be lost: a browser drops it, and for a reader that pauses no
 *   more than `receiveBytesMax` is kept. And when the peer ends, nothing can be written any more.
 * - `destroy` drops the connection where that is possible (`ws`). A browser sends what it holds and closes with 4000,
 *   which is a `reset` to the peer.
 *
 * @throws TypeError or RangeError when an argument is of the wrong kind.
 * @example
 * import { WebSocketServer } from 'ws';
 *
 * const connections$ = new Subject<ListenEvent>();
 * new WebSocketServer({ port: 8080 }).on('connection', (socket, { socket: { remoteAddress, remotePort } }) => {
 *   const connection = fromWebSocket(socket, { remote: `${remoteAddress}:${remotePort}` });
 *   connections$.next({ type: 'connection', connection });
 * });
 */
export function fromWebSocket(socket: WebSocketLike, options: WebSocketOptions = {}): Connection {
  check('fromWebSocket: the socket', socket, SOCKET);
  checkOptions('fromWebSocket', options, {
    id: optional(TEXT),
    local: optional(TEXT),
    remote: optional(TEXT),
    receiveBytesMax: optional(wholeFrom(0)),
  });
  const { id = `websocket:${++made}`, receiveBytesMax = RECEIVE_BYTES_MAX_DEFAULT } = options;
  const state = createWebSocketState(socket, receiveBytesMax);
  const { reader, inbox, outbox, closed$ } = state;
  listen(state);
  applyFlow(state);
  if (socket.readyState === CLOSED) onClose(state, { code: 1006 });
  return {
    id,
    local: options.local ?? id,
    remote: options.remote ?? (socket.url || 'unknown'),
    chunks$: chunksOf(reader, inbox.scheduleDelivery, () => applyFlow(state)),
    closed$: closed$.asObservable(),
    write: outbox.write,
    pause() {
      reader.isPaused = true;
      applyFlow(state);
    },
    resume() {
      reader.isPaused = false;
      inbox.scheduleDelivery();
    },
    end: () => end(state),
    destroy: () => destroy(state),
  };
}

function listen(state: WebSocketState): void {
  const { socket } = state;
  socket.binaryType = 'arraybuffer';
  socket.addEventListener('message', ({ data }: { readonly data: unknown }) => onMessage(state, data));
  socket.addEventListener('close', (event: { readonly code: number; readonly reason?: unknown }) =>
    onClose(state, event),
  );
  socket.addEventListener('error', (event: { readonly error?: unknown }) => {
    state.error ??= event.error;
  });
  socket.addEventListener('open', () => onOpen(state));
}
