/**
 * Chunks, handed on in pieces, and no further than what comes of them can be dealt with.
 *
 * What is taken off a chunk is parsed at once, and a parsed header is many times its bytes. A chunk may be megabytes,
 * so all of its frames must never be alive at once while a request is parked or the credit is used up: what is left of
 * the chunk waits here, as the bytes it came in. Bounded by the connection: at most one chunk comes after `pause`.
 */
import { createFifo } from '../base/fifo.ts';

/** Bytes of a piece at the most. Bodies are worth writing in such pieces. */
export const PIECE_BYTES_MAX = 64 * 1024;
/** Bytes of a piece that is full of requests. */
const PIECE_BYTES_MIN = 1024;
/** Bytes of the first piece: nobody knows yet what it is full of. */
const PIECE_BYTES_FIRST = 4 * PIECE_BYTES_MIN;
/** Requests in a piece above which the next one is smaller, and below which it may be larger. */
const [REQUESTS_MANY, REQUESTS_FEW] = [64, 16];

export interface ChunkSplitter {
  readonly chunk: (bytes: Uint8Array) => void;
  /** Something that has its place behind the chunks before it. */
  readonly enqueue: (work: () => void) => void;
  /** What is next: a piece to be taken, something behind the chunks that is due, or nothing. */
  readonly next: () => 'piece' | 'work' | null;
  /** Takes what is next, a piece of at most so many bytes. To be called only when there is something. */
  readonly step: (bytesMax: number) => void;
}

/** @param readPiece takes a piece, and answers how many requests were in it. */
export function createChunkSplitter(readPiece: (bytes: Uint8Array) => number): ChunkSplitter {
  const queue = createFifo<Uint8Array | (() => void)>();
  /** The first of all that is there, or what is left of it. */
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
