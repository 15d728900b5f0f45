/** The state of a connection over a WebSocket, and the steps that end it. */
import type { AsyncSubject } from 'rxjs';
import type { ChunkReader } from '../chunk-reader.ts';
import type { ConnectionFault } from '../connection.ts';
import { DESTROYED, ENDED } from '../connection-fault.ts';
import type { Inbox } from './inbox.ts';
import type { Outbox } from './outbox.ts';
import type { SendWatch } from './send-watch.ts';
import { closeFault, closeWebSocket, dropWebSocket, type WebSocketLike } from './web-socket-like.ts';

const PEER_CLOSED: ConnectionFault = {
  code: 'reset',
  message: 'the peer closed the connection and takes nothing more',
};

export interface WebSocketState {
  readonly socket: WebSocketLike;
  /** Whether the socket can be stopped and continued. */
  readonly canPause: boolean;
  /** Bytes that may wait for a reader that pauses, where the socket itself cannot be paused. */
  readonly receiveBytesMax: number;
  readonly reader: ChunkReader;
  /** What was received and the reader has not taken. */
  readonly inbox: Inbox;
  /** What was written and has not settled. */
  readonly outbox: Outbox;
  readonly watch: SendWatch;
  readonly closed$: AsyncSubject<ConnectionFault | null>;
  /** How reading ends, after what was received: null in good order, undefined while the socket is not closed. */
  last: ConnectionFault | null | undefined;
  /** Whether the socket is or was open. */
  wasOpen: boolean;
  /** What the first event `error` had. */
  error: unknown;
  /** Whether `end` was called. */
  isEnded: boolean;
  /** Whether the socket was closed in good order from here, behind everything written. */
  isCloseSent: boolean;
  /** Whether `destroy` was called. */
  isDestroyed: boolean;
  /** The fault with which the connection closes when the peer ended in good order and left bytes unread. */
  unread: ConnectionFault | null;
  /** Whether `closed$` has emitted. */
  isClosed: boolean;
}

/** Lets the watch close the socket, once everything written has been sent. */
export function end(state: WebSocketState): void {
  if (state.isEnded || state.last !== undefined) return;
  state.isEnded = true;
  state.outbox.end();
  state.outbox.flush();
  queueMicrotask(state.watch.changed);
}

export function destroy(state: WebSocketState): void {
  if (state.isClosed || state.isDestroyed) return;
  state.isDestroyed = true;
  state.inbox.clear();
  endBoth(state, DESTROYED, DESTROYED);
  dropWebSocket(state.socket);
}

export function onClose(
  state: WebSocketState,
  event: { readonly code: number; readonly reason?: unknown },
): void {
  const { outbox } = state;
  if (state.last !== undefined) return;
  const fault = closeFault(event, state.error, state.wasOpen);
  // Our close goes behind everything else, and the peer has answered it.
  if (fault === null && state.isCloseSent) outbox.settleUpTo(Number.POSITIVE_INFINITY);
  if (fault === null && outbox.isWaiting()) refuseUnread(state);
  endBoth(state, fault, fault ?? (state.isEnded ? ENDED : PEER_CLOSED));
}

export function fail(state: WebSocketState, fault: ConnectionFault, code: number): void {
  endBoth(state, fault, fault);
  closeWebSocket(state.socket, code, fault.message);
}

/** The peer has closed the socket in good order, and does not take what was written. */
export function refuseUnread(state: WebSocketState): void {
  state.unread = { ...PEER_CLOSED, code: 'unread' };
  state.outbox.refuse(PEER_CLOSED);
}

/** Ends both sides: reading after what was received, and writing now. */
function endBoth(state: WebSocketState, last: ConnectionFault | null, refusal: ConnectionFault): void {
  state.last = last;
  state.watch.stop();
  state.outbox.refuse(refusal);
  state.inbox.scheduleDelivery();
}

/** Ends the connection, when both sides have ended and each write has settled. */
export function finish(state: WebSocketState): void {
  const { reader, outbox, closed$ } = state;
  if (state.isClosed || reader.end === undefined || outbox.isWaiting()) return;
  state.isClosed = true;
  closed$.next(state.isDestroyed ? DESTROYED : (reader.end ?? state.unread));
  closed$.complete();
}
