/**
 * Puts one direction's bytes in order: delivers them, or holds them.
 *
 * ```text
 *   position of a segment, relative to `next`, the position that is delivered next:
 *
 *   wholly below    a retransmission: compared with the recent chunks, and dropped
 *   at it           delivered, and with it what waited right behind
 *   above           held: there is a hole in front
 *   across it       each part as above
 * ```
 */

import { type Segment, TCP_ACK, TCP_FIN, TCP_SYN } from '../segment.ts';
import { compareBytes, type Difference } from './byte-difference.ts';
import { deliver, drain, type SharedState } from './deliver.ts';
import { enforceLimits } from './holes.ts';
import { dropFrom, holdBytes, noteSnapped, rebase } from './out-of-order-buffer.ts';
import { distance, seqPlus } from './sequence.ts';
import { type Direction, type Emit, NONE } from './tcp-conversation.ts';
import { sendLimit, WINDOW_BYTES_MAX } from './window.ts';

const NO_FIN = Number.POSITIVE_INFINITY;

/** Takes a segment's bytes and FIN. The direction must be anchored, and not ended. */
export function receive(direction: Direction, segment: Segment, shared: SharedState, emit: Emit): void {
  const { payload, length, flags, packet } = segment;
  const { started } = direction;
  const seq = flags & TCP_SYN ? seqPlus(segment.seq, 1) : segment.seq;
  const position = direction.next + distance(direction.nextSeq, seq);
  const end = position + length;
  const fin = (flags & TCP_FIN) !== 0;
  noteExtent(direction, position, end, length > 0 || fin);
  if (length === 0 && !fin) return;
  if (length === 1 && !fin && isKeepAlive(direction, position, payload, shared)) return;

  // If FINs come at different positions, the nearest counts, as for a receiver: one far ahead may be garbage.
  const counts = started ? end >= direction.next && end < direction.finAt : direction.finAt === NO_FIN;
  if (fin && counts) {
    direction.finAt = end;
    direction.finTime = packet.time;
    direction.finPacket = packet.number;
    dropFrom(direction, end, shared.heldTotals);
  }
  const { next, finAt } = direction;
  const stop = Math.min(position + payload.length, finAt);
  const from = started ? Math.max(position, next) : position;
  const difference: Difference = { first: NONE, last: NONE };
  let known = false;
  if (position < from && position < stop) {
    known = true;
    const before = payload.subarray(0, Math.min(stop, from) - position);
    const { conversation } = direction.tcp;
    shared.recent.compare(conversation!, direction.side, before, position, difference);
  }
  if (from < stop) {
    const first = direction.held[0];
    if (started && from === next && (first === undefined || first.position >= stop)) {
      const all = from === position && stop === position + payload.length;
      const bytes = all ? payload : payload.subarray(from - position, stop - position);
      const ack = flags & TCP_ACK ? segment.ack : NONE;
      deliver(direction, bytes, packet.number, packet.time, ack, shared, emit);
    } else if (holdBytes(direction, segment, position, from, stop, difference, shared.heldTotals))
      known = true;
  }
  if (known) direction.retransmitted++;
  if (difference.first !== NONE) {
    emitConflict(direction, difference.first, difference.last + 1 - difference.first, packet.number, emit);
  }
  if (payload.length < length) {
    const snappedStart = Math.max(
      position + payload.length,
      direction.started ? direction.next : position + payload.length,
    );
    const snappedEnd = Math.min(end, finAt);
    if (snappedStart < snappedEnd) noteSnapped(direction, snappedStart, snappedEnd, shared.heldTotals);
  }
  if (!started) return;
  drain(direction, shared, emit);
  enforceLimits(direction, shared, emit);
}

/**
 * Notes the range of a side's numbers. A segment without bytes may be of an older connection, so the window decides.
 */
function noteExtent(direction: Direction, position: number, end: number, counts: boolean): void {
  if (direction.started) {
    const limit = counts
      ? Math.max(direction.highest, direction.acked) + 2 * WINDOW_BYTES_MAX
      : sendLimit(direction);
    if (end > direction.highest && end <= limit) direction.highest = end;
    return;
  }
  if (counts) direction.lowest = Math.min(direction.lowest, position);
  else direction.lowestEmpty = Math.min(direction.lowestEmpty, position);
  direction.highest = Math.max(direction.highest, end);
}

/**
 * Whether a segment is a keep-alive (RFC 9293, section 3.8.4). It has the number before the next one, and may carry one
 * garbage byte, which is neither data nor a conflict.
 */
function isKeepAlive(
  direction: Direction,
  position: number,
  payload: Uint8Array,
  shared: SharedState,
): boolean {
  const last = direction.held.at(-1);
  const difference: Difference = { first: NONE, last: NONE };
  if (last !== undefined) {
    if (position !== last.position + last.bytes.length - 1) return false;
    compareBytes(last.bytes, last.bytes.length - 1, payload, 0, payload.length, position, difference);
  } else {
    if (!direction.started || position !== direction.next - 1) return false;
    if (position < 0) return true;
    shared.recent.compare(direction.tcp.conversation!, direction.side, payload, position, difference);
  }
  return difference.first !== NONE;
}

/**
 * Starts a direction whose position 0 has sequence number `zero`. Its conversation must be open. `release` delivers the
 * held bytes. When both directions start, call it after both have, so that `seen` is known for each.
 */
export function start(direction: Direction, zero: number, shared: SharedState, emit: Emit): void {
  const shift = direction.anchored ? distance(direction.nextSeq, zero) : 0;
  direction.anchored = true;
  direction.started = true;
  direction.next = 0;
  direction.nextSeq = zero;
  direction.highest = Math.max(0, direction.highest - shift);
  direction.finAt -= shift;
  if (direction.finAt < 0) direction.finAt = Number.POSITIVE_INFINITY;
  if (direction.ackHigh !== NONE) {
    const acked = Math.max(0, distance(zero, direction.ackHigh));
    if (acked <= sendLimit(direction)) direction.acked = acked;
  }
  rebase(direction, shift, shared.heldTotals);
  for (const { position, length, packet } of direction.early) {
    if (position >= shift) emitConflict(direction, position - shift, length, packet, emit);
  }
  direction.forgetEarly();
}

/**
 * Forgets the segments of a direction, because they were of an older connection. The direction must have delivered
 * nothing, and its conversation must be open.
 */
export function forgetShown(direction: Direction, shared: SharedState, emit: Emit): void {
  const { side, tcp } = direction;
  for (const { bytes, packet, capturedAt } of direction.held) {
    const [conversation, why, position, length] = [tcp.conversation!, 'stale', null, bytes.length] as const;
    emit({ type: 'ignored', conversation, from: side, why, position, length, capturedAt, packet });
  }
  dropFrom(direction, Number.NEGATIVE_INFINITY, shared.heldTotals);
  direction.anchored = false;
  direction.started = false;
  direction.next = 0;
  direction.nextSeq = 0;
  direction.forgetEarly();
  direction.lowest = Number.POSITIVE_INFINITY;
  direction.lowestEmpty = Number.POSITIVE_INFINITY;
  direction.highest = Number.NEGATIVE_INFINITY;
  direction.finAt = NO_FIN;
  direction.rightEdge = NONE;
  direction.unbelievedAck = NONE;
}

/** Delivers what a direction held until it started. */
export function release(direction: Direction, shared: SharedState, emit: Emit): void {
  drain(direction, shared, emit);
  enforceLimits(direction, shared, emit);
}

function emitConflict(
  direction: Direction,
  position: number,
  length: number,
  packet: number,
  emit: Emit,
): void {
  if (!direction.started) direction.addEarly({ position, length, packet });
  else {
    const { conversation } = direction.tcp;
    emit({ type: 'conflict', conversation: conversation!, from: direction.side, position, length, packet });
  }
}
