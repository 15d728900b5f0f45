/**
 * The pieces of one IP packet. Where they overlap, the bytes that came first are the ones that count, and the others
 * are compared with them.
 */
import { compareBytes, type Difference } from '../reassembly/byte-difference.ts';

export interface Piece {
  readonly start: number;
  readonly end: number;
  /** Of the bytes from `start` to `end` those that were captured: fewer when the piece was cut. */
  readonly bytes: Uint8Array;
}

export interface Pieces {
  /** In order, and none overlaps another. */
  list: Piece[];
  /** Bytes in all pieces. */
  received: number;
  /** How many there are in the whole packet: known when its last piece has come. */
  total: number | null;
}

/**
 * Adds a piece: of its bytes, those that no other brought.
 *
 * @param more whether it is not the last one.
 * @param difference is widened to where its bytes are others than those that were there.
 * @returns false, and nothing is added, when it contradicts the others in where the packet ends.
 */
export function put(pieces: Pieces, piece: Piece, more: boolean, difference: Difference): boolean {
  const { list, total } = pieces;
  const furthest = list.at(-1)?.end ?? 0;
  if (total !== null && (more ? piece.end > total : piece.end !== total)) return false;
  if (!more && furthest > piece.end) return false;
  if (!more) pieces.total = piece.end;
  if (piece.start >= furthest) {
    list.push(piece);
    pieces.received += piece.end - piece.start;
  } else fillHoles(pieces, piece, difference);
  return true;
}

/** Puts what a piece has into the holes between the others, and behind the last. */
function fillHoles(pieces: Pieces, piece: Piece, difference: Difference): void {
  const { list } = pieces;
  let i = indexOf(list, piece.start);
  for (let from = piece.start; from < piece.end; i++) {
    const other = list[i];
    const to = other === undefined ? piece.end : Math.min(other.start, piece.end);
    if (from < to) {
      const bytes = piece.bytes.subarray(from - piece.start, to - piece.start);
      list.splice(i, 0, { start: from, end: to, bytes });
      pieces.received += to - from;
      from = to;
    } else {
      compare(other!, piece, from, difference);
      from = other!.end;
    }
  }
}

/** Compares what two pieces have from a place on, as far as both were captured. */
function compare(kept: Piece, came: Piece, from: number, difference: Difference): void {
  const to = Math.min(kept.start + kept.bytes.length, came.start + came.bytes.length);
  if (from >= to) return;
  compareBytes(kept.bytes, from - kept.start, came.bytes, from - came.start, to - from, from, difference);
}

/** The first that reaches beyond a place: a packet may be in thousands of pieces, and come backwards. */
function indexOf(list: readonly Piece[], place: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (list[middle]!.end <= place) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** What all pieces carried, when none is missing: up to the first byte that was not captured. */
export function together({ list, received }: Pieces): Uint8Array {
  const bytes = new Uint8Array(received);
  for (const piece of list) {
    bytes.set(piece.bytes, piece.start);
    const captured = piece.start + piece.bytes.length;
    if (captured < piece.end) return bytes.subarray(0, captured);
  }
  return bytes;
}
