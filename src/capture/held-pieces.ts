/**
 * What came of one side behind a hole: pieces in order, none over another.
 *
 * ```text
 *  next              held
 *   |      hole     [ piece ][ piece ]   hole   [ piece ]
 * ```
 *
 * The bytes are copied, so that they keep no block of the file in memory. What bounds them is the reassembly's limits.
 */
import { Buffer } from 'node:buffer';

/** A piece of what a segment brought. */
export interface Piece {
  /** The offset of its first byte in the side. */
  readonly position: number;
  readonly bytes: Uint8Array;
  readonly capturedAt: bigint;
  readonly packet: number;
  /** The acknowledgement number of its segment; null when it had none. */
  readonly ack: number | null;
}

/** What was found of a segment that was there before. */
export interface Overlap {
  /** Whether any byte of it was. */
  any: boolean;
  /** The first byte that differed from what was there, and the one behind the last; both -1 when none did. */
  from: number;
  to: number;
}

export const noOverlap = (): Overlap => ({ any: false, from: -1, to: -1 });

/**
 * Adds what of a piece is not there yet, and notes in `overlap` what was.
 *
 * @returns how many bytes were added.
 */
export function insert(held: Piece[], piece: Piece, overlap: Overlap): number {
  let index = firstBehind(held, piece.position);
  let added = 0;
  let rest: Piece | null = piece;
  while (rest !== null) {
    const there: Piece | undefined = held[index];
    const end: number = rest.position + rest.bytes.length;
    if (there === undefined || there.position >= end) {
      held.splice(index, 0, copied(rest, 0, rest.bytes.length));
      return added + rest.bytes.length;
    }
    const before = there.position - rest.position;
    if (before > 0) {
      held.splice(index, 0, copied(rest, 0, before));
      added += before;
      index++;
    }
    compare(there, rest, overlap);
    const thereEnd: number = there.position + there.bytes.length;
    rest = thereEnd < end ? cut(rest, thereEnd - rest.position) : null;
    index++;
  }
  return added;
}

/** Notes where a piece lies over another one, and where the two differ. */
export function compare(
  there: Pick<Piece, 'position' | 'bytes'>,
  piece: Pick<Piece, 'position' | 'bytes'>,
  overlap: Overlap,
): void {
  const from = Math.max(there.position, piece.position);
  const to = Math.min(there.position + there.bytes.length, piece.position + piece.bytes.length);
  if (from >= to) return;
  overlap.any = true;
  const kept = there.bytes.subarray(from - there.position, to - there.position);
  const dropped = piece.bytes.subarray(from - piece.position, to - piece.position);
  if (Buffer.compare(kept, dropped) === 0) return;
  let first = 0;
  let last = kept.length - 1;
  while (kept[first] === dropped[first]) first++;
  while (kept[last] === dropped[last]) last--;
  overlap.from = overlap.from < 0 ? from + first : Math.min(overlap.from, from + first);
  overlap.to = Math.max(overlap.to, from + last + 1);
}

/** The index of the first piece that ends behind a position. */
function firstBehind(held: readonly Piece[], position: number): number {
  let low = 0;
  let high = held.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const { position: at, bytes } = held[middle]!;
    if (at + bytes.length <= position) low = middle + 1;
    else high = middle;
  }
  return low;
}

const copied = (piece: Piece, from: number, to: number): Piece => ({
  ...piece,
  position: piece.position + from,
  bytes: piece.bytes.slice(from, to),
});

/** What is left of a piece without its first bytes. */
export const cut = (piece: Piece, count: number): Piece => ({
  ...piece,
  position: piece.position + count,
  bytes: piece.bytes.subarray(count),
});
