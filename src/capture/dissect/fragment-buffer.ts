/**
 * The fragments of one IP packet. Where they overlap, the bytes that came first count, and the others are compared with
 * them.
 */
import { compareBytes, type Difference } from '../reassembly/byte-difference.ts';

export interface Fragment {
  readonly start: number;
  readonly end: number;
  /** Of the bytes from `start` to `end` those that were captured: fewer when the snap length cut the fragment. */
  readonly bytes: Uint8Array;
}

export interface FragmentBuffer {
  /** In order, and none overlaps another. */
  list: Fragment[];
  /** Bytes in all fragments. */
  received: number;
  /** How many there are in the whole packet: known when its last fragment has come. */
  total: number | null;
}

/**
 * Adds a fragment: of its bytes, those that no other brought.
 *
 * @param more whether it is not the last one.
 * @param difference is widened to where its bytes are others than those that were there.
 * @returns false, and nothing is added, when it contradicts the others in where the packet ends.
 */
export function addFragment(
  buffer: FragmentBuffer,
  fragment: Fragment,
  more: boolean,
  difference: Difference,
): boolean {
  const { list, total } = buffer;
  const highest = list.at(-1)?.end ?? 0;
  if (total !== null && (more ? fragment.end > total : fragment.end !== total)) return false;
  if (!more && highest > fragment.end) return false;
  if (!more) buffer.total = fragment.end;
  if (fragment.start >= highest) {
    list.push(fragment);
    buffer.received += fragment.end - fragment.start;
  } else fillHoles(buffer, fragment, difference);
  return true;
}

/** Puts the bytes of a fragment into the holes between the others, and behind the last. */
function fillHoles(buffer: FragmentBuffer, fragment: Fragment, difference: Difference): void {
  const { list } = buffer;
  let i = indexOf(list, fragment.start);
  for (let from = fragment.start; from < fragment.end; i++) {
    const other = list[i];
    const to = other === undefined ? fragment.end : Math.min(other.start, fragment.end);
    if (from < to) {
      const bytes = fragment.bytes.subarray(from - fragment.start, to - fragment.start);
      list.splice(i, 0, { start: from, end: to, bytes });
      buffer.received += to - from;
      from = to;
    } else {
      compare(other!, fragment, from, difference);
      from = other!.end;
    }
  }
}

/** Compares two fragments from an offset on, as far as both were captured. */
function compare(kept: Fragment, came: Fragment, from: number, difference: Difference): void {
  const to = Math.min(kept.start + kept.bytes.length, came.start + came.bytes.length);
  if (from >= to) return;
  compareBytes(kept.bytes, from - kept.start, came.bytes, from - came.start, to - from, from, difference);
}

/** The first fragment that reaches beyond an offset. A packet may have thousands, and they may come backwards. */
function indexOf(list: readonly Fragment[], place: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (list[middle]!.end <= place) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The bytes of all fragments, when none is missing: up to the first byte that was not captured. */
export function joinFragments({ list, received }: FragmentBuffer): Uint8Array {
  const bytes = new Uint8Array(received);
  for (const fragment of list) {
    bytes.set(fragment.bytes, fragment.start);
    const captured = fragment.start + fragment.bytes.length;
    if (captured < fragment.end) return bytes.subarray(0, captured);
  }
  return bytes;
}
