/** The chunks that a connection has received and nobody has taken yet, for a transport that is not asked for each. */
import { createFifo } from '../../base/fifo.ts';
import { type ChunkReader, isFlowing } from '../chunk-reader.ts';

/** The memory of a chunk that waits, besides its bytes. */
const CHUNK_COST_BYTES = 256;

export interface Inbox {
  /** Emits a chunk, or keeps it. Answers false, and drops the chunk, when there is no room. */
  receive(chunk: Uint8Array): boolean;
  /** Emits, in the next microtask, as many of the chunks as the reader takes. */
  scheduleDelivery(): void;
  isEmpty(): boolean;
  clear(): void;
}

/**
 * @param bytesMax the bytes that may wait now; a chunk counts 256 more.
 * @param delivered called after each delivery.
 */
export function createInbox(reader: ChunkReader, bytesMax: () => number, delivered: () => void): Inbox {
  /** Bounded by `bytesMax`. */
  const chunks = createFifo<Uint8Array>();
  let held = 0;
  let isScheduled = false;

  function deliver(): void {
    isScheduled = false;
    while (isFlowing(reader)) {
      const chunk = chunks.shift();
      if (chunk === undefined) break;
      held -= chunk.length + CHUNK_COST_BYTES;
      reader.subscriber?.next(chunk);
    }
    delivered();
  }

  return {
    receive(chunk) {
      if (chunks.length === 0 && isFlowing(reader)) {
        reader.subscriber?.next(chunk);
        return true;
      }
      const cost = chunk.length + CHUNK_COST_BYTES;
      if (held + cost > bytesMax()) return false;
      chunks.push(chunk);
      held += cost;
      return true;
    },
    scheduleDelivery() {
      if (isScheduled) return;
      isScheduled = true;
      queueMicrotask(deliver);
    },
    isEmpty: () => chunks.length === 0,
    clear() {
      chunks.clear();
      held = 0;
    },
  };
}
