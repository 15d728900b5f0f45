/**
 * Splits chunks into pieces, and hands on one piece at a time.
 *
 * The frame reader parses a whole piece at once, and a parsed header costs many times its bytes. A chunk may be
 * megabytes long. So the frames of a whole chunk must never be alive at once while a request is deferred or the
 * credit is used up. The rest of a chunk waits here, as the bytes that it came in. The queue is bounded by the
 * connection: at most one chunk comes after `pause`.
 */
import { createFifo } from '../base/fifo.ts';

/** The most bytes of a piece. Bodies are written well in pieces of this size. */
export const PIECE_BYTES_MAX = 64 * 1024;
/** The size of a piece that is full of requests. */
const PIECE_BYTES_MIN = 1024;
/** The size of the first piece: it is not known yet what the peer sends. */
const PIECE_BYTES_FIRST = 4 * PIECE_BYTES_MIN;
/**
 * The number of requests in a piece above which the next piece is smaller, and the number up to which it may be
 * larger.
 */
const [REQUESTS_MANY, REQUESTS_FEW] = [64, 16];

export interface ChunkSplitter {
  readonly chunk: (bytes: Uint8Array) => void;
  /** Queues work behind the chunks that came before it. */
  readonly enqueue: (work: () => void) => void;
  /** The next item: a piece, some work that was queued behind the chunks, or nothing. */
  readonly next: () => 'piece' | 'work' | null;
  /** Handles the next item, a piece of at most `bytesMax` bytes. It must be called only when there is an item. */
  readonly step: (bytesMax: number) => void;
}

/** @param readPiece reads a piece, and returns the number of requests in it. */
export function createChunkSplitter(readPiece: (bytes: Uint8Array) => number): ChunkSplitter {
  const queue = createFifo<Uint8Array | (() => void)>();
  /** The first item of the queue, or the rest of it. */
  let first: Uint8Array | (() => void) | undefined;
  let size = PIECE_BYTES_FIRST;

  function add(it: Uint8Array | (() => void)): void {
    if (first === undefined) first = it;
    else queue.push(it);
  }

  return {
    chunk: add,
    enqueue: add,
    next: () => (first === undefined ? null : first instanceof Uint8Array ? 'piece' : 'work'),
    step: (bytesMax) => {
      const now = first!;
      if (!(now instanceof Uint8Array)) {
        first = queue.shift();
        return now();
      }
      const piece = now.subarray(0, Math.min(size, bytesMax));
      first = piece.length < now.length ? now.subarray(piece.length) : queue.shift();
      const requests = readPiece(piece);
      if (requests > REQUESTS_MANY) size = Math.max(PIECE_BYTES_MIN, size / 4);
      else if (requests <= REQUESTS_FEW) size = Math.min(PIECE_BYTES_MAX, size * 4);
    },
  };
}

/**
 * The least bytes of a body that are kept where they were received. Fewer bytes are copied when two things are true:
 * most of the memory around them may belong to something else, which costs nothing, and the connection holds some
 * memory like that already. Else a body of one byte would keep everything in memory that came around it. A file that
 * is stored at once is never copied.
 */
const KEPT_BYTES_MIN: number = 32 * 1024;
/** Whether so few bytes of a body are copied rather than kept where they were received. */
export const isSmallPart = (bytes: Uint8Array): boolean =>
  bytes.length < KEPT_BYTES_MIN && bytes.length * 2 < bytes.buffer.byteLength;
