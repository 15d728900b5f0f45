/**
 * What was handed on lately, so that bytes that come again can be compared.
 *
 * Held are the last 4 MiB, or 4,096 chunks, of the whole capture: views of its last few blocks, which are in memory
 * anyway, however many conversations there are.
 */
import type { StreamChunk } from './stream-event.ts';

const MOST_BYTES = 4 * 1024 * 1024;
const MOST_CHUNKS = 4096;

/** Of one side, in order: the first `gone` of them are no longer kept. */
export interface RecentOfSide {
  chunks: StreamChunk[];
  gone: number;
}

export const noneRecent = (): RecentOfSide => ({ chunks: [], gone: 0 });

export interface Recent {
  add(side: RecentOfSide, chunk: StreamChunk): void;
}

export function createRecent(): Recent {
  /** A ring. */
  const sides: (RecentOfSide | null)[] = new Array(MOST_CHUNKS).fill(null);
  const lengths = new Int32Array(MOST_CHUNKS);
  let first = 0;
  let count = 0;
  let bytes = 0;

  function drop(): void {
    const side = sides[first]!;
    bytes -= lengths[first]!;
    sides[first] = null;
    first = (first + 1) % MOST_CHUNKS;
    count--;
    side.gone++;
    // Now and then, so that each chunk is moved once at the most.
    if (side.gone * 2 > side.chunks.length) {
      side.chunks = side.chunks.slice(side.gone);
      side.gone = 0;
    }
  }

  return {
    add(side, chunk) {
      while (count > 0 && (count === MOST_CHUNKS || bytes + chunk.bytes.length > MOST_BYTES)) drop();
      const at = (first + count) % MOST_CHUNKS;
      sides[at] = side;
      lengths[at] = chunk.bytes.length;
      side.chunks.push(chunk);
      count++;
      bytes += chunk.bytes.length;
    },
  };
}
