/** Compares two copies of the same bytes of a stream, and notes where they differ. */

/** The positions of the first and the last byte that differ; `first` is -1 while none does. */
export interface Difference {
  first: number;
  last: number;
}

/**
 * Up to this many bytes, a loop is faster than the views that a native comparison needs. A browser has no such comparison,
 * so there the loop does it all.
 */
const LOOP_BYTES_MAX = 24;

/**
 * Compares `count` bytes of `kept` from `keptAt` on with as many of `came` from `cameAt` on, the first of which is at
 * `position` in the stream, and widens the difference to what differs.
 */
export function compareBytes(
  kept: Uint8Array,
  keptAt: number,
  came: Uint8Array,
  cameAt: number,
  count: number,
  position: number,
  difference: Difference,
): void {
  if (count > LOOP_BYTES_MAX && typeof Buffer !== 'undefined') {
    const one = kept.subarray(keptAt, keptAt + count);
    const other = came.subarray(cameAt, cameAt + count);
    if (Buffer.compare(one, other) === 0) return;
  }
  for (let i = 0; i < count; i++) {
    if (kept[keptAt + i] !== came[cameAt + i]) widen(difference, position + i);
  }
}

function widen(difference: Difference, position: number): void {
  if (difference.first === -1) {
    difference.first = position;
    difference.last = position;
  } else if (position < difference.first) difference.first = position;
  else if (position > difference.last) difference.last = position;
}
