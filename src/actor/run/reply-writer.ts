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
  reply(bytes: Uint8Array, eager: boolean): void;
  /**
   * Queues a message of `size` bytes, less than `UNCOPIED_BYTES_MIN`, which `encoder` writes where it is sent from. Its
   * bytes cost credit, as above, but the caller charges it.
   */
  direct<M>(size: number, encoder: MessageWriter<M>, message: M, eager: boolean): void;
  /** Queues bytes of a file behind the replies, without a copy. They must stay unchanged until `settled` is called. */
  body(bytes: Uint8Array, settled: (fault?: ConnectionFault) => void): void;
  /**
   * Calls back once, when hardly any replies wait for the peer to read; at once if that is so now. It is for requests
   * whose answer is much longer than they are. Returns a function that withdraws the wish.
   */
  whenLow(go: () => void): () => void;
  /** The caller calls it when a turn of work is over: sends what may be sent now. */
  flush(): void;
  /** The caller calls it when the peer has been quiet: sends the replies that were held. */
  flushHeld(): void;
  /** Ends our side once everything is sent. Nothing may be queued after it. */
  end(): void;
  /** The bytes of replies that the operating system does not have yet. */
  pending(): number;
  /** Whether a write is under way. */
  isWriting(): boolean;
  /** The number of writes that have settled. */
  settledWrites(): number;
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

export const createReplyWriter = (deps: ReplyWriterDeps): ReplyWriter => new ConnectionWriter(deps);

const NO_WRITES: QueuedWrite[] = [];

/** A class, so that thousands of idle connections share its functions. */
class ConnectionWriter implements ReplyWriter {
  private readonly queue = createFifo<QueuedWrite>();
  /** The credit of the replies that are queued. */
  private credit = 0;
  /** The number of replies that are queued. */
  private replies = 0;
  /** Replies that are not in `queue` yet: the bytes of `buffer` from `from` to `length`. Those before are in it. */
  private buffer = NO_BUFFER;
  private from = 0;
  private length = 0;
  private writing = false;
  private writes = 0;
  /** What the write that is under way sends, and its bytes and credit. */
  private sending = NO_WRITES;
  private sendingBytes = 0;
  private sendingCredit = 0;
  /** The waits for few queued replies; null while there are none. Bounded by the open requests. */
  private lowWaiters: Set<() => void> | null = null;
  private ending = false;
  private ended = false;
  /** Whether something in the queue may not wait. */
  private due = false;
  private readonly deps: ReplyWriterDeps;
  /** Made at the first write. */
  private onSettled: ((fault?: ConnectionFault) => void) | null = null;

  constructor(deps: ReplyWriterDeps) {
    this.deps = deps;
  }

  reply(bytes: Uint8Array, eager: boolean): void {
    if (eager) this.due = true;
    this.deps.window.charge(bytes.length);
    this.credit += bytes.length;
    this.replies++;
    if (bytes.length >= UNCOPIED_BYTES_MIN) {
      this.seal();
      // A long reply is several pieces, since a write takes whole pieces.
      for (let at = 0; at < bytes.length; at += WRITE_BYTES) {
        const piece = bytes.subarray(at, at + WRITE_BYTES);
        this.queue.push({ bytes: piece, credit: piece.length, settled: null, buffer: null });
      }
      return;
    }
    this.room(bytes.length);
    this.buffer.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  direct<M>(size: number, encoder: MessageWriter<M>, message: M, eager: boolean): void {
    this.room(size);
    const end = encoder.write(message, size, this.buffer.bytes, this.length);
    // Else bytes that were sent before, to any peer, would be sent again.
    if (end !== this.length + size)
      throw new RangeError(`write: the message ends at ${end}, and sizeOf said ${this.length + size}`);
    this.length = end;
    if (eager) this.due = true;
    this.credit += size;
    this.replies++;
  }

  body(bytes: Uint8Array, settled: (fault?: ConnectionFault) => void): void {
    this.due = true;
    this.seal();
    this.queue.push({ bytes, credit: 0, settled, buffer: null });
  }

  whenLow(go: () => void): () => void {
    if (this.isLow()) go();
    else {
      this.lowWaiters ??= new Set();
      this.lowWaiters.add(go);
      // A peer that asks for more reads what there is.
      this.due = true;
    }
    return () => this.lowWaiters?.delete(go);
  }

  flush(): void {
    if (this.writing) return;
    if (this.queue.length === 0 && this.length === this.from) return this.endWhenAsked();
    const { window, receiving, ackDelay } = this.deps;
    const stuck = window.paused() && window.unsettled() <= this.credit + receiving();
    if (this.due || stuck || ackDelay.isEager()) this.send();
    else ackDelay.scheduleFlush(this.replies);
  }

  flushHeld(): void {
    this.due = true;
    this.flush();
  }

  end(): void {
    this.due = true;
    this.ending = true;
    this.flush();
  }

  pending(): number {
    return this.credit + this.sendingCredit;
  }

  isWriting(): boolean {
    return this.writing;
  }

  settledWrites(): number {
    return this.writes;
  }

  private isLow(): boolean {
    return this.credit + this.sendingCredit <= CREDIT_FLOOR_BYTES;
  }

  private endWhenAsked(): void {
    if (!this.ending || this.ended) return;
    this.ended = true;
    this.deps.connection.end();
    this.deps.ended?.();
  }

  private send(): void {
    this.seal();
    const { queue } = this;
    const sending: QueuedWrite[] = [];
    const chunks: Uint8Array[] = [];
    while (this.sendingBytes < WRITE_BYTES) {
      const next = queue.shift();
      if (next === undefined) break;
      sending.push(next);
      chunks.push(next.bytes);
      this.sendingBytes += next.bytes.length;
      this.sendingCredit += next.credit;
    }
    this.sending = sending;
    this.credit -= this.sendingCredit;
    // The rest of the queue is behind something that may not wait.
    this.due = queue.length > 0;
    if (!this.due) this.replies = 0;
    this.writing = true;
    this.onSettled ??= (fault) => this.settled(fault);
    this.deps.connection.write(chunks, this.onSettled);
  }

  private settled(fault?: ConnectionFault): void {
    const { sending, sendingBytes, sendingCredit, deps } = this;
    // Each of the calls below may begin the next write.
    this.sending = NO_WRITES;
    this.sendingBytes = 0;
    this.sendingCredit = 0;
    this.writing = false;
    this.writes++;
    if (fault === undefined) deps.sent(sendingBytes);
    else deps.failed();
    deps.window.credit(sendingCredit);
    // The memory of a write that has failed may still be read by the system.
    if (fault === undefined) for (const { buffer } of sending) this.release(buffer);
    for (const { settled } of sending) settled?.(fault);
    if (this.lowWaiters !== null) this.callLowWaiters(this.lowWaiters, fault !== undefined);
    this.flush();
  }

  /** When nothing can be sent any more, nobody waits for the peer to read. */
  private callLowWaiters(waiters: Set<() => void>, isAll: boolean): void {
    // One that begins to wait again meanwhile has its turn behind the next write.
    for (const go of [...waiters]) {
      if (!isAll && !this.isLow()) return;
      if (waiters.delete(go)) go();
    }
  }

  /** Moves the replies in the buffer behind the items of the queue. */
  private seal(): void {
    const { buffer, length, from } = this;
    if (length === from) return;
    buffer.writes++;
    const bytes = buffer.bytes.subarray(from, length);
    this.queue.push({ bytes, credit: bytes.length, settled: null, buffer });
    // The rest of the buffer takes the next replies. The bytes that are sent are not written to again.
    this.from = length;
  }

  /** Makes room for so many bytes more in the buffer: in a larger one, or in another one when it is the largest. */
  private room(bytes: number): void {
    if (this.length + bytes <= this.buffer.bytes.length) return;
    if (this.length - this.from + bytes > BUFFER_BYTES_MAX) this.seal();
    const { buffer: old, from, length } = this;
    const kept = length - from;
    this.buffer = acquireBuffer(kept + bytes);
    if (kept > 0) this.buffer.bytes.set(old.bytes.subarray(from, length));
    this.from = 0;
    this.length = kept;
    if (old.writes === 0) spare(old);
  }

  /** Has a buffer take replies again, when none of those that lie in it waits to be sent. */
  private release(settledBuffer: ReplyBuffer | null): void {
    if (settledBuffer === null || --settledBuffer.writes > 0) return;
    if (settledBuffer === this.buffer) {
      if (this.length > this.from) return;
      this.buffer = NO_BUFFER;
      this.from = 0;
      this.length = 0;
    }
    spare(settledBuffer);
  }
}
