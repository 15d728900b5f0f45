/**
 * One recorded connection on its way through the reassembly: two sides, who is who, and how it is over.
 *
 * ```text
 *  the conversation is       when
 *  not open                  it is not known who the client is: all that comes waits
 *  open                      a SYN or SYN/ACK came, or one side has begun without
 *  over                      both sides have ended, a RST came, another connection took its place …
 * ```
 */
import { formatFlow } from './flow.ts';
import { noOverlap } from './held-pieces.ts';
import type { ReassemblyLimits } from './reassembly-options.ts';
import type { Recent } from './recent-chunks.ts';
import type { Segment } from './segment.ts';
import { TCP_FIN, TCP_SYN } from './segment.ts';
import { createSideState, positionOf, type SideState } from './side-state.ts';
import {
  ackOf,
  drain,
  giveUpHole,
  hold,
  passOver,
  type SideContext,
  takePayload,
  tellConflict,
} from './side-take.ts';
import type { CloseReason, Conversation, StreamEvent } from './stream-event.ts';

/** What all conversations share. */
export interface Shared {
  readonly limits: ReassemblyLimits;
  readonly recent: Recent;
  readonly emit: (event: StreamEvent) => void;
  readonly holds: (conversation: RecordedConversation, side: SideState, bytes: number) => void;
}

export interface RecordedConversation {
  readonly index: number;
  /** That of its first packet, and of the other direction. */
  readonly flows: readonly [string, string];
  /** In the same order. */
  readonly sides: readonly [SideState, SideState];
  readonly startedAt: bigint;
  lastAt: bigint;
  /** Once it is open. */
  contexts: readonly [SideContext, SideContext] | null;
  over: boolean;
  /** Its neighbours in the list of all, by when they were last heard of. */
  older: RecordedConversation | null;
  newer: RecordedConversation | null;
}

const MOST_CONFLICTS = 64;

export const createConversation = (
  index: number,
  flows: readonly [string, string],
  startedAt: bigint,
): RecordedConversation => ({
  index,
  flows,
  sides: [createSideState(), createSideState()],
  startedAt,
  lastAt: startedAt,
  contexts: null,
  over: false,
  older: null,
  newer: null,
});

/** Makes it known who is who, and tells of it. @param client which of the sides. */
export function open(
  shared: Shared,
  it: RecordedConversation,
  client: 0 | 1,
  opening: Conversation['opening'],
): void {
  if (it.contexts !== null) return;
  const { index, startedAt, sides, flows } = it;
  const { source, destination } = formatFlow(flows[client]);
  const conversation = { index, client: source, server: destination, startedAt, opening };
  sides[client].name = 'client';
  sides[client === 0 ? 1 : 0].name = 'server';
  const contextOf = (other: SideState): SideContext => ({
    conversation,
    other,
    recent: shared.recent,
    limits: shared.limits,
    emit: shared.emit,
    holds: (of, bytes) => shared.holds(it, of, bytes),
  });
  it.contexts = [contextOf(sides[1]), contextOf(sides[0])];
  shared.emit({ type: 'open', conversation });
}

/** When no SYN says it: the lower port is the server's, or else the first to send is the client. */
export function openByPorts(shared: Shared, it: RecordedConversation): void {
  if (it.contexts !== null) return;
  const { sourcePort, destinationPort } = formatFlow(it.flows[0]);
  open(shared, it, sourcePort < destinationPort ? 1 : 0, 'midstream');
}

/** Lets a side begin where its SYN says, or without one at the first byte there is. */
export function start(it: RecordedConversation, which: 0 | 1, syn: number | null): void {
  const side = it.sides[which];
  const first = syn === null ? firstPosition(side) : positionOf(side, (syn + 1) % 2 ** 32);
  side.base = (side.base + first + 2 ** 32) % 2 ** 32;
  side.syn = syn;
  side.next = 0;
  side.phase = 'running';
  side.held = side.held.map((piece) => ({ ...piece, position: piece.position - first }));
  side.snapped = side.snapped.map((position) => position - first);
  side.conflicts = side.conflicts.map(({ from, to, packet }) => ({
    from: from - first,
    to: to - first,
    packet,
  }));
  if (side.fin !== null) side.fin = { ...side.fin, position: side.fin.position - first };
}

const firstPosition = ({ held, snapped, fin }: SideState): number =>
  Math.min(
    held[0]?.position ?? Number.POSITIVE_INFINITY,
    snapped.length === 0 ? Number.POSITIVE_INFINITY : Math.min(...snapped),
    fin?.position ?? Number.POSITIVE_INFINITY,
  );

/** Hands on what waited for the beginning of a side. */
export function flushStart(it: RecordedConversation, which: 0 | 1): void {
  const side = it.sides[which];
  const context = it.contexts![which];
  // What claims to lie before the beginning is none of it.
  const before = side.held.findIndex(({ position }) => position >= 0);
  const dropped = side.held.splice(0, before === -1 ? side.held.length : before);
  const bytes = dropped.reduce((sum, piece) => sum + piece.bytes.length, 0);
  side.heldBytes -= bytes;
  context.holds(side, -bytes);
  for (const { from, to, packet } of side.conflicts) {
    tellConflict(context, side, { any: true, from, to }, packet);
  }
  side.conflicts = [];
  drain(context, side);
  endAtFin(context, side);
}

/** Takes what a segment carries: payload and FIN. */
export function carry(shared: Shared, it: RecordedConversation, which: 0 | 1, segment: Segment): void {
  const side = it.sides[which];
  const { flags, seq, length, payload, packet } = segment;
  const position = positionOf(side, (flags & TCP_SYN) === 0 ? seq : (seq + 1) % 2 ** 32);
  if (side.phase === 'running') {
    if (length > 0) takePayload(it.contexts![which], side, segment, position);
  } else if (length > 0) {
    const piece = { position, bytes: payload, capturedAt: packet.time, packet: packet.number };
    holdUntilStart(shared, it, side, { ...piece, ack: ackOf(segment) }, length);
  }
  if ((flags & TCP_FIN) !== 0) noteFin(shared, it, side, position + length, segment);
  if (side.phase === 'running' && side.fin !== null) endAtFin(it.contexts![which], side);
}

function holdUntilStart(
  shared: Shared,
  it: RecordedConversation,
  side: SideState,
  piece: Parameters<typeof hold>[2],
  length: number,
): void {
  const { bytes, position, packet } = piece;
  const overlap = noOverlap();
  if (bytes.length > 0) {
    const context = { holds: (of: SideState, count: number) => shared.holds(it, of, count) };
    hold(context, side, piece, overlap);
  }
  if (length > bytes.length && side.snapped.length < 2 * MOST_CONFLICTS) {
    side.snapped.push(position + bytes.length, position + length);
  }
  if (overlap.any) side.totals.retransmitted++;
  const { from, to } = overlap;
  if (from >= 0 && side.conflicts.length < MOST_CONFLICTS) side.conflicts.push({ from, to, packet });
}

/** The first FIN counts. What waits behind it no receiver takes. */
function noteFin(
  shared: Shared,
  it: RecordedConversation,
  side: SideState,
  position: number,
  { packet }: Segment,
): void {
  if (side.fin !== null || (side.phase === 'running' && position < side.next)) return;
  side.fin = { position, capturedAt: packet.time, packet: packet.number };
  let dropped = 0;
  side.held = side.held.flatMap((piece) => {
    const over = piece.position + piece.bytes.length - position;
    if (over <= 0) return [piece];
    dropped += Math.min(over, piece.bytes.length);
    const bytes = piece.bytes.subarray(0, Math.max(0, piece.bytes.length - over));
    return bytes.length === 0 ? [] : [{ ...piece, bytes }];
  });
  side.heldBytes -= dropped;
  if (dropped > 0) shared.holds(it, side, -dropped);
}

function endAtFin({ conversation, emit }: SideContext, side: SideState): void {
  const { fin } = side;
  if (fin === null || side.next !== fin.position || side.phase !== 'running') return;
  side.phase = 'over';
  if (fin.capturedAt > side.latest) side.latest = fin.capturedAt;
  const { position, capturedAt, packet } = fin;
  const deliverableAt = side.latest;
  emit({ type: 'end', conversation, from: side.name, position, capturedAt, deliverableAt, packet });
}

/** Hands on whatever of both sides still waits, with gaps for what never came. */
export function flush(shared: Shared, it: RecordedConversation): void {
  openByPorts(shared, it);
  for (const which of [0, 1] as const) {
    const side = it.sides[which];
    const context = it.contexts![which];
    if (side.phase === 'starting' && Number.isFinite(firstPosition(side))) {
      start(it, which, null);
      flushStart(it, which);
    }
    if (side.phase !== 'running') continue;
    while (side.held.length > 0) giveUpHole(context, side, 'lost');
    if (side.fin !== null) passOver(context, side, side.fin.position, 'lost');
    // One more byte than there is may be a FIN that was not recorded.
    else if (side.acked > side.next + 1) passOver(context, side, side.acked, 'lost');
    endAtFin(context, side);
  }
}

/** Ends it. Nothing of it is told any more. */
export function close(shared: Shared, it: RecordedConversation, reason: CloseReason): void {
  if (it.over) return;
  flush(shared, it);
  it.over = true;
  const { conversation } = it.contexts![0];
  const [first, second] = it.sides;
  const [client, server] = first.name === 'client' ? [first, second] : [second, first];
  const totals = { client: { ...client.totals }, server: { ...server.totals } };
  shared.emit({ type: 'close', conversation, reason, endedAt: it.lastAt, totals });
}
