/**
 * Sends files to a peer that never replies: a server of a dozen lines that reads a length, a header and a body.
 *
 * The headers are exactly `{"cmd", "filename", "filesize"}`. The peer confirms nothing. The sender can know only that
 * the peer took every byte and ended its side in good order.
 */
import { Observable, type Subscriber } from 'rxjs';
import { createFifo, type Fifo } from '../../base/fifo.ts';
import type { Connection, ConnectionFault } from '../../transport/connection.ts';
import {
  CONNECTION,
  check,
  checkOptions,
  FUNCTION,
  MILLISECONDS,
  optional,
  TEXT,
} from '../../wire/argument.ts';
import type { ClientFault } from '../client-fault.ts';
import { crc32 as portableCrc32 } from '../content/crc32.ts';
import { type ContentSource, opener } from '../put.ts';
import type { SentContent } from './client-request.ts';
import { type Checksum, createFrameSender, type FrameSender, type Outbound } from './frame-sender.ts';

export type UnacknowledgedPutEvent =
  /** The operating system has taken so many bytes of the content. */
  | { readonly type: 'progress'; readonly sent: number; readonly total: number }
  /** The operating system has taken all of them. The last event. */
  | { readonly type: 'sent'; readonly size: number; readonly crc32: number };

export interface UnacknowledgedSender {
  /**
   * Sends content under a name, behind the puts before it. Errors with a `ClientFault`: `content` when the content
   * cannot be read as promised, `connection` when the connection breaks. Content that fails, or an unsubscription in
   * the middle of the body, ends our side of the connection in the middle of the frame, since the frame cannot be
   * completed.
   */
  readonly put: (filename: string, content: ContentSource) => Observable<UnacknowledgedPutEvent>;
  /**
   * Ends our side once all is sent, and waits for the peer to end its own. Emits true when the peer did, false when it
   * had not after `linger` milliseconds (the sender then drops the connection), and completes. Errors with a
   * `ClientFault` when the connection breaks.
   */
  readonly end: (linger: number) => Observable<boolean>;
  readonly destroy: () => void;
}

interface QueuedPut {
  readonly outbound: Outbound;
  readonly subscriber: Subscriber<UnacknowledgedPutEvent>;
  /** It was unsubscribed: it emits nothing more. */
  cancelled: boolean;
  /** Size and CRC-32 of its content, once its frame is complete. */
  sent: SentContent | null;
}

interface SenderState {
  readonly connection: Connection;
  readonly frames: FrameSender;
  /** Puts whose turn has not come. They hold no body. Each is a subscription, so the caller bounds their number. */
  readonly queue: Fifo<QueuedPut>;
  /** Puts of which the operating system has not taken every byte: as many as fit into the write buffer. */
  readonly unfinished: Set<QueuedPut>;
  /** Why no more can be sent. */
  endFault: ConnectionFault | null;
  /** `end` was called: our side ends once all is sent. */
  ending: boolean;
}

const DROPPED: ConnectionFault = {
  code: 'destroyed',
  message: 'the connection was dropped, since a put on it broke off',
};

/**
 * Makes a sender of a connection, which belongs to it from then on. It reads the peer's bytes and ignores them.
 *
 * @example
 * const sender = createUnacknowledgedSender(connection);
 * concat(sender.put('a.txt', bytesContent(bytes)), sender.end(5_000)).subscribe({
 *   error: (fault) => console.error(describeFault(fault)),
 * });
 */
export function createUnacknowledgedSender(
  connection: Connection,
  options: { readonly crc32?: Checksum } = {},
): UnacknowledgedSender {
  check('createUnacknowledgedSender: its connection', connection, CONNECTION);
  checkOptions('createUnacknowledgedSender', options, { crc32: optional(FUNCTION) });
  const sender = createState(connection, options.crc32 ?? portableCrc32);
  connection.chunks$.subscribe({ error: (fault: ConnectionFault) => failAll(sender, fault) });
  connection.closed$.subscribe((fault) =>
    failAll(sender, fault ?? { code: 'reset', message: 'the peer is gone' }),
  );
  return {
    put: (filename, content) => {
      // The peer cannot refuse a bad name.
      check('put: the filename', filename, TEXT);
      const open = opener(content);
      return new Observable((subscriber) => beginPut(sender, createPut(sender, filename, open, subscriber)));
    },
    end: (linger) => {
      check('end: the time to wait', linger, MILLISECONDS);
      return new Observable((subscriber) => end(sender, linger, subscriber));
    },
    destroy: () => {
      failAll(sender, DROPPED);
      connection.destroy();
    },
  };
}

function createState(connection: Connection, crc32: Checksum): SenderState {
  const frames = createFrameSender({
    connection,
    crc32,
    next: () => nextToSend(sender),
    onPoisoned: () => {
      failAll(sender, DROPPED);
      // A reset could discard bytes of earlier files that the peer has not read yet.
      connection.end();
    },
    onWriteFault: (fault) => failAll(sender, fault),
  });
  const sender: SenderState = {
    connection,
    frames,
    queue: createFifo<QueuedPut>(),
    unfinished: new Set(),
    endFault: null,
    ending: false,
  };
  return sender;
}

function nextToSend({ queue, unfinished, endFault }: SenderState): Outbound | null {
  const put = queue.shift();
  if (put === undefined) return null;
  unfinished.add(put);
  return endFault === null ? put.outbound : null;
}

function createPut(
  sender: SenderState,
  filename: string,
  open: NonNullable<Outbound['open']>,
  subscriber: Subscriber<UnacknowledgedPutEvent>,
): QueuedPut {
  const outbound: Outbound = {
    header: (content) => ({ cmd: 'put', filename, filesize: content?.size ?? 0 }),
    open,
    status: () => (put.cancelled ? 'cancelled' : 'wanted'),
    begun: () => {},
    withdrawn: () => removePut(sender, put),
    taken: (bytes, total) => onTaken(sender, put, bytes, total),
    sent: (sent) => {
      put.sent = sent;
    },
    failed: (fault) => failPut(sender, put, fault),
  };
  const put: QueuedPut = { outbound, subscriber, cancelled: false, sent: null };
  return put;
}

/** Puts it behind those before it, or fails it when nothing more can be sent. Answers a function that gives it up. */
function beginPut(sender: SenderState, put: QueuedPut): () => void {
  if (sender.endFault === null && !sender.ending) {
    sender.queue.push(put);
    sender.frames.wake();
  } else {
    const fault = sender.endFault ?? { code: 'destroyed', message: 'the sender was ended' };
    queueMicrotask(() => failPut(sender, put, { type: 'connection', fault, sent: false }));
  }
  return () => {
    put.cancelled = true;
  };
}

function onTaken(sender: SenderState, put: QueuedPut, bytes: number, total: number): void {
  const { subscriber } = put;
  if (!put.cancelled) subscriber.next({ type: 'progress', sent: bytes, total });
  if (put.sent === null || bytes < total) return;
  sender.unfinished.delete(put);
  subscriber.next({ type: 'sent', ...put.sent });
  subscriber.complete();
  endIfDone(sender);
}

function failPut(sender: SenderState, put: QueuedPut, fault: ClientFault): void {
  sender.unfinished.delete(put);
  if (!put.cancelled) put.subscriber.error(fault);
  endIfDone(sender);
}

function removePut(sender: SenderState, put: QueuedPut): void {
  sender.unfinished.delete(put);
  endIfDone(sender);
}

/** Ends our side once all is sent, if `end` was called. */
function endIfDone({ connection, queue, unfinished, ending }: SenderState): void {
  if (ending && queue.length === 0 && unfinished.size === 0) connection.end();
}

/** Nothing more can be sent: every put fails. Only the first call counts. */
function failAll(sender: SenderState, fault: ConnectionFault): void {
  if (sender.endFault !== null) return;
  sender.endFault = fault;
  sender.frames.stop();
  const { queue, unfinished } = sender;
  for (const put of unfinished) failPut(sender, put, { type: 'connection', fault, sent: true });
  unfinished.clear();
  for (let put = queue.shift(); put !== undefined; put = queue.shift()) {
    failPut(sender, put, { type: 'connection', fault, sent: false });
  }
}

function end(sender: SenderState, linger: number, subscriber: Subscriber<boolean>): () => void {
  const { connection } = sender;
  sender.ending = true;
  const timer = setTimeout(() => {
    subscriber.next(false);
    subscriber.complete();
    connection.destroy();
  }, linger);
  const closing = connection.closed$.subscribe((fault) => {
    if (fault !== null) return subscriber.error({ type: 'connection', fault, sent: true });
    subscriber.next(true);
    subscriber.complete();
  });
  endIfDone(sender);
  return () => {
    clearTimeout(timer);
    closing.unsubscribe();
  };
}
