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

import { createFifo } from '../../base/fifo.ts';
import type { Connection, ConnectionFault } from '../../transport/connection.ts';
import { CREDIT_FLOOR_BYTES, type CreditWindow } from '../bounds/credit.ts';
import type { AckDelay } from './ack-delay.ts';

/** The bytes from which on a write takes no more. A piece of a file is as large, or twice as large. */
const WRITE_BYTES = 256 * 1024;

/** From so many bytes on a reply is queued as it is: to copy it would cost more than to write it by itself. */
export const UNCOPIED_BYTES_MIN: number = 16 * 1024;

/**
 * The bytes of a buffer that replies are copied into: a full one grows to the next size, so that many replies are one
 * piece of a write. Credit does not count what is left of a buffer.
 */
const BUFFER_BYTES: readonly [number, number, number] = [4 * 1024, UNCOPIED_BYTES_MIN, 64 * 1024];
const BUFFER_BYTES_MAX = BUFFER_BYTES[2];
/** The most buffers of each size that wait for the next replies of any connection: a new one costs more than they do. */
const SPARE_BUFFERS_MAX = 64;
const spares: ReadonlyMap<number, ReplyBuffer[]> = new Map(BUFFER_BYTES.map((bytes) => [bytes, []]));

export interface ReplyWriter {
  /**
   * Queues a reply. Its bytes cost credit until the operating system has them or never will. Few are copied; many must
   * stay unchanged.
   */
  readonly reply: (bytes: Uint8Array, eager: boolean) => void;
  /**
   * Queues a message of `size` bytes, less than `UNCOPIED_BYTES_MIN`, which `encoder` writes where it is sent from. Its
   * bytes cost credit, as above, but the caller charges it.
   */
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

/** Writes a message of `size` bytes to `target[at..)`: all of them, since other messages were there before. */
export interface MessageWriter<M> {
  write(message: M, size: number, target: Uint8Array, at: number): number;
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
  readonly settled: ((fault?: ConnectionFault) => void) | null;
  /** Where the bytes lie; null when that is not a buffer of the writer. */
  readonly buffer: ReplyBuffer | null;
}

/** Memory that replies are copied into. It takes others once all that lie in it are settled. */
interface ReplyBuffer {
  readonly bytes: Uint8Array;
  /** The queued writes that lie in it. */
  writes: number;
}

const createBuffer = (size: number): ReplyBuffer => ({ bytes: new Uint8Array(size), writes: 0 });
const NO_BUFFER: ReplyBuffer = createBuffer(0);

function acquireBuffer(bytesMin: number): ReplyBuffer {
  const size = BUFFER_BYTES.find((bytes) => bytes >= bytesMin) ?? BUFFER_BYTES_MAX;
  return spares.get(size)?.pop() ?? createBuffer(size);
}

/** Keeps a buffer for the next replies of any connection. */
function spare(buffer: ReplyBuffer): void {
  const others = spares.get(buffer.bytes.length);
  if (others !== undefined && others.length < SPARE_BUFFERS_MAX) others.push(buffer);
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
  /** Replies that are not in `queue` yet: the bytes of `buffer` from `from` to `length`. Those before are in it. */
  let buffer = NO_BUFFER;
  let [from, length] = [0, 0];
  let writing = false;
  let writes = 0;
  /** What the write that is under way sends, and its bytes and credit. */
  let sending: QueuedWrite[] = [];
  let [sendingBytes, sendingCredit] = [0, 0];
  /** The waits for few queued replies. Bounded by the open requests. */
  const lowWaiters = new Set<() => void>();
  let ending = false;
  let ended = false;
  /** Whether something in the queue may not wait. */
  let due = false;

  const isLow = () => credit + sendingCredit <= CREDIT_FLOOR_BYTES;

  function flush(): void {
    if (writing) return;
    if (queue.length === 0 && length === from) {
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
    const chunks: Uint8Array[] = [];
    while (sendingBytes < WRITE_BYTES) {
      const next = queue.shift();
      if (next === undefined) break;
      sending.push(next);
      chunks.push(next.bytes);
      sendingBytes += next.bytes.length;
      sendingCredit += next.credit;
    }
    credit -= sendingCredit;
    // The rest of the queue is behind something that may not wait.
    due = queue.length > 0;
    if (!due) replies = 0;
    writing = true;
    connection.write(chunks, onSettled);
  }

  function onSettled(fault?: ConnectionFault): void {
    const [settledWrites, bytes, settledCredit] = [sending, sendingBytes, sendingCredit];
    // Each of the calls below may begin the next write.
    sending = [];
    [sendingBytes, sendingCredit] = [0, 0];
    writing = false;
    writes++;
    if (fault === undefined) sent(bytes);
    else failed();
    window.credit(settledCredit);
    // The memory of a write that has failed may still be read by the system.
    if (fault === undefined) for (const { buffer } of settledWrites) release(buffer);
    for (const { settled } of settledWrites) settled?.(fault);
    if (lowWaiters.size > 0) callLowWaiters(fault !== undefined);
    flush();
  }

  /** When nothing can be sent any more, nobody waits for the peer to read. */
  function callLowWaiters(isAll: boolean): void {
    // One that begins to wait again meanwhile has its turn behind the next write.
    for (const go of [...lowWaiters]) {
      if (!isAll && !isLow()) return;
      if (lowWaiters.delete(go)) go();
    }
  }

  /** Moves the replies in the buffer behind the items of the queue. */
  function seal(): void {
    if (length === from) return;
    buffer.writes++;
    const bytes = buffer.bytes.subarray(from, length);
    queue.push({ bytes, credit: bytes.length, settled: null, buffer });
    // The rest of the buffer takes the next replies. The bytes that are sent are not written to again.
    from = length;
  }

  /** Makes room for so many bytes more in the buffer: in a larger one, or in another one when it is the largest. */
  function room(bytes: number): void {
    if (length + bytes <= buffer.bytes.length) return;
    if (length - from + bytes > BUFFER_BYTES_MAX) seal();
    const [old, start] = [buffer, from];
    const kept = length - from;
    buffer = acquireBuffer(kept + bytes);
    if (kept > 0) buffer.bytes.set(old.bytes.subarray(start, length));
    [from, length] = [0, kept];
    if (old.writes === 0) spare(old);
  }

  /** Has a buffer take replies again, when none of those that lie in it waits to be sent. */
  function release(settledBuffer: ReplyBuffer | null): void {
    if (settledBuffer === null || --settledBuffer.writes > 0) return;
    if (settledBuffer === buffer) {
      if (length > from) return;
      buffer = NO_BUFFER;
      [from, length] = [0, 0];
    }
    spare(settledBuffer);
  }

  return {
    reply: (bytes, eager) => {
      if (eager) due = true;
      window.charge(bytes.length);
      credit += bytes.length;
      replies++;
      if (bytes.length >= UNCOPIED_BYTES_MIN) {
        seal();
        // A long reply is several pieces, since a write takes whole pieces.
        for (let at = 0; at < bytes.length; at += WRITE_BYTES) {
          const piece = bytes.subarray(at, at + WRITE_BYTES);
          queue.push({ bytes: piece, credit: piece.length, settled: null, buffer: null });
        }
        return;
      }
      room(bytes.length);
      buffer.bytes.set(bytes, length);
      length += bytes.length;
    },
    direct: (size, encoder, message, eager) => {
      room(size);
      const end = encoder.write(message, size, buffer.bytes, length);
      // Else bytes that were sent before, to any peer, would be sent again.
      if (end !== length + size)
        throw new RangeError(`write: the message ends at ${end}, and sizeOf said ${length + size}`);
      length = end;
      if (eager) due = true;
      credit += size;
      replies++;
    },
    body: (bytes, settled) => {
      due = true;
      seal();
      queue.push({ bytes, credit: 0, settled, buffer: null });
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
