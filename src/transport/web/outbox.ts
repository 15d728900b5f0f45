/**
 * The writing side of a connection whose transport takes messages, not bytes: it joins the writes of a turn to few
 * messages, and settles the writes in order when the transport says how many bytes it has sent.
 */
import { createFifo, type Fifo } from '../../base/fifo.ts';
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

/** A write that has not settled. */
interface Write {
  /** The count of bytes, from the beginning, up to and including this write. */
  readonly upTo: number;
  readonly settled: Settled;
}

/** The writes of one connection, from the call of `write` until they settle. */
interface OutboxState {
  readonly deps: OutboxDeps;
  /** The writes that have not settled, oldest first. Bounded by the writer, as the contract demands; so are the rest. */
  readonly writes: Fifo<Write>;
  /** What was written and not handed to `send` yet. */
  chunks: Uint8Array[];
  /** The writes that were refused and have not settled. */
  refused: { readonly settled: Settled; readonly fault: ConnectionFault }[];
  /** Why further writes are refused; undefined while they are not. */
  refusal: ConnectionFault | undefined;
  /** Bytes from the beginning that were written. */
  written: number;
  /** Bytes from the beginning that were handed to `send`. */
  flushed: number;
  /** Bytes from the beginning that the transport has sent. */
  sent: number;
  /** Whether the end of this turn is scheduled. */
  isScheduled: boolean;
  /** Ends a turn. It is made once, since every turn with a write schedules it. */
  readonly endTurn: () => void;
}

export function createOutbox(deps: OutboxDeps): Outbox {
  const outbox: OutboxState = {
    deps,
    writes: createFifo(),
    chunks: [],
    refused: [],
    refusal: undefined,
    written: 0,
    flushed: 0,
    sent: 0,
    isScheduled: false,
    endTurn: () => endTurn(outbox),
  };
  return {
    write: (added, settled) => write(outbox, added, settled),
    flush: () => flush(outbox),
    settleUpTo: (count) => settleUpTo(outbox, count),
    end: () => {
      outbox.refusal ??= ENDED;
    },
    refuse: (fault) => refuse(outbox, fault),
    isWaiting: () => outbox.writes.length > 0 || outbox.refused.length > 0,
  };
}

function write(outbox: OutboxState, added: readonly Uint8Array[], settled: Settled): void {
  checkWrite(added, settled);
  schedule(outbox);
  if (outbox.refusal !== undefined) {
    outbox.refused.push({ settled, fault: outbox.refusal });
    return;
  }
  for (const chunk of added) {
    outbox.written += chunk.length;
    outbox.chunks.push(chunk);
  }
  outbox.writes.push({ upTo: outbox.written, settled });
}

function schedule(outbox: OutboxState): void {
  if (outbox.isScheduled) return;
  outbox.isScheduled = true;
  queueMicrotask(outbox.endTurn);
}

function endTurn(outbox: OutboxState): void {
  outbox.isScheduled = false;
  flush(outbox);
  const now = outbox.refused;
  outbox.refused = [];
  for (const { settled, fault } of now) settled(fault);
  // Writes of no bytes settle here: the transport never says that it has sent them.
  if (outbox.deps.isReady()) settleUpTo(outbox, outbox.sent);
  outbox.deps.changed();
}

function flush(outbox: OutboxState): void {
  if (!outbox.deps.isReady()) return;
  const now = outbox.chunks;
  outbox.chunks = [];
  let message = newMessage(outbox);
  let filled = 0;
  for (const chunk of now) {
    for (let from = 0; from < chunk.length; ) {
      const count = Math.min(chunk.length - from, message.length - filled);
      message.set(chunk.subarray(from, from + count), filled);
      from += count;
      filled += count;
      if (filled < message.length) continue;
      outbox.flushed += filled;
      outbox.deps.send(message, outbox.flushed);
      message = newMessage(outbox);
      filled = 0;
    }
  }
}

/** A copy is sent: a transport may keep a message for longer than the writer keeps its chunks unchanged. */
const newMessage = ({ written, flushed }: OutboxState) =>
  new Uint8Array(Math.min(written - flushed, MESSAGE_BYTES_MAX));

function settleUpTo(outbox: OutboxState, count: number): void {
  const { writes } = outbox;
  outbox.sent = Math.max(outbox.sent, count);
  for (let next = writes.first(); next !== undefined && next.upTo <= outbox.sent; next = writes.first()) {
    writes.shift();
    next.settled();
  }
}

/** Refuses every write that has not settled, and all further ones. */
function refuse(outbox: OutboxState, fault: ConnectionFault): void {
  const { writes, refused } = outbox;
  outbox.refusal = fault;
  outbox.chunks = [];
  outbox.flushed = outbox.written;
  for (const { settled } of writes) refused.push({ settled, fault });
  writes.clear();
  schedule(outbox);
}
