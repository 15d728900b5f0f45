/** The bytes of a connection over a WebSocket: what the socket receives and sends, and when it is paused. */
import { AsyncSubject } from 'rxjs';
import { createChunkReader, endReading, isFlowing } from '../chunk-reader.ts';
import type { ConnectionFault } from '../connection.ts';
import { createInbox } from './inbox.ts';
import { createOutbox } from './outbox.ts';
import { createSendWatch } from './send-watch.ts';
import { CONNECTING, NORMAL, OPEN, OVERRUN, TEXT_REFUSED, type WebSocketLike } from './web-socket-like.ts';
import { fail, finish, refuseUnread, type WebSocketState } from './web-socket-state.ts';

const TEXT_RECEIVED: ConnectionFault = {
  code: 'failed',
  message: 'the peer sent a text message, where binary ones are expected',
};

export function createWebSocketState(socket: WebSocketLike, receiveBytesMax: number): WebSocketState {
  const reader = createChunkReader();
  const state: WebSocketState = {
    socket,
    canPause: socket.pause !== undefined && socket.resume !== undefined,
    receiveBytesMax,
    reader,
    inbox: createInbox(
      reader,
      // A paused `ws` still emits what it had read, which is little.
      () => (state.canPause && !state.isCloseSent ? Number.POSITIVE_INFINITY : receiveBytesMax),
      () => onDelivered(state),
    ),
    outbox: createOutbox({
      isReady: () => state.last === undefined && socket.readyState !== CONNECTING,
      send: (message, upTo) => send(state, message, upTo),
      changed: () => {
        state.watch.changed();
        finish(state);
      },
    }),
    watch: createSendWatch(socket, (sent, isDrained) => onLook(state, sent, isDrained)),
    closed$: new AsyncSubject(),
    last: undefined,
    wasOpen: socket.readyState !== CONNECTING,
    error: undefined,
    isEnded: false,
    isCloseSent: false,
    isDestroyed: false,
    unread: null,
    isClosed: false,
  };
  return state;
}

/** Stops the socket while the reader takes nothing, and continues it otherwise, where that is possible. */
export function applyFlow(state: WebSocketState): void {
  const { socket, reader } = state;
  // `ws` can be paused only once it is open.
  if (!state.canPause || !state.wasOpen) return;
  // Once our close is sent, the socket must receive the peer's, which comes behind everything else.
  const isReading = isFlowing(reader) && state.inbox.isEmpty();
  if (state.last !== undefined || state.isCloseSent || isReading) socket.resume?.();
  else socket.pause?.();
}

export function onOpen(state: WebSocketState): void {
  state.wasOpen = true;
  applyFlow(state);
  state.outbox.flush();
  state.watch.look();
}

export function onMessage(state: WebSocketState, data: unknown): void {
  if (state.last !== undefined) return;
  state.watch.look();
  if (typeof data === 'string') return fail(state, TEXT_RECEIVED, TEXT_REFUSED);
  const chunk = ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data as ArrayBuffer);
  if (chunk.length === 0 || state.inbox.receive(chunk)) return;
  // What comes behind our end may be dropped.
  if (state.isCloseSent) return;
  const message = `the peer sent more than the ${state.receiveBytesMax} bytes that may wait for a reader that pauses`;
  fail(state, { code: 'overrun', message }, OVERRUN);
}

function onDelivered(state: WebSocketState): void {
  if (state.inbox.isEmpty() && state.last !== undefined) endReading(state.reader, state.last, state.error);
  applyFlow(state);
  finish(state);
}

function send(state: WebSocketState, message: Uint8Array<ArrayBuffer>, upTo: number): void {
  const { socket, watch } = state;
  if (state.last !== undefined) return;
  // A socket that is closing drops messages and does not say so.
  if (socket.readyState !== OPEN) return refuseUnread(state);
  watch.add(upTo);
  socket.send(message, (failed) => {
    if (!failed) watch.look();
  });
}

/** Settles what counts as sent, and closes the socket behind the last of it. Answers whether anything still waits. */
function onLook(state: WebSocketState, sent: number, isDrained: boolean): boolean {
  const { socket, outbox } = state;
  if (state.last !== undefined || socket.readyState === CONNECTING) return false;
  outbox.settleUpTo(sent);
  if (state.isEnded && isDrained && !state.isCloseSent) {
    state.isCloseSent = true;
    socket.close(NORMAL);
    applyFlow(state);
  }
  return outbox.isWaiting() || (state.isEnded && !state.isCloseSent);
}
