/**
 * What is missing in one direction: when it is given up, and the gaps it becomes then.
 *
 * ```text
 *   a hole becomes a gap when   more waits behind it than may                          limit, or lost if acknowledged
 *                               the peer has acknowledged it, and long enough went by  lost
 *                               the conversation closes                                lost
 *                               … where the snap length cut it off                     snapped, in any of these cases
 * ```
 *
 * A hole that the peer has acknowledged will not be sent again, so its packet is missing in the recording, or comes
 * late in the file because packets of one moment were written in another order. For that a generous while is left:
 * 1,024 packets of the conversation, or 64 that take 30 seconds; 64 alone when the bytes are known to be cut off.
 */
import type { GapReason } from '../stream-event.ts';
import { advance, drain, type SharedState } from './deliver.ts';
import { type Direction, type Emit, holdsBytes } from './tcp-conversation.ts';

const HOLE_PACKETS_MAX = 1_024;
const HOLE_PACKETS_MIN = 64;
export const HOLE_TIMEOUT_NS = 30_000_000_000n;

/** Where the first hole ends, as far as is known; infinite when there is none. */
function holeEnd({ held, snapped, finAt }: Direction): number {
  const first = held[0];
  if (first !== undefined) return first.position;
  return finAt < Number.POSITIVE_INFINITY ? finAt : (snapped.at(-1)?.end ?? Number.POSITIVE_INFINITY);
}

/** Gives up the first hole, and hands on what waits behind it. */
export function giveUp(
  direction: Direction,
  reason: 'lost' | 'limit',
  shared: SharedState,
  emit: Emit,
): void {
  const to = holeEnd(direction);
  const why = reason === 'limit' && direction.acked >= to ? 'lost' : reason;
  skipTo(direction, to, why, shared, emit);
}

/** Makes gaps of all up to a position, before which nothing is held, and hands on what waits there. */
function skipTo(direction: Direction, to: number, reason: GapReason, shared: SharedState, emit: Emit): void {
  for (const { start, end } of direction.snapped) {
    if (start >= to) break;
    emitGap(direction, Math.min(start, to), reason, emit);
    emitGap(direction, Math.min(end, to), 'snapped', emit);
  }
  emitGap(direction, to, reason, emit);
  drain(direction, shared, emit);
}

function emitGap(direction: Direction, to: number, reason: GapReason, emit: Emit): void {
  const length = to - direction.next;
  if (length <= 0) return;
  const { next, side } = direction;
  const conversation = direction.tcp.conversation!;
  advance(direction, length);
  direction.missing += length;
  emit({ type: 'gap', conversation, from: side, position: next, length, reason });
}

export function enforceLimits(direction: Direction, shared: SharedState, emit: Emit): void {
  const { maxHeldBytes, maxHeldSegments } = shared.limits;
  while (
    direction.heldBytes > maxHeldBytes ||
    direction.held.length > maxHeldSegments ||
    direction.snapped.length > maxHeldSegments
  ) {
    giveUp(direction, 'limit', shared, emit);
  }
}

/** Gives up holes that the peer has acknowledged when enough has gone by since: see the table above. */
export function expireHole(direction: Direction, time: bigint, shared: SharedState, emit: Emit): void {
  const { tcp } = direction;
  if (!direction.started || !holdsBytes(direction) || direction.acked < holeEnd(direction)) return;
  if (direction.ackedHoleAt !== direction.next) {
    direction.ackedHoleAt = direction.next;
    direction.ackedHolePackets = tcp.packets;
    direction.ackedHoleTime = time;
    return;
  }
  const packets = tcp.packets - direction.ackedHolePackets;
  if (packets < HOLE_PACKETS_MIN) return;
  const [firstSnapped] = direction.snapped;
  const isSnapped =
    firstSnapped !== undefined &&
    firstSnapped.start <= direction.next &&
    firstSnapped.end >= holeEnd(direction);
  if (packets < HOLE_PACKETS_MAX && !isSnapped && time - direction.ackedHoleTime < HOLE_TIMEOUT_NS) return;
  giveUp(direction, 'lost', shared, emit);
}

/**
 * Hands on or gives up everything, because nothing more comes: up to the FIN, or as far as the side's own numbers or
 * its peer's acknowledgements reach. One number at the end may be that of a FIN that was not recorded: it alone does
 * not make a gap.
 *
 * @param reached a position that the side is known to have reached.
 */
export function giveUpAll(direction: Direction, reached: number, shared: SharedState, emit: Emit): void {
  if (!direction.started || direction.ended) return;
  while (holdsBytes(direction)) giveUp(direction, 'lost', shared, emit);
  if (direction.ended) return;
  const { finAt } = direction;
  const known = Math.max(direction.highest, direction.acked, reached);
  const to = finAt < Number.POSITIVE_INFINITY ? finAt : known - direction.next > 1 ? known : direction.next;
  skipTo(direction, to, 'lost', shared, emit);
}
