/**
 * The writing side of a connection whose transport takes messages, not bytes: it joins the writes of a turn to few
 * messages, and settles the writes in order when the transport says how many bytes it has sent.
 */
import { createFifo } from '../../base/fifo.ts';
import { checkWrite } from '../check-arguments.ts';
import type { Connection, ConnectionFault } from '../connection.ts';
import { ENDED } from '../connection-fault.ts';

/** The most bytes of one message, so that a receiver has small chunks, and no limit of a peer is met. */
const MESSAGE_BYTES_MAX = 64 * 1024;

type Settled = (fault?: ConnectionFault) => void;

export interface OutboxDeps {
  /** Whether the transport takes messages yet. */
  readonly isReady: () => boolean;
  /**
   * Sends a message. The memory is the transport's from then on.
   *
   * @param upTo the count of bytes, from the beginning, up to and including this message.
   */
  readonly send: (message: Uint8Array<ArrayBuffer>, upTo: number) => void;
  /** Called after each turn, never from within a call of the outbox. */
  readonly changed: () => void;
}

export interface Outbox {
  readonly write: Connection['write'];
  /** Sends what was written in this turn now. Settles nothing. */
  flush(): void;
  /** Settles the writes within the first `count` bytes. Not to be called from within a call of the connection. */
  settleUpTo(count: number): void;
  /** Refuses further writes, since our side has ended. What was written is still sent. */
  end(): void;
  /** Refuses every write that has not settled, and all further ones. */
  refuse(fault: ConnectionFault): void;
  /** Whether a write has not settled. */
  isWaiting(): boolean;
}

export function createOutbox({ isReady, send, changed }: OutboxDeps): Outbox {
  /** The writes that have not settled, oldest first. Bounded by the writer, as the contract demands; so are the rest. */
  const writes = createFifo<{ readonly upTo: number; readonly settled: Settled }>();
  let chunks: Uint8Array[] = [];
  let refused: { readonly settled: Settled; readonly fault: ConnectionFault }[] = [];
  let refusal: ConnectionFault | undefined;
  /** Bytes from the beginning: written, handed to `send`, and settled. */
  let written = 0;
  let flushed = 0;
  let sent = 0;
  let isScheduled = false;

  function schedule(): void {
    if (isScheduled) return;
    isScheduled = true;
    queueMicrotask(turn);
  }

  function turn(): void {
    isScheduled = false;
    flush();
    const now = refused;
    refused = [];
    for (const { settled, fault } of now) settled(fault);
    // Writes of no bytes.
    if (isReady()) settleUpTo(sent);
    changed();
  }

  function flush(): void {
    if (!isReady()) return;
    const now = chunks;
    chunks = [];
    let message = newMessage();
    let filled = 0;
    for (const chunk of now) {
      for (let from = 0; from < chunk.length; ) {
        const count = Math.min(chunk.length - from, message.length - filled);
        message.set(chunk.subarray(from, from + count), filled);
        from += count;
        filled += count;
        if (filled < message.length) continue;
        flushed += filled;
        send(message, flushed);
        message = newMessage();
        filled = 0;
      }
    }
  }

  /** A copy is sent: a transport may keep a message for longer than the writer keeps its chunks unchanged. */
  const newMessage = () => new Uint8Array(Math.min(written - flushed, MESSAGE_BYTES_MAX));

  function settleUpTo(count: number): void {
    sent = Math.max(sent, count);
    for (let next = writes.first(); next !== undefined && next.upTo <= sent; next = writes.first()) {
      writes.shift();
      next.settled();
    }
  }

  return {
    write(added, settled) {
      checkWrite(added, settled);
      schedule();
      if (refusal !== undefined) {
        refused.push({ settled, fault: refusal });
        return;
      }
      for (const chunk of added) {
        written += chunk.length;
        chunks.push(chunk);
      }
      writes.push({ upTo: written, settled });
    },
    flush,
    settleUpTo,
    end: () => {
      refusal ??= ENDED;
    },
    refuse(fault) {
      refusal = fault;
      chunks = [];
      flushed = written;
      for (const { settled } of writes) refused.push({ settled, fault });
      writes.clear();
      schedule();
    },
    isWaiting: () => writes.length > 0 || refused.length > 0,
  };
}
