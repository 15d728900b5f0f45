/** A WebSocket as a `Connection`: a browser's, or one of the package `ws`. Its binary messages are the chunks. */
import { AsyncSubject } from 'rxjs';
import { check, checkOptions, optional, TEXT, wholeFrom, withMethods } from '../../wire/argument.ts';
import { chunksOf, createChunkReader, endReading, isFlowing } from '../chunk-reader.ts';
import type { Address, Connection, ConnectionFault } from '../connection.ts';
import { DESTROYED, ENDED } from '../connection-fault.ts';
import { createInbox } from './inbox.ts';
import { createOutbox } from './outbox.ts';
import { createSendWatch } from './send-watch.ts';
import {
  CLOSED,
  CONNECTING,
  closeFault,
  closeWebSocket,
  dropWebSocket,
  NORMAL,
  OPEN,
  OVERRUN,
  TEXT_REFUSED,
  type WebSocketLike,
} from './web-socket-like.ts';

export interface WebSocketOptions {
  /** Default `websocket:` and a number. */
  readonly id?: string;
  /** Default the id. */
  readonly local?: Address;
  /** Default the URL of the socket; `unknown` where it has none, as on a server. */
  readonly remote?: Address;
  /**
   * Bytes that may wait for a reader that pauses, where the socket itself cannot be paused; a message counts 256 more.
   * Beyond it the connection is closed: `overrun`. Default 1 MiB.
   */
  readonly receiveBytesMax?: number;
}

const SOCKET = withMethods('a WebSocket', ['addEventListener', 'send', 'close']);
const RECEIVE_BYTES_MAX_DEFAULT = 1024 * 1024;

const PEER_CLOSED: ConnectionFault = {
  code: 'reset',
  message: 'the peer closed the connection and takes nothing more',
};
const TEXT_RECEIVED: ConnectionFault = {
  code: 'failed',
  message: 'the peer sent a text message, where binary ones are expected',
};
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
 * @example
 * new WebSocketServer({ port: 8080 }).on('connection', (socket, { socket: { remoteAddress, remotePort } }) => {
 *   connections$.next(fromWebSocket(socket, { remote: `${remoteAddress}:${remotePort}` }));
 * });
 * @throws TypeError or RangeError when an argument is of the wrong kind.
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
  const canPause = socket.pause !== undefined && socket.resume !== undefined;
  const reader = createChunkReader();
  const closed$ = new AsyncSubject<ConnectionFault | null>();
  /** How reading ends, after what was received. */
  let last: ConnectionFault | null | undefined;
  let wasOpen = socket.readyState !== CONNECTING;
  let error: unknown;
  let isEnded = false;
  let isCloseSent = false;
  let isDestroyed = false;
  let unread: ConnectionFault | null = null;
  let isClosed = false;

  const outbox = createOutbox({
    isReady: () => last === undefined && socket.readyState !== CONNECTING,
    send(message, upTo) {
      if (last !== undefined) return;
      // A socket that is closing drops messages and does not say so.
      if (socket.readyState !== OPEN) return refuseUnread();
      watch.add(upTo);
      socket.send(message, (failed) => {
        if (!failed) watch.look();
      });
    },
    changed() {
      watch.changed();
      finish();
    },
  });
  const watch = createSendWatch(socket, (sent, isDrained) => {
    if (last !== undefined || socket.readyState === CONNECTING) return false;
    outbox.settleUpTo(sent);
    if (isEnded && isDrained && !isCloseSent) {
      isCloseSent = true;
      socket.close(NORMAL);
      applyFlow();
    }
    return outbox.isWaiting() || (isEnded && !isCloseSent);
  });

  const inbox = createInbox(
    reader,
    // A paused `ws` still emits what it had read, which is little.
    () => (canPause && !isCloseSent ? Number.POSITIVE_INFINITY : receiveBytesMax),
    () => {
      if (inbox.isEmpty() && last !== undefined) endReading(reader, last, error);
      applyFlow();
      finish();
    },
  );

  function applyFlow(): void {
    // `ws` can be paused only once it is open.
    if (!canPause || !wasOpen) return;
    // Once our close is sent, the socket must receive the peer's, which comes behind everything else.
    if (last !== undefined || isCloseSent || (isFlowing(reader) && inbox.isEmpty())) socket.resume?.();
    else socket.pause?.();
  }

  function onMessage({ data }: { readonly data: unknown }): void {
    if (last !== undefined) return;
    watch.look();
    if (typeof data === 'string') return fail(TEXT_RECEIVED, TEXT_REFUSED);
    const chunk = ArrayBuffer.isView(data)
      ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      : new Uint8Array(data as ArrayBuffer);
    if (chunk.length === 0 || inbox.receive(chunk)) return;
    // What comes behind our end may be dropped.
    if (isCloseSent) return;
    const message = `the peer sent more than the ${receiveBytesMax} bytes that may wait for a reader that pauses`;
    fail({ code: 'overrun', message }, OVERRUN);
  }

  /** Ends both sides: reading after what was received, and writing now. */
  function endBoth(end: ConnectionFault | null, refusal: ConnectionFault): void {
    last = end;
    watch.stop();
    outbox.refuse(refusal);
    inbox.scheduleDelivery();
  }

  function fail(fault: ConnectionFault, code: number): void {
    endBoth(fault, fault);
    closeWebSocket(socket, code, fault.message);
  }

  /** The peer has closed the socket in good order, and does not take what was written. */
  function refuseUnread(): void {
    unread = { ...PEER_CLOSED, code: 'unread' };
    outbox.refuse(PEER_CLOSED);
  }

  function onClose(event: { readonly code: number; readonly reason?: unknown }): void {
    if (last !== undefined) return;
    const fault = closeFault(event, error, wasOpen);
    // Our close goes behind everything else, and the peer has answered it.
    if (fault === null && isCloseSent) outbox.settleUpTo(Number.POSITIVE_INFINITY);
    if (fault === null && outbox.isWaiting()) refuseUnread();
    endBoth(fault, fault ?? (isEnded ? ENDED : PEER_CLOSED));
  }

  function finish(): void {
    if (isClosed || reader.end === undefined || outbox.isWaiting()) return;
    isClosed = true;
    closed$.next(isDestroyed ? DESTROYED : (reader.end ?? unread));
    closed$.complete();
  }

  socket.binaryType = 'arraybuffer';
  socket.addEventListener('message', onMessage);
  socket.addEventListener('close', onClose);
  socket.addEventListener('error', (event: { readonly error?: unknown }) => {
    error ??= event.error;
  });
  socket.addEventListener('open', () => {
    wasOpen = true;
    applyFlow();
    outbox.flush();
    watch.look();
  });
  applyFlow();
  if (socket.readyState === CLOSED) onClose({ code: 1006 });

  return {
    id,
    local: options.local ?? id,
    remote: options.remote ?? (socket.url || 'unknown'),
    chunks$: chunksOf(reader, inbox.scheduleDelivery, applyFlow),
    closed$: closed$.asObservable(),
    write: outbox.write,
    pause() {
      reader.isPaused = true;
      applyFlow();
    },
    resume() {
      reader.isPaused = false;
      inbox.scheduleDelivery();
    },
    end() {
      if (isEnded || last !== undefined) return;
      isEnded = true;
      outbox.end();
      outbox.flush();
      queueMicrotask(watch.changed);
    },
    destroy() {
      if (isClosed || isDestroyed) return;
      isDestroyed = true;
      inbox.clear();
      endBoth(DESTROYED, DESTROYED);
      dropWebSocket(socket);
    },
  };
}
