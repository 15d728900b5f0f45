/**
 * Writes replies and files: everything that is ready when the connection can take it leaves in one write.
 *
 * One write is under way at a time, and everything that comes meanwhile goes into the next one. Replies are copied
 * into one buffer: thousands of small arrays cost more to write, and to collect as garbage, than their bytes do. The
 * queue is bounded by credit: a reply costs its bytes until the operating system has taken them. The size of a write
 * is limited, so that a slow peer that reads all the time never seems to read nothing (see the timeout `unread`).
 *
 * Replies that are not `eager` wait until the peer is quiet (see `ack-delay`). There is one exception: when only held
 * replies keep the connection from being read, the writer sends them at once, since a quiet period would not come.
 */

import { createFifo } from '../base/fifo.ts';
import type { Connection, ConnectionFault } from '../transport/connection.ts';
import type { AckDelay } from './ack-delay.ts';
import { CREDIT_FLOOR_BYTES, type CreditWindow } from './credit.ts';

/** The bytes from which on a write takes no more. A piece of a file is as large. */
const WRITE_BYTES = 256 * 1024;

/** From so many bytes on a reply is queued as it is: to copy it would cost more than to write it by itself. */
export const UNCOPIED_BYTES_MIN: number = 16 * 1024;

/** The largest buffer that is used for the next replies too. Credit does not count what is left of a buffer. */
const KEPT_BUFFER_BYTES = 16 * 1024;

export interface ReplyWriter {
  /**
   * Queues a reply. Its bytes cost credit until the operating system has them or never will. Few are copied; many must
   * stay unchanged.
   */
  readonly reply: (bytes: Uint8Array, eager: boolean) => void;
  /** Queues a message of `size` bytes, which `encoder` writes where it is sent from. Its bytes cost credit, as above. */
  readonly direct: <M>(size: number, encoder: MessageWriter<M>, message: M, eager: boolean) => void;
  /** Queues bytes of a file behind the replies, without a copy. They must stay unchanged until `settled` is called. */
  readonly body: (bytes: Uint8Array, settled: (fault?: ConnectionFault) => void) => void;
  /**
   * Calls back once, when hardly any replies wait for the peer to read; at once if that is so now. It is for requests
   * whose answer is much longer than they are. Returns a function that withdraws the wish.
   */
  readonly whenLow: (go: () => void) => () => void;
  /** The caller calls it when a turn of work is over: sends what may be sent now. */
  readonly flush: () => void;
  /** The caller calls it when the peer has been quiet: sends the replies that were held. */
  readonly flushHeld: () => void;
  /** Ends our side once everything is sent. Nothing may be queued after it. */
  readonly end: () => void;
  /** The bytes of replies that the operating system does not have yet. */
  readonly pending: () => number;
  /** Whether a write is under way, and the number of writes that have settled. */
  readonly progress: () => { readonly writing: boolean; readonly writes: number };
}

/** Writes a message of `size` bytes to `target[at..)`. */
export interface MessageWriter<M> {
  write(message: M, size: number, target: Uint8Array, at: number): void;
}

export interface ReplyWriterDeps {
  readonly connection: Connection;
  readonly window: CreditWindow;
  readonly ackDelay: AckDelay;
  /**
   * The credit of the connection, besides that of the replies, that comes back only once the connection is read
   * again.
   */
  readonly receiving: () => number;
  /** Called with the bytes that the operating system has taken. */
  readonly sent: (bytes: number) => void;
  /** Called when a write has failed: nothing can be sent any more. */
  readonly failed: () => void;
  /** Called when everything is sent and our side is ended. */
  readonly ended?: () => void;
}

interface QueuedWrite {
  readonly bytes: Uint8Array;
  /**
   * The credit of the bytes until the operating system has them. A piece of a file was lent its credit (see
   * `send-task`).
   */
  readonly credit: number;
  readonly settled?: (fault?: ConnectionFault) => void;
}

export function createReplyWriter({
  connection,
  window,
  ackDelay,
  receiving,
  sent,
  failed,
  ended: onEnded,
}: ReplyWriterDeps): ReplyWriter {
  const queue = createFifo<QueuedWrite>();
  /** The credit of the replies that are queued. */
  let credit = 0;
  /** The number of replies that are queued. */
  let replies = 0;
  /** Replies that are not in `queue` yet: the first `length` bytes of `buffer`. */
  let buffer = new Uint8Array(0);
  let length = 0;
  let writing = false;
  let writes = 0;
  /** The credit of the replies in the write that is under way. */
  let sendingCredit = 0;
  /** The waits for few queued replies. Bounded by the open requests. */
  const lowWaiters = new Set<() => void>();
  let ending = false;
  let ended = false;
  /** Whether something in the queue may not wait. */
  let due = false;

  const isLow = () => credit + sendingCredit <= CREDIT_FLOOR_BYTES;

  function flush(): void {
    if (writing) return;
    if (queue.length === 0 && length === 0) {
      if (ending && !ended) {
        ended = true;
        connection.end();
        onEnded?.();
      }
      return;
    }
    const stuck = window.paused() && window.unsettled() <= credit + receiving();
    if (due || stuck || ackDelay.isEager()) send();
    else ackDelay.scheduleFlush(replies);
  }

  function send(): void {
    seal();
    const sending: QueuedWrite[] = [];
    let batchCredit = 0;
    for (let bytes = 0; bytes < WRITE_BYTES; ) {
      const next = queue.shift();
      if (next === undefined) break;
      sending.push(next);
      bytes += next.bytes.length;
      batchCredit += next.credit;
    }
    credit -= batchCredit;
    sendingCredit = batchCredit;
    // The rest of the queue is behind something that may not wait.
    due = queue.length > 0;
    if (!due) replies = 0;
    writing = true;
    const chunks = sending.map(({ bytes }) => bytes);
    connection.write(chunks, (fault) => {
      // Each of the calls below may begin the next write.
      writing = false;
      sendingCredit = 0;
      writes++;
      if (fault === undefined) for (const { length } of chunks) sent(length);
      else failed();
      window.credit(batchCredit);
      for (const { settled } of sending) settled?.(fault);
      for (const go of lowWaiters) {
        if (fault !== undefined || !isLow()) break;
        lowWaiters.delete(go);
        go();
      }
      flush();
    });
  }

  /** Moves the replies in the buffer behind the items of the queue. */
  function seal(): void {
    if (length === 0) return;
    queue.push({ bytes: buffer.subarray(0, length), credit: length });
    // The rest of the buffer takes the next replies. The bytes that are sent are not written to again.
    buffer = buffer.buffer.byteLength <= KEPT_BUFFER_BYTES ? buffer.subarray(length) : new Uint8Array(0);
    length = 0;
  }

  /** Makes room for so many bytes more, by doubling the buffer. */
  function room(bytes: number): void {
    if (length + bytes <= buffer.length) return;
    const larger = new Uint8Array(Math.max(length + bytes, 2 * length, 4096));
    larger.set(buffer.subarray(0, length));
    buffer = larger;
  }

  return {
    reply: (bytes, eager) => {
      if (eager) due = true;
      window.charge(bytes.length);
      credit += bytes.length;
      replies++;
      if (bytes.length >= UNCOPIED_BYTES_MIN) {
        seal();
        queue.push({ bytes, credit: bytes.length });
        return;
      }
      if (length >= WRITE_BYTES) seal();
      room(bytes.length);
      buffer.set(bytes, length);
      length += bytes.length;
    },
    direct: (size, encoder, message, eager) => {
      if (eager) due = true;
      window.charge(size);
      credit += size;
      replies++;
      if (length >= WRITE_BYTES) seal();
      room(size);
      encoder.write(message, size, buffer, length);
      length += size;
    },
    body: (bytes, settled) => {
      due = true;
      seal();
      queue.push({ bytes, credit: 0, settled });
    },
    whenLow: (go) => {
      if (isLow()) go();
      else {
        lowWaiters.add(go);
        // A peer that asks for more reads what there is.
        due = true;
      }
      return () => lowWaiters.delete(go);
    },
    flush,
    pending: () => credit + sendingCredit,
    progress: () => ({ writing, writes }),
    flushHeld: () => {
      due = true;
      flush();
    },
    end: () => {
      due = true;
      ending = true;
      flush();
    },
  };
}
