/** The puts of an unacknowledged sender: each waits for its turn, is sent, and has then been taken or has failed. */
import type { Subscriber } from 'rxjs';
import type { Fifo } from '../../base/fifo.ts';
import type { Connection, ConnectionFault } from '../../transport/connection.ts';
import { ClientError, type ClientFault } from '../client-fault.ts';
import type { Outbound, SentContent } from './client-request.ts';
import type { FrameSender } from './frame-sender.ts';

/**
 * `UnacknowledgedSender.put` emits these events.
 *
 * - `progress`: the operating system has taken `sent` of `total` bytes of the content.
 * - `sent`: the operating system has taken all of them, whose CRC-32 is `crc32`. The last event: whether the peer has
 *   stored them, nobody says.
 */
export type UnacknowledgedPutEvent =
  | { readonly type: 'progress'; readonly sent: number; readonly total: number }
  | { readonly type: 'sent'; readonly size: number; readonly crc32: number };

export interface QueuedPut {
  readonly outbound: Outbound;
  readonly subscriber: Subscriber<UnacknowledgedPutEvent>;
  /** It was unsubscribed: it emits nothing more. */
  cancelled: boolean;
  /** Size and CRC-32 of its content, once its frame is complete. */
  sent: SentContent | null;
}

export interface SenderState {
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

export function nextToSend({ queue, unfinished, endFault }: SenderState): Outbound | null {
  const put = queue.shift();
  if (put === undefined) return null;
  unfinished.add(put);
  return endFault === null ? put.outbound : null;
}

export function createPut(
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
export function beginPut(sender: SenderState, put: QueuedPut): () => void {
  if (sender.endFault === null && !sender.ending) {
    sender.queue.push(put);
    sender.frames.wake();
  } else {
    const fault = sender.endFault ?? { code: 'destroyed', message: 'the sender was ended' };
    queueMicrotask(() => failPut(sender, put, { code: 'connection', cause: fault, sent: false }));
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
  if (!put.cancelled) put.subscriber.error(new ClientError(fault));
  endIfDone(sender);
}

function removePut(sender: SenderState, put: QueuedPut): void {
  sender.unfinished.delete(put);
  endIfDone(sender);
}

/** Ends our side once all is sent, if `end` was called. */
export function endIfDone({ connection, queue, unfinished, ending }: SenderState): void {
  if (ending && queue.length === 0 && unfinished.size === 0) connection.end();
}

/** Nothing more can be sent: every put fails. Only the first call counts. */
export function failAll(sender: SenderState, fault: ConnectionFault): void {
  if (sender.endFault !== null) return;
  sender.endFault = fault;
  sender.frames.stop();
  const { queue, unfinished } = sender;
  for (const put of unfinished) failPut(sender, put, { code: 'connection', cause: fault, sent: true });
  unfinished.clear();
  for (let put = queue.shift(); put !== undefined; put = queue.shift()) {
    failPut(sender, put, { code: 'connection', cause: fault, sent: false });
  }
}
