/**
 * Holes in one direction: when the reassembly gives one up, and the gap it becomes.
 *
 * ```text
 *   a hole becomes a gap when   too much waits behind it                               limit, or lost if acknowledged
 *                               the peer has acknowledged it, and it has expired       lost
 *                               the conversation closes                                lost
 *                               … where the snap length cut it off                     snapped, in any of these cases
 * ```
 *
 * The sender does not retransmit bytes that the peer has acknowledged. So their packet is missing in the recording, or
 * comes later in the file, because packets of one moment were written in another order. For the second case the hole
 * expires late: after 1,024 packets of the conversation, or after 64 packets and 30 seconds. When the bytes are known
 * to be cut off by the snap length, 64 packets are enough.
 */
import type { GapReason } from '../stream-event.ts';
import { advance, drain, type SharedState } from './deliver.ts';
import { type Direction, type Emit, holdsBytes } from './tcp-conversation.ts';

const HOLE_PACKETS_MAX = 1_024;
const HOLE_PACKETS_MIN = 64;
export const HOLE_TIMEOUT_NS = 30_000_000_000n;

/** Where the first hole ends, as far as known; infinite when there is no hole. */
function holeEnd({ held, snapped, finAt }: Direction): number {
  const first = held[0];
  if (first !== undefined) return first.position;
  return finAt < Number.POSITIVE_INFINITY ? finAt : (snapped.at(-1)?.end ?? Number.POSITIVE_INFINITY);
}

/** Gives up the first hole, and delivers the bytes that wait behind it. */
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

/** Makes gaps of everything up to a position, before which nothing is held, and delivers the bytes that wait there. */
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

/** Gives up the first hole if the peer has acknowledged it and it has expired: see the table above. */
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
 * Delivers or gives up everything, because no more segments come: up to the FIN, or as far as the side's own numbers or
 * its peer's acknowledgements reach. The last number may be that of a FIN that was not recorded, so it alone makes no
 * gap.
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
