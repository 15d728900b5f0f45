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
import { type Direction, type Held, holds, NONE } from './tcp-conversation.ts';

/** What a held segment costs beyond its bytes, about: its objects. */
export const COST = 256;

/** Up to so many are taken from the front of an array one by one: an engine need not move the others for that. */
const FEW = 8;

/** What is held over all conversations. */
export interface Holdings {
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
export function hold(
  direction: Direction,
  segment: Segment,
  position: number,
  from: number,
  stop: number,
  difference: Difference,
  holdings: Holdings,
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
      holdings.cost += bytes.length + COST;
      at = free;
    } else {
      const both = Math.min(stop, other!.position + other!.bytes.length);
      compareBytes(other!.bytes, at - other!.position, payload, at - position, both - at, at, difference);
      overlapped = true;
      at = both;
    }
  }
  if (holds(direction)) holdings.holders.add(direction);
  return overlapped;
}

/** The first that reaches beyond a position. */
function indexOf(held: readonly Held[], position: number): number {
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

export const endOf = (held: Held): number => held.position + held.bytes.length;

/** Notes that no byte of a range was captured. */
export function noteSnapped(direction: Direction, start: number, end: number, holdings: Holdings): void {
  const { snapped } = direction;
  let i = snapped.length;
  while (i > 0 && snapped[i - 1]!.end >= start) i--;
  let k = i;
  const range = { start, end };
  for (; k < snapped.length && snapped[k]!.start <= end; k++) {
    range.start = Math.min(range.start, snapped[k]!.start);
    range.end = Math.max(range.end, snapped[k]!.end);
  }
  holdings.cost += (1 - (k - i)) * COST;
  snapped.splice(i, k - i, range);
  holdings.holders.add(direction);
}

/** Drops the first `count` held, which were handed on, and the snapped ranges below a position. */
export function dropFirst(direction: Direction, count: number, position: number, holdings: Holdings): void {
  const { held, snapped } = direction;
  if (count === 0 && snapped.length === 0) return;
  for (let i = 0; i < count; i++) forget(direction, held[i]!, holdings);
  removeFirst(held, count);
  let ranges = 0;
  while (ranges < snapped.length && snapped[ranges]!.end <= position) ranges++;
  holdings.cost -= ranges * COST;
  removeFirst(snapped, ranges);
  // Another hole is the first now, and younger than those of others.
  holdings.holders.delete(direction);
  if (holds(direction)) holdings.holders.add(direction);
}

/** Without moving all others for the sake of a few: what a hole gives free is mostly one. */
function removeFirst(from: unknown[], count: number): void {
  if (count > FEW) from.splice(0, count);
  else for (let i = 0; i < count; i++) from.shift();
}

/** Drops what is held from a position on: nothing can be sent behind a FIN. */
export function dropFrom(direction: Direction, position: number, holdings: Holdings): void {
  const { held, snapped } = direction;
  while (held.length > 0 && held.at(-1)!.position >= position) forget(direction, held.pop()!, holdings);
  const last = held.at(-1);
  if (last !== undefined && endOf(last) > position) {
    const excess = endOf(last) - position;
    last.bytes = last.bytes.subarray(0, last.bytes.length - excess);
    direction.heldBytes -= excess;
    holdings.cost -= excess;
  }
  while (snapped.length > 0 && snapped.at(-1)!.start >= position) {
    snapped.pop();
    holdings.cost -= COST;
  }
  const range = snapped.at(-1);
  if (range !== undefined) range.end = Math.min(range.end, position);
  if (!holds(direction)) holdings.holders.delete(direction);
}

/** Gives all held their positions from a new position 0 on; what is below it is dropped. */
export function rebase(direction: Direction, zero: number, holdings: Holdings): void {
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
      forget(direction, first, holdings);
      held.shift();
    } else {
      first.bytes = first.bytes.subarray(below);
      first.position = 0;
      direction.heldBytes -= below;
      holdings.cost -= below;
    }
  }
  dropFirst(direction, 0, 0, holdings);
}

function forget(direction: Direction, held: Held, holdings: Holdings): void {
  direction.heldBytes -= held.bytes.length;
  holdings.cost -= held.bytes.length + COST;
}
