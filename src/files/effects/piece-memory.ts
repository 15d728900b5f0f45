/**
 * Memory that the pieces of files are read into, which is used again once a piece is sent.
 *
 * New memory for a piece costs as much as to read it: the system finds its pages and clears them. So a file takes memory
 * that another piece has left, of any file. What is in use is lent by the credit of its connection (see `send-task`);
 * of what is not in use, at most `SPARES_MAX` pieces are kept.
 */

/** The most bytes of a piece. Larger ones were no faster: a piece should still be in the cache when it is sent. */
export const PIECE_BYTES: number = 512 * 1024;
/** A piece of at least half as many bytes uses it: so the memory is at most twice what the credit counts. */
const USED_BYTES_MIN = PIECE_BYTES / 2;
const SPARES_MAX = 8;
/** Bytes that are kept for the next pieces, at the most. */
export const SPARE_PIECES_BYTES_MAX: number = SPARES_MAX * PIECE_BYTES;

const spares: Uint8Array[] = [];

/** Memory for a piece of up to so many bytes; undefined for one that is too short to use it. */
export function acquirePiece(bytes: number): Uint8Array | undefined {
  return bytes < USED_BYTES_MIN ? undefined : (spares.pop() ?? new Uint8Array(PIECE_BYTES));
}

/** Lets other pieces have the memory. To be called only when nobody reads it or writes to it any more. */
export function releasePiece(memory: Uint8Array | undefined): void {
  if (memory !== undefined && spares.length < SPARES_MAX) spares.push(memory);
}
