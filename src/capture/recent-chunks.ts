/**
 * The chunks handed on last, of all conversations together, so that a retransmission with other bytes is noticed
 * shortly after, too.
 *
 * A ring of so many chunks, kept by reference. Each of them keeps the block of the file alive that it is a view of;
 * those that lie further back in the file than `REACH` are dropped, so that few blocks are. Without that, chunks that
 * are far apart (among much other traffic) would keep a block each.
 */
import { compareBytes, type Difference } from './byte-difference.ts';
import type { Conversation, Side, StreamChunk } from './stream-event.ts';

/** Chunks that are kept; a power of two. */
const CHUNKS = 1_024;
/** Bytes of the file, from the packet of the oldest chunk to that of the newest. */
const REACH = 16 * 1024 * 1024;

export interface RecentChunks {
  /** Keeps a chunk; `at` is the offset of its packet in the file. */
  push(chunk: StreamChunk, at: number): void;
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
  const chunks = new Array<StreamChunk | null>(CHUNKS).fill(null);
  const places = new Float64Array(CHUNKS);
  /** Counts of all chunks: those from `oldest` to below `newest` are kept. */
  let oldest = 0;
  let newest = 0;
  return {
    push(chunk, at) {
      if (newest - oldest === CHUNKS) oldest++;
      while (oldest < newest && at - places[oldest & (CHUNKS - 1)]! > REACH) {
        chunks[oldest & (CHUNKS - 1)] = null;
        oldest++;
      }
      chunks[newest & (CHUNKS - 1)] = chunk;
      places[newest & (CHUNKS - 1)] = at;
      newest++;
    },
    compare(conversation, from, came, position, difference) {
      const end = position + came.length;
      // The chunks of a side do not overlap, so when as many bytes were found as came, there are no more to find.
      let left = came.length;
      for (let i = newest - 1; i >= oldest && left > 0; i--) {
        const chunk = chunks[i & (CHUNKS - 1)]!;
        if (chunk.conversation !== conversation || chunk.from !== from) continue;
        const start = Math.max(position, chunk.position);
        const count = Math.min(end, chunk.position + chunk.bytes.length) - start;
        if (count <= 0) continue;
        compareBytes(chunk.bytes, start - chunk.position, came, start - position, count, start, difference);
        left -= count;
      }
    },
  };
}
