/**
 * What is to be sent, gathered: everything that is ready when the connection can take it leaves in one write.
 *
 * One write is under way at a time, and what comes meanwhile is gathered into the next one. Replies are copied into
 * one buffer: thousands of small arrays cost more to write, and to collect, than their bytes do. The queue is
 * bounded by credit: a reply costs its bytes until the operating system has taken it. A write is not so large that a
 * slow peer that reads all the time could seem to read nothing (see the deadline `unread`).
 *
 * Replies that are not `eager` wait for a silence of the peer (see `patience`), unless nothing but held replies keeps
 * the connection from being read: then there would never be one.
 */

import { createFifo } from '../base/fifo.ts';
import type { Connection, ConnectionFault } from '../transport/connection.ts';
import type { AckDelay } from './ack-delay.ts';
import { CREDIT_FLOOR_BYTES, type CreditWindow } from './credit.ts';

/** Bytes from which on a write takes no more. A piece of a file is as large. */
const WRITE_BYTES = 256 * 1024;

/** A buffer that replies are gathered in is used for the next ones too, unless it is larger: nobody counts what is left of it. */
const KEPT_BUFFER_BYTES = 16 * 1024;

export interface ReplyWriter {
  /** Queues a reply; its bytes are copied, and cost credit until they are the operating system's, or never will be. */
  readonly reply: (bytes: Uint8Array, eager: boolean) => void;
  /** Queues bytes of a file behind it, as they are; they must stay unchanged until `settled` is called. */
  readonly body: (bytes: Uint8Array, settled: (fault?: ConnectionFault) => void) => void;
  /**
   * Calls back once, when hardly any replies wait for the peer to read: at once if that is so. For what may be answered
   * with much more than was asked. Returns how to want it no more.
   */
  readonly whenLow: (go: () => void) => () => void;
  /** To be called when a turn of work is over: sends what may be sent now. */
  readonly flush: () => void;
  /** To be called at a silence of the peer: nothing is held back. */
  readonly flushHeld: () => void;
  /** Ends our side once all is sent; nothing may be pushed after it. */
  readonly end: () => void;
  /** Whether a write is under way, and how many have settled. */
  readonly progress: () => { readonly writing: boolean; readonly writes: number };
}

export interface ReplyWriterDeps {
  readonly connection: Connection;
  readonly window: CreditWindow;
  readonly ackDelay: AckDelay;
  /** Credit besides its own that comes back only once the connection is read again. */
  readonly receiving: () => number;
  /** So many bytes are the operating system's. */
  readonly sent: (bytes: number) => void;
  /** A write has failed: nothing can be sent any more. */
  readonly failed: () => void;
}

interface QueuedWrite {
  readonly bytes: Uint8Array;
  /** What it costs until it is the operating system's; a piece of a file was lent its credit (see `send-task`). */
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
}: ReplyWriterDeps): ReplyWriter {
  const queue = createFifo<QueuedWrite>();
  /** For the replies that are queued. */
  let credit = 0;
  /** How many replies are queued. */
  let replies = 0;
  /** Replies not yet in `queue`: so many bytes at the start of `gathered`. */
  let buffer = new Uint8Array(0);
  let length = 0;
  let writing = false;
  let writes = 0;
  /** Credit of the replies in the write that is under way. */
  let sendingCredit = 0;
  /** Bounded by the requests that are open. */
  const lowWaiters = new Set<() => void>();
  let ending = false;
  let ended = false;
  /** What is queued includes something that may not wait. */
  let due = false;

  const isLow = () => credit + sendingCredit <= CREDIT_FLOOR_BYTES;

  function flush(): void {
    if (writing) return;
    if (queue.length === 0 && length === 0) {
      if (ending && !ended) {
        ended = true;
        connection.end();
      }
      return;
    }
    const stuck = window.paused() && window.unsettled() === credit + receiving();
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
    // What is left is behind something that may not wait.
    due = queue.length > 0;
    if (!due) replies = 0;
    writing = true;
    const chunks = sending.map(({ bytes }) => bytes);
    connection.write(chunks, (fault) => {
      // Any of what follows may have the next write begin.
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

  /** Moves the gathered replies behind what is queued already. */
  function seal(): void {
    if (length === 0) return;
    queue.push({ bytes: buffer.subarray(0, length), credit: length });
    // What is left of the buffer takes the next replies: these bytes are not written to again.
    buffer = buffer.buffer.byteLength <= KEPT_BUFFER_BYTES ? buffer.subarray(length) : new Uint8Array(0);
    length = 0;
  }

  /** Makes room for so many bytes more, twice what there was each time. */
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
      if (length >= WRITE_BYTES) seal();
      room(bytes.length);
      buffer.set(bytes, length);
      length += bytes.length;
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
        // Who asks for more reads what there is.
        due = true;
      }
      return () => lowWaiters.delete(go);
    },
    flush,
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
