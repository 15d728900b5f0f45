/**
 * Bytes that wait behind a hole: sorted, without overlaps, the first to come win.
 *
 * ```text
 *  held       ....aaaa......bbbb....        a and b were here first
 *  came         cccccccccccccccccc
 *  then       ..ccaaaaccccccbbbbcc..        what c says of theirs is compared, and dropped
 * ```
 */

import type { Segment } from '../segment.ts';
import { TCP_ACK } from '../segment.ts';
import { compareBytes, type Difference } from './byte-difference.ts';
import type { OldestFirst } from './oldest-first.ts';
import { type Direction, type HeldBytes, holdsBytes, NONE } from './tcp-conversation.ts';

/** What a held segment costs beyond its bytes, about: its objects. */
export const HELD_COST_BYTES = 256;

/** Up to so many are taken from the front of an array one by one: an engine need not move the others for that. */
const SHIFT_COUNT_MAX = 8;

/** What is held over all conversations. */
export interface HeldTotals {
  /** Bytes held, and `COST` for each segment or snapped range. */
  cost: number;
  /** Who holds something, the oldest hole first. */
  readonly holders: OldestFirst<Direction>;
}

/**
 * Holds the bytes of a segment from position `from` to below `stop`, as far as they are not held.
 *
 * @param position the position of the first byte of its payload.
 * @returns whether some of them were held before.
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
  const { held } = direction;
  const { payload } = segment;
  let overlapped = false;
  let i = indexOf(held, from);
  for (let at = from; at < stop; i++) {
    const other = held[i];
    const free = other === undefined ? stop : Math.min(stop, other.position);
    if (at < free) {
      // A copy: a view keeps all of its block of the file alive, and the block may be read into again.
      const bytes = new Uint8Array(payload.subarray(at - position, free - position));
      held.splice(i, 0, {
        position: at,
        bytes,
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

/** The first that reaches beyond a position. */
function indexOf(held: readonly HeldBytes[], position: number): number {
  let low = 0;
  let high = held.length;
  // What comes mostly belongs at the end.
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
  const { snapped } = direction;
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

/** Drops the first `count` held, which were handed on, and the snapped ranges below a position. */
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
  // Another hole is the first now, and younger than those of others.
  heldTotals.holders.delete(direction);
  if (holdsBytes(direction)) heldTotals.holders.add(direction);
}

/** Without moving all others for the sake of a few: what a hole gives free is mostly one. */
function removeFirst(from: unknown[], count: number): void {
  if (count > SHIFT_COUNT_MAX) from.splice(0, count);
  else for (let i = 0; i < count; i++) from.shift();
}

/** Drops what is held from a position on: nothing can be sent behind a FIN. */
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

/** Gives all held their positions from a new position 0 on; what is below it is dropped. */
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
}

function subtract(direction: Direction, held: HeldBytes, heldTotals: HeldTotals): void {
  direction.heldBytes -= held.bytes.length;
  heldTotals.cost -= held.bytes.length + HELD_COST_BYTES;
}
