/** The pieces of one IP packet. Where they overlap, the bytes that came first are the ones that count. */

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
 * @returns false, and nothing is added, when it contradicts the others in where the packet ends.
 */
export function put(pieces: Pieces, piece: Piece, more: boolean): boolean {
  const { list, total } = pieces;
  const furthest = list.at(-1)?.end ?? 0;
  if (total !== null && (more ? piece.end > total : piece.end !== total)) return false;
  if (!more && furthest > piece.end) return false;
  if (!more) pieces.total = piece.end;
  if (piece.start >= furthest) {
    list.push(piece);
    pieces.received += piece.end - piece.start;
  } else fillHoles(pieces, piece);
  return true;
}

/** Puts what a piece has into the holes between the others, and behind the last. */
function fillHoles(pieces: Pieces, piece: Piece): void {
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
    } else from = other!.end;
  }
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
