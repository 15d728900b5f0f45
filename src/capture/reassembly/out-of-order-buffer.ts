/**
 * Bytes that wait behind a hole: sorted and without overlaps. The first copy of a byte wins.
 *
 * ```text
 *  held       ....aaaa......bbbb....        a and b were here first
 *  came         cccccccccccccccccc
 *  then       ..ccaaaaccccccbbbbcc..        c's copies of a and b are compared, and dropped
 * ```
 */

import type { Segment } from '../segment.ts';
import { TCP_ACK } from '../segment.ts';
import { compareBytes, type Difference } from './byte-difference.ts';
import type { HeldCopies } from './held-copies.ts';
import type { OldestFirst } from './oldest-first.ts';
import { type Direction, type HeldBytes, holdsBytes, NONE } from './tcp-conversation.ts';

/** Approximate memory of a held segment besides its bytes: its objects. */
export const HELD_COST_BYTES = 256;

/** Up to this many elements are shifted off an array one by one: an engine need not move the others for that. */
const SHIFT_COUNT_MAX = 8;

/** Totals of the held bytes over all conversations. */
export interface HeldTotals {
  /** Bytes held, and `HELD_COST_BYTES` for each segment or snapped range. */
  cost: number;
  /** The directions that hold something, the oldest hole first. */
  readonly holders: OldestFirst<Direction>;
  readonly copies: HeldCopies;
}

/**
 * Holds the bytes of a segment from position `from` to below `stop`, except those that are held already.
 *
 * @param position the position of the first byte of its payload.
 * @returns whether some of them were held already.
 */
export function holdBytes(
  direction: Direction,
  segment: Segment,
  position: number,
  from: number,
  stop: number,
  difference: Difference,
  heldTotals: HeldTotals,
): boolean {
  let { held } = direction;
  const { payload } = segment;
  let overlapped = false;
  let i = indexOf(held, from);
  for (let at = from; at < stop; i++) {
    const other = held[i];
    const free = other === undefined ? stop : Math.min(stop, other.position);
    if (at < free) {
      // A copy: a view keeps all of its block of the file alive, and the block may be read into again.
      const { bytes, slab } = heldTotals.copies.copy(payload.subarray(at - position, free - position));
      held = direction.ownHeld();
      held.splice(i, 0, {
        position: at,
        bytes,
        slab,
        packet: segment.packet.number,
        capturedAt: segment.packet.time,
        ack: segment.flags & TCP_ACK ? segment.ack : NONE,
      });
      direction.heldBytes += bytes.length;
      heldTotals.cost += bytes.length + HELD_COST_BYTES;
      at = free;
    } else {
      const both = Math.min(stop, other!.position + other!.bytes.length);
      compareBytes(other!.bytes, at - other!.position, payload, at - position, both - at, at, difference);
      overlapped = true;
      at = both;
    }
  }
  if (holdsBytes(direction)) heldTotals.holders.add(direction);
  return overlapped;
}

/** The index of the first held range that reaches beyond a position. */
function indexOf(held: readonly HeldBytes[], position: number): number {
  let low = 0;
  let high = held.length;
  // New bytes mostly belong at the end.
  if (high > 0 && endOf(held[high - 1]!) <= position) return high;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (endOf(held[middle]!) <= position) low = middle + 1;
    else high = middle;
  }
  return low;
}

export const endOf = (held: HeldBytes): number => held.position + held.bytes.length;

/** Notes that no byte of a range was captured. */
export function noteSnapped(direction: Direction, start: number, end: number, heldTotals: HeldTotals): void {
  const snapped = direction.ownSnapped();
  let i = snapped.length;
  while (i > 0 && snapped[i - 1]!.end >= start) i--;
  let k = i;
  const range = { start, end };
  for (; k < snapped.length && snapped[k]!.start <= end; k++) {
    range.start = Math.min(range.start, snapped[k]!.start);
    range.end = Math.max(range.end, snapped[k]!.end);
  }
  heldTotals.cost += (1 - (k - i)) * HELD_COST_BYTES;
  snapped.splice(i, k - i, range);
  heldTotals.holders.add(direction);
}

/** Drops the first `count` held ranges, which were delivered, and the snapped ranges below a position. */
export function dropFirst(
  direction: Direction,
  count: number,
  position: number,
  heldTotals: HeldTotals,
): void {
  const { held, snapped } = direction;
  if (count === 0 && snapped.length === 0) return;
  for (let i = 0; i < count; i++) subtract(direction, held[i]!, heldTotals);
  removeFirst(held, count);
  let ranges = 0;
  while (ranges < snapped.length && snapped[ranges]!.end <= position) ranges++;
  heldTotals.cost -= ranges * HELD_COST_BYTES;
  removeFirst(snapped, ranges);
  // Another hole is the first now, and it is younger than those of the other directions.
  heldTotals.holders.delete(direction);
  if (holdsBytes(direction)) heldTotals.holders.add(direction);
}

/** Removes the first elements. A filled hole mostly frees one, and shifting it does not move the others. */
function removeFirst(from: unknown[], count: number): void {
  if (count > SHIFT_COUNT_MAX) from.splice(0, count);
  else for (let i = 0; i < count; i++) from.shift();
}

/** Drops what is held from a position on, since no bytes can follow a FIN. */
export function dropFrom(direction: Direction, position: number, heldTotals: HeldTotals): void {
  const { held, snapped } = direction;
  while (held.length > 0 && held.at(-1)!.position >= position) subtract(direction, held.pop()!, heldTotals);
  const last = held.at(-1);
  if (last !== undefined && endOf(last) > position) {
    const excess = endOf(last) - position;
    last.bytes = last.bytes.subarray(0, last.bytes.length - excess);
    direction.heldBytes -= excess;
    heldTotals.cost -= excess;
  }
  while (snapped.length > 0 && snapped.at(-1)!.start >= position) {
    snapped.pop();
    heldTotals.cost -= HELD_COST_BYTES;
  }
  const range = snapped.at(-1);
  if (range !== undefined) range.end = Math.min(range.end, position);
  if (!holdsBytes(direction)) heldTotals.holders.delete(direction);
}

/** Moves all held ranges to a new position 0, and drops the bytes below it. */
export function rebase(direction: Direction, zero: number, heldTotals: HeldTotals): void {
  const { held, snapped } = direction;
  for (const each of held) each.position -= zero;
  for (const each of snapped) {
    each.start -= zero;
    each.end -= zero;
  }
  while (held.length > 0 && held[0]!.position < 0) {
    const first = held[0]!;
    const below = Math.min(first.bytes.length, -first.position);
    if (below === first.bytes.length) {
      subtract(direction, first, heldTotals);
      held.shift();
    } else {
      first.bytes = first.bytes.subarray(below);
      first.position = 0;
      direction.heldBytes -= below;
      heldTotals.cost -= below;
    }
  }
  dropFirst(direction, 0, 0, heldTotals);
  if (!holdsBytes(direction)) heldTotals.holders.delete(direction);
}

function subtract(direction: Direction, held: HeldBytes, heldTotals: HeldTotals): void {
  direction.heldBytes -= held.bytes.length;
  heldTotals.cost -= held.bytes.length + HELD_COST_BYTES;
  heldTotals.copies.free(held.slab);
}
