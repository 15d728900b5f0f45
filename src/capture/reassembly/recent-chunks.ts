/**
 * Copies of the chunks handed on last, of all conversations together, so that a retransmission with other bytes is
 * noticed shortly after, too.
 *
 * ```text
 *  ring   |....[ chunk ][ chunk ][ chunk ]      [ chunk ]|      1 MiB, and 1,024 chunks
 *               newest                           oldest
 * ```
 *
 * Copied, because a view would keep the block of the file alive that it is of, and the block may be read into again.
 */

import type { Conversation, Side, StreamChunk } from '../stream-event.ts';
import { compareBytes, type Difference } from './byte-difference.ts';

/** Chunks that are kept; a power of two. */
const CHUNKS_MAX = 1_024;
/** Bytes that are kept. */
const RING_BYTES = 1024 * 1024;
/** Bytes kept of one chunk, the last ones. */
const CHUNK_BYTES_MAX = RING_BYTES / 8;

export interface RecentChunks {
  push(chunk: StreamChunk): void;
  /** Compares bytes that were handed on with those that came now, as far as they are still kept. */
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
  /** Where the bytes of each begin, counted on from round to round of the ring. */
  const starts = new Float64Array(CHUNKS_MAX);
  /** Counts of all chunks: those from `oldest` to below `newest` are kept. */
  let oldest = 0;
  let newest = 0;
  /** Bytes of ring that were ever used. */
  let used = 0;

  return {
    push({ conversation, from, position, bytes }) {
      const length = Math.min(bytes.length, CHUNK_BYTES_MAX);
      const room = RING_BYTES - (used % RING_BYTES);
      // In one piece: what does not fit at the end of the ring is at its beginning.
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
      // The chunks of a side do not overlap, so when as many bytes were found as came, there are no more to find.
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
