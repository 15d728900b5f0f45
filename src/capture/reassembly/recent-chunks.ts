/**
 * Copies of the chunks that were delivered last, over all conversations, so that a differing retransmission is noticed
 * shortly after delivery, too.
 *
 * ```text
 *  ring   |....[ chunk ][ chunk ][ chunk ]      [ chunk ]|      1 MiB, and 1,024 chunks
 *               newest                           oldest
 * ```
 *
 * They are copies because a view would keep its block of the file alive, and the block may be read into again.
 */

import type { Conversation, Side, StreamChunk } from '../stream-event.ts';
import { compareBytes, type Difference } from './byte-difference.ts';

/** Number of chunks that are kept; a power of two. */
const CHUNKS_MAX = 1_024;
/** Bytes in the ring. */
const RING_BYTES = 1024 * 1024;
/** Bytes kept of one chunk: its last ones. */
const CHUNK_BYTES_MAX = RING_BYTES / 8;

export interface RecentChunks {
  push(chunk: StreamChunk): void;
  /** Compares retransmitted bytes with the delivered ones, as far as those are still kept. */
  compare(
    conversation: Conversation,
    from: Side,
    came: Uint8Array,
    position: number,
    difference: Difference,
  ): void;
}

export function createRecentChunks(): RecentChunks {
  const ring = new Uint8Array(RING_BYTES);
  const conversations = new Array<Conversation | null>(CHUNKS_MAX).fill(null);
  const sides = new Array<Side>(CHUNKS_MAX).fill('client');
  const positions = new Float64Array(CHUNKS_MAX);
  const lengths = new Int32Array(CHUNKS_MAX);
  /** Where the bytes of each chunk begin, counted through all rounds of the ring. */
  const starts = new Float64Array(CHUNKS_MAX);
  /** Counts over all chunks: those from `oldest` to below `newest` are kept. */
  let oldest = 0;
  let newest = 0;
  /** Bytes that were ever written into the ring. */
  let used = 0;

  return {
    push({ conversation, from, position, bytes }) {
      const length = Math.min(bytes.length, CHUNK_BYTES_MAX);
      const room = RING_BYTES - (used % RING_BYTES);
      // A chunk lies in one piece: if it does not fit at the end of the ring, it goes to the beginning.
      const start = length <= room ? used : used + room;
      used = start + length;
      if (newest - oldest === CHUNKS_MAX) oldest++;
      while (oldest < newest && starts[oldest & (CHUNKS_MAX - 1)]! < used - RING_BYTES) oldest++;
      const at = newest & (CHUNKS_MAX - 1);
      ring.set(length === bytes.length ? bytes : bytes.subarray(bytes.length - length), start % RING_BYTES);
      conversations[at] = conversation;
      sides[at] = from;
      positions[at] = position + bytes.length - length;
      lengths[at] = length;
      starts[at] = start;
      newest++;
    },
    compare(conversation, from, came, position, difference) {
      const end = position + came.length;
      // The chunks of a side do not overlap, so the search ends when all bytes were found.
      let left = came.length;
      for (let i = newest - 1; i >= oldest && left > 0; i--) {
        const at = i & (CHUNKS_MAX - 1);
        if (conversations[at] !== conversation || sides[at] !== from) continue;
        const first = positions[at]!;
        const start = Math.max(position, first);
        const count = Math.min(end, first + lengths[at]!) - start;
        if (count <= 0) continue;
        const kept = (starts[at]! % RING_BYTES) + start - first;
        compareBytes(ring, kept, came, start - position, count, start, difference);
        left -= count;
      }
    },
  };
}
