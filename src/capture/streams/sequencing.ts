/**
 * One direction's bytes in order: what is handed on, what waits, and what is given up.
 *
 * ```text
 *   position of a segment that came, against `next`, the position that is handed on next:
 *
 *   wholly below    it came before: compared with what was handed on lately, dropped
 *   at it           handed on, and with it what waited right behind
 *   above           held: there is a hole in front
 *   across it       each part as above
 *
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

import { type Segment, TCP_ACK, TCP_FIN, TCP_SYN } from '../segment.ts';
import type { GapReason, StreamChunk } from '../stream-event.ts';
import { compareBytes, type Difference } from './byte-difference.ts';
import { dropFirst, dropFrom, type Holdings, hold, noteSnapped, rebase } from './hold.ts';
import type { ReassemblyLimits } from './reassembly-options.ts';
import type { RecentChunks } from './recent-chunks.ts';
import { distance, seqPlus } from './sequence.ts';
import { type Direction, type Emit, holds, NONE } from './talk.ts';

/** What all directions of a machine share. */
export interface Shared {
  readonly limits: ReassemblyLimits;
  readonly recent: RecentChunks;
  readonly holdings: Holdings;
}

/** The largest window of a receiver (RFC 7323): nothing valid is further from what was acknowledged. */
const WINDOW = 2 ** 30;
const NO_FIN = Number.POSITIVE_INFINITY;
const PATIENCE = 1_024;
const LEAST_PATIENCE = 64;
export const PATIENT_TIME = 30_000_000_000n;

/** Takes a segment's bytes and FIN. For a direction that is anchored, and not ended. */
export function receive(direction: Direction, segment: Segment, shared: Shared, emit: Emit): void {
  const { payload, length, flags, packet } = segment;
  const { started } = direction;
  const seq = flags & TCP_SYN ? seqPlus(segment.seq, 1) : segment.seq;
  const position = direction.next + distance(direction.nextSeq, seq);
  const end = position + length;
  const fin = (flags & TCP_FIN) !== 0;
  noteExtent(direction, position, end, length > 0 || fin);
  if (length === 0 && !fin) return;
  if (length === 1 && !fin && isKeepAlive(direction, position, payload, shared)) return;

  // Of several in different places the nearest counts, as for a receiver: one far ahead may be garbage.
  const counts = started ? end >= direction.next && end < direction.finAt : direction.finAt === NO_FIN;
  if (fin && counts) {
    direction.finAt = end;
    direction.finTime = packet.time;
    direction.finPacket = packet.number;
    dropFrom(direction, end, shared.holdings);
  }
  const { next, finAt } = direction;
  const stop = Math.min(position + payload.length, finAt);
  const from = started ? Math.max(position, next) : position;
  const difference: Difference = { first: NONE, last: NONE };
  let known = false;
  if (position < from && position < stop) {
    known = true;
    const before = payload.subarray(0, Math.min(stop, from) - position);
    const { conversation } = direction.talk;
    shared.recent.compare(conversation!, direction.from, before, position, difference);
  }
  if (from < stop) {
    const first = direction.held[0];
    if (started && from === next && (first === undefined || first.position >= stop)) {
      const all = from === position && stop === position + payload.length;
      const bytes = all ? payload : payload.subarray(from - position, stop - position);
      const ack = flags & TCP_ACK ? segment.ack : NONE;
      handOn(direction, bytes, packet.number, packet.time, ack, shared, emit);
    } else if (hold(direction, segment, position, from, stop, difference, shared.holdings)) known = true;
  }
  if (known) direction.retransmitted++;
  if (difference.first !== NONE) {
    tellConflict(direction, difference.first, difference.last + 1 - difference.first, packet.number, emit);
  }
  if (payload.length < length) {
    const cut = Math.max(
      position + payload.length,
      direction.started ? direction.next : position + payload.length,
    );
    const cutEnd = Math.min(end, finAt);
    if (cut < cutEnd) noteSnapped(direction, cut, cutEnd, shared.holdings);
  }
  if (!started) return;
  drain(direction, shared, emit);
  keepLimits(direction, shared, emit);
}

/** Keeps account of the numbers a side has shown. */
function noteExtent(direction: Direction, position: number, end: number, counts: boolean): void {
  if (direction.started) {
    if (end > direction.highest && end - Math.max(direction.highest, direction.acked) <= 2 * WINDOW) {
      direction.highest = end;
    }
    return;
  }
  if (counts) direction.lowest = Math.min(direction.lowest, position);
  else direction.lowestBare = Math.min(direction.lowestBare, position);
  direction.highest = Math.max(direction.highest, end);
}

/**
 * A keep-alive (RFC 9293, section 3.8.4) is at the number before the next one, and may bring a byte of anything:
 * neither data nor a conflict.
 */
function isKeepAlive(direction: Direction, position: number, payload: Uint8Array, shared: Shared): boolean {
  const last = direction.held.at(-1);
  const difference: Difference = { first: NONE, last: NONE };
  if (last !== undefined) {
    if (position !== last.position + last.bytes.length - 1) return false;
    compareBytes(last.bytes, last.bytes.length - 1, payload, 0, payload.length, position, difference);
  } else {
    if (!direction.started || position !== direction.next - 1) return false;
    if (position < 0) return true;
    shared.recent.compare(direction.talk.conversation!, direction.from, payload, position, difference);
  }
  return difference.first !== NONE;
}

/** Hands on the bytes at `next`. */
export function handOn(
  direction: Direction,
  bytes: Uint8Array,
  packet: number,
  capturedAt: bigint,
  ack: number,
  shared: Shared,
  emit: Emit,
): void {
  if (capturedAt > direction.latest) direction.latest = capturedAt;
  const chunk: StreamChunk = {
    type: 'chunk',
    conversation: direction.talk.conversation!,
    from: direction.from,
    position: direction.next,
    capturedAt,
    deliverableAt: direction.latest,
    packet,
    bytes,
    seen: ack === NONE ? null : seenOf(direction.peer, ack),
  };
  advance(direction, bytes.length);
  direction.bytes += bytes.length;
  if (packet >= direction.furthest) direction.furthest = packet;
  else if (packet !== direction.counted) {
    direction.counted = packet;
    direction.outOfOrder++;
  }
  shared.recent.push(chunk);
  emit(chunk);
}

function advance(direction: Direction, count: number): void {
  direction.next += count;
  direction.nextSeq = seqPlus(direction.nextSeq, count);
  if (direction.highest < direction.next) direction.highest = direction.next;
}

/** An acknowledgement as a position in the bytes of who is acknowledged; a FIN has a number, but is no byte. */
function seenOf(peer: Direction, ack: number): number | null {
  if (!peer.started) return null;
  return Math.min(Math.max(0, peer.next + distance(peer.nextSeq, ack)), peer.finAt);
}

/** Notes what a direction's peer acknowledges. */
export function acknowledge(direction: Direction, ack: number): void {
  if (direction.started) {
    const position = direction.next + distance(direction.nextSeq, ack);
    if (position > direction.acked && position - Math.max(direction.acked, direction.highest) <= WINDOW) {
      direction.acked = position;
    }
  } else if (direction.ackLow === NONE) {
    direction.ackLow = ack;
    direction.ackHigh = ack;
  } else if (distance(direction.ackLow, ack) < 0) direction.ackLow = ack;
  else if (distance(direction.ackHigh, ack) > 0) direction.ackHigh = ack;
}

/**
 * Starts a direction whose position 0 has sequence number `zero`. Its conversation must be open. What it held is for
 * `release` to hand on: when both directions start, then after both have, so that each knows what it has seen.
 */
export function start(direction: Direction, zero: number, shared: Shared, emit: Emit): void {
  const shift = direction.anchored ? distance(direction.nextSeq, zero) : 0;
  direction.anchored = true;
  direction.started = true;
  direction.next = 0;
  direction.nextSeq = zero;
  direction.highest = Math.max(0, direction.highest - shift);
  direction.finAt -= shift;
  if (direction.finAt < 0) direction.finAt = Number.POSITIVE_INFINITY;
  if (direction.ackHigh !== NONE) direction.acked = Math.max(0, distance(zero, direction.ackHigh));
  rebase(direction, shift, shared.holdings);
  for (const { position, length, packet } of direction.early) {
    if (position >= shift) tellConflict(direction, position - shift, length, packet, emit);
  }
  direction.early = [];
}

/** Hands on what a direction held until it started. */
export function release(direction: Direction, shared: Shared, emit: Emit): void {
  drain(direction, shared, emit);
  keepLimits(direction, shared, emit);
}

function tellConflict(
  direction: Direction,
  position: number,
  length: number,
  packet: number,
  emit: Emit,
): void {
  if (!direction.started) direction.early.push({ position, length, packet });
  else {
    const { conversation } = direction.talk;
    emit({ type: 'conflict', conversation: conversation!, from: direction.from, position, length, packet });
  }
}

/** Hands on what waits at `next`, and the FIN when all before it is. */
function drain(direction: Direction, shared: Shared, emit: Emit): void {
  const { held } = direction;
  let count = 0;
  for (; held[count]?.position === direction.next; count++) {
    const { bytes, packet, capturedAt, ack } = held[count]!;
    handOn(direction, bytes, packet, capturedAt, ack, shared, emit);
  }
  dropFirst(direction, count, direction.next, shared.holdings);
  if (direction.next === direction.finAt && !direction.ended) end(direction, emit);
}

function end(direction: Direction, emit: Emit): void {
  direction.ended = true;
  if (direction.finTime > direction.latest) direction.latest = direction.finTime;
  emit({
    type: 'end',
    conversation: direction.talk.conversation!,
    from: direction.from,
    position: direction.next,
    capturedAt: direction.finTime,
    deliverableAt: direction.latest,
    packet: direction.finPacket,
  });
}

/** Where the first hole ends, as far as is known; infinite when there is none. */
function holeEnd({ held, snapped, finAt }: Direction): number {
  const first = held[0];
  if (first !== undefined) return first.position;
  return finAt < Number.POSITIVE_INFINITY ? finAt : (snapped.at(-1)?.end ?? Number.POSITIVE_INFINITY);
}

/** Gives up the first hole, and hands on what waits behind it. */
export function giveUp(direction: Direction, reason: 'lost' | 'limit', shared: Shared, emit: Emit): void {
  const to = holeEnd(direction);
  const why = reason === 'limit' && direction.acked >= to ? 'lost' : reason;
  skipTo(direction, to, why, shared, emit);
}

/** Makes gaps of all up to a position, before which nothing is held, and hands on what waits there. */
function skipTo(direction: Direction, to: number, reason: GapReason, shared: Shared, emit: Emit): void {
  for (const { start, end } of direction.snapped) {
    if (start >= to) break;
    gap(direction, Math.min(start, to), reason, emit);
    gap(direction, Math.min(end, to), 'snapped', emit);
  }
  gap(direction, to, reason, emit);
  drain(direction, shared, emit);
}

function gap(direction: Direction, to: number, reason: GapReason, emit: Emit): void {
  const length = to - direction.next;
  if (length <= 0) return;
  const { next, from } = direction;
  const conversation = direction.talk.conversation!;
  advance(direction, length);
  direction.missing += length;
  emit({ type: 'gap', conversation, from, position: next, length, reason });
}

function keepLimits(direction: Direction, shared: Shared, emit: Emit): void {
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
export function losePatience(direction: Direction, time: bigint, shared: Shared, emit: Emit): void {
  const { talk } = direction;
  if (!direction.started || !holds(direction) || direction.acked < holeEnd(direction)) return;
  if (direction.missedAt !== direction.next) {
    direction.missedAt = direction.next;
    direction.missedPackets = talk.packets;
    direction.missedTime = time;
    return;
  }
  const packets = talk.packets - direction.missedPackets;
  if (packets < LEAST_PATIENCE) return;
  const [cut] = direction.snapped;
  const isCut = cut !== undefined && cut.start <= direction.next && cut.end >= holeEnd(direction);
  if (packets < PATIENCE && !isCut && time - direction.missedTime < PATIENT_TIME) return;
  giveUp(direction, 'lost', shared, emit);
}

/**
 * Hands on or gives up everything, because nothing more comes: up to the FIN, or as far as the side's own numbers or
 * its peer's acknowledgements reach. One number at the end may be that of a FIN that was not recorded: it alone does
 * not make a gap.
 *
 * @param reached a position that the side is known to have reached.
 */
export function giveUpAll(direction: Direction, reached: number, shared: Shared, emit: Emit): void {
  if (!direction.started || direction.ended) return;
  while (holds(direction)) giveUp(direction, 'lost', shared, emit);
  if (direction.ended) return;
  const { finAt } = direction;
  const known = Math.max(direction.highest, direction.acked, reached);
  const to = finAt < Number.POSITIVE_INFINITY ? finAt : known - direction.next > 1 ? known : direction.next;
  skipTo(direction, to, 'lost', shared, emit);
}
