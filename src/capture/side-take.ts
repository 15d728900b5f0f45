/**
 * What one side's segments bring, put in order: in one go where they come in order, as nearly all do.
 */
import { compare, cut, insert, noOverlap, type Overlap, type Piece } from './held-pieces.ts';
import type { ReassemblyLimits } from './reassembly-options.ts';
import type { Recent } from './recent-chunks.ts';
import type { Segment } from './segment.ts';
import { positionOf, type SideState } from './side-state.ts';
import type { Conversation, GapReason, StreamEvent } from './stream-event.ts';

/** Where a side belongs, and what all sides share. */
export interface SideContext {
  readonly conversation: Conversation;
  readonly other: SideState;
  readonly recent: Recent;
  readonly limits: ReassemblyLimits;
  readonly emit: (event: StreamEvent) => void;
  /** Tells by how much what waits has grown or shrunk. */
  readonly holds: (side: SideState, bytes: number) => void;
}

/** Places in `snapped` beyond which what is cut by the snap length is taken for lost. */
const MOST_SNAPPED = 8192;

/**
 * Takes the payload of a segment whose side is running.
 *
 * @param position where it begins.
 */
export function takePayload(context: SideContext, side: SideState, segment: Segment, position: number): void {
  const { payload, length } = segment;
  const ack = ackOf(segment);
  const { time, number } = segment.packet;
  // Nothing is sent behind a FIN: whatever this is, no receiver takes it.
  const room = side.fin === null ? Number.POSITIVE_INFINITY : Math.max(0, side.fin.position - position);
  const bytes = payload.length <= room ? payload : payload.subarray(0, room);
  if (length > payload.length)
    noteSnapped(side, position + payload.length, position + Math.min(length, room));
  if (bytes.length > 0) {
    if (position === side.next && side.held.length === 0) {
      handOn(context, side, position, bytes, time, number, ack);
    } else {
      takeOutOfOrder(context, side, { position, bytes, capturedAt: time, packet: number, ack });
    }
  }
  if (side.held.length > 0 || side.snapped.length > 0) drain(context, side);
}

function takeOutOfOrder(context: SideContext, side: SideState, whole: Piece): void {
  const overlap = noOverlap();
  let piece: Piece | null = whole;
  if (piece.position < side.next) {
    const isKeepAlive = piece.bytes.length === 1 && piece.position === side.next - 1;
    if (!isKeepAlive) {
      overlap.any = true;
      for (let i = side.recent.gone; i < side.recent.chunks.length; i++) {
        compare(side.recent.chunks[i]!, piece, overlap);
      }
    }
    const before: number = side.next - piece.position;
    piece = before < piece.bytes.length ? cut(piece, before) : null;
  }
  if (piece !== null && piece.position === side.next && side.held.length === 0) {
    handOn(context, side, piece.position, piece.bytes, piece.capturedAt, piece.packet, piece.ack);
  } else if (piece !== null) {
    if (piece.position > side.next) side.totals.outOfOrder++;
    hold(context, side, piece, overlap);
  }
  if (overlap.any) side.totals.retransmitted++;
  if (overlap.from >= 0) tellConflict(context, side, overlap, whole.packet);
}

/** Keeps a piece until what is in front of it has come. */
export function hold(
  context: Pick<SideContext, 'holds'>,
  side: SideState,
  piece: Piece,
  overlap: Overlap,
): void {
  if (side.held.length === 0) side.waitsSince = piece.capturedAt;
  const added = insert(side.held, piece, overlap);
  side.heldBytes += added;
  context.holds(side, added);
}

export function tellConflict(
  { conversation, emit }: SideContext,
  side: SideState,
  { from, to }: Overlap,
  packet: number,
): void {
  emit({ type: 'conflict', conversation, from: side.name, position: from, length: to - from, packet });
}

/** Hands on what waits and is in order now, and tells of what is known never to come. */
export function drain(context: SideContext, side: SideState): void {
  let drained = 0;
  for (;;) {
    const piece = side.held[drained];
    if (piece !== undefined && piece.position <= side.next) {
      const { position, bytes, capturedAt, packet, ack } = piece;
      drained++;
      side.heldBytes -= bytes.length;
      context.holds(side, -bytes.length);
      handOn(context, side, position, bytes, capturedAt, packet, ack);
      continue;
    }
    const end = snappedUpTo(side, side.next);
    if (end <= side.next) break;
    passOver(context, side, Math.min(end, piece?.position ?? end), 'snapped');
  }
  if (drained > 0) side.held.splice(0, drained);
  if (side.held.length === 0) side.ackedBeyond = null;
}

/** Gives up what is missing in front of the first piece that waits, and hands on what is in order then. */
export function giveUpHole(context: SideContext, side: SideState, reason: GapReason): void {
  const first = side.held[0];
  if (first === undefined) return;
  passOver(context, side, first.position, side.acked >= first.position ? 'lost' : reason);
  side.ackedBeyond = null;
  drain(context, side);
}

/** Tells of what is missing up to a position: what a cut packet had, and what no packet has. */
export function passOver(context: SideContext, side: SideState, to: number, reason: GapReason): void {
  while (side.next < to) {
    const snapped = Math.min(to, snappedUpTo(side, side.next));
    if (snapped > side.next) gap(context, side, snapped, 'snapped');
    else gap(context, side, Math.min(to, nextSnapped(side, side.next)), reason);
  }
}

function gap({ conversation, emit }: SideContext, side: SideState, to: number, reason: GapReason): void {
  const length = to - side.next;
  emit({ type: 'gap', conversation, from: side.name, position: side.next, length, reason });
  side.totals.missing += length;
  side.next = to;
  forgetSnapped(side);
}

function handOn(
  { conversation, other, recent, emit }: SideContext,
  side: SideState,
  position: number,
  bytes: Uint8Array,
  capturedAt: bigint,
  packet: number,
  ack: number | null,
): void {
  if (capturedAt > side.latest) side.latest = capturedAt;
  side.next = position + bytes.length;
  side.totals.bytes += bytes.length;
  const chunk = {
    type: 'chunk',
    conversation,
    from: side.name,
    position,
    bytes,
    capturedAt,
    deliverableAt: side.latest,
    packet,
    seen: ack === null ? null : seenOf(other, ack),
  } as const;
  recent.add(side.recent, chunk);
  emit(chunk);
}

/** How much of the other side an acknowledgement says was received. Its FIN counts as a byte there, but is none. */
function seenOf(other: SideState, ack: number): number | null {
  if (other.phase === 'unknown' || other.phase === 'starting') return null;
  const position = Math.max(0, positionOf(other, ack));
  return other.fin === null ? position : Math.min(position, other.fin.position);
}

export const ackOf = ({ flags, ack }: Segment): number | null => ((flags & 0x10) === 0 ? null : ack);

function noteSnapped(side: SideState, from: number, to: number): void {
  const start = Math.max(from, side.next);
  if (start >= to || side.snapped.length >= MOST_SNAPPED) return;
  side.snapped.push(start, to);
}

/** The end of what cut packets had from a position on; the position itself when they had nothing there. */
function snappedUpTo({ snapped }: SideState, position: number): number {
  let end = position;
  for (let i = 0; i < snapped.length; i += 2) {
    if (snapped[i]! <= position && snapped[i + 1]! > end) end = snapped[i + 1]!;
  }
  return end;
}

/** Where the next of what cut packets had begins, behind a position. */
function nextSnapped({ snapped }: SideState, position: number): number {
  let start = Number.POSITIVE_INFINITY;
  for (let i = 0; i < snapped.length; i += 2) {
    if (snapped[i]! > position && snapped[i]! < start) start = snapped[i]!;
  }
  return start;
}

function forgetSnapped(side: SideState): void {
  const { snapped, next } = side;
  let kept = 0;
  for (let i = 0; i < snapped.length; i += 2) {
    if (snapped[i + 1]! <= next) continue;
    snapped[kept] = snapped[i]!;
    snapped[kept + 1] = snapped[i + 1]!;
    kept += 2;
  }
  snapped.length = kept;
}
