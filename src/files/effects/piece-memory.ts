/**
 * Memory that the pieces of files are read into, which is used again once a piece is sent.
 *
 * New memory for a piece costs as much as to read it: the system finds its pages and clears them, and the garbage
 * collector is called for more often. So a file takes memory that another piece has left, of any file. What is in use
 * is lent by the credit of its connection (see `send-task`); of what is not in use, at most `SPARES_MAX` pieces of each
 * length are kept.
 */

/** The most bytes of a piece. Larger ones were no faster: a piece should still be in the cache when it is sent. */
export const PIECE_BYTES: number = 512 * 1024;
/** Shorter pieces lie together in memory that Node hands out. */
const USED_BYTES_MIN = 4 * 1024;
const SPARES_MAX = 8;

/**
 * Memory by its length: powers of two, of which a piece takes the least that has room for it. So the memory is less than
 * twice what the credit counts.
 */
const spares = new Map<number, Uint8Array[]>();
for (let length = USED_BYTES_MIN; length <= PIECE_BYTES; length *= 2) spares.set(length, []);

/** Bytes that are kept for the next pieces, at the most. */
export const SPARE_PIECES_BYTES_MAX: number =
  SPARES_MAX * [...spares.keys()].reduce((sum, length) => sum + length);

/** Memory for a piece of up to so many bytes; undefined for one that is too short, or too long, to use it. */
export function acquirePiece(bytes: number): Uint8Array | undefined {
  if (bytes < USED_BYTES_MIN || bytes > PIECE_BYTES) return undefined;
  const length = 2 ** Math.ceil(Math.log2(bytes));
  return spares.get(length)?.pop() ?? new Uint8Array(length);
}

/** Lets other pieces have the memory. To be called only when nobody reads it or writes to it any more. */
export function releasePiece(memory: Uint8Array | undefined): void {
  const others = memory === undefined ? undefined : spares.get(memory.length);
  if (others !== undefined && others.length < SPARES_MAX) others.push(memory!);
}
