/**
 * What comes behind a RST: kept until it is known whether the conversation goes on, or counted. See `resets.ts`.
 */
import { copySegment, occupiesSequence, type Segment, TCP_RST } from '../segment.ts';
import type { SharedState } from './deliver.ts';
import { giveUpAll } from './holes.ts';
import { HELD_COST_BYTES } from './out-of-order-buffer.ts';
import { lookForLife } from './resets.ts';
import {
  type Direction,
  type Emit,
  holdsBytes,
  positionOf,
  type Reset,
  type TcpConversation,
} from './tcp-conversation.ts';
import { sendLimit } from './window.ts';

/** Keeps a segment that came behind a RST that is heeded. */
export function keepAfterReset(
  reset: Reset,
  direction: Direction,
  segment: Segment,
  { heldTotals }: SharedState,
): void {
  const kept = copySegment(segment, segment.flags & TCP_RST ? 0 : segment.payload.length);
  reset.after.push({ direction, segment: kept });
  reset.bytes += kept.payload.length;
  heldTotals.cost += kept.payload.length + HELD_COST_BYTES;
  heldTotals.holders.add(reset.sender);
}

/** Takes a RST off its conversation, which is decided about. What was kept behind it is held no longer. */
export function removeReset(tcp: TcpConversation, { heldTotals }: SharedState): Reset {
  const reset = tcp.reset!;
  tcp.reset = null;
  heldTotals.cost -= reset.bytes + reset.after.length * HELD_COST_BYTES;
  if (!holdsBytes(reset.sender)) heldTotals.holders.delete(reset.sender);
  return reset;
}

/** The RST of a conversation that is open ends both sides; what was kept behind it is counted. */
export function endByReset(tcp: TcpConversation, shared: SharedState, emit: Emit): void {
  const { sender, segment, after, accepted } = removeReset(tcp, shared);
  const { packet, seq } = segment;
  if (!accepted) lookForLife(tcp, sender, seq);
  giveUpAll(sender.peer, 0, shared, emit);
  // One that refuses a SYN has the number 0, which is no place in the stream.
  const reached = positionOf(sender, seq);
  giveUpAll(sender, reached <= sendLimit(sender) ? reached : 0, shared, emit);
  if (packet.time > sender.latest) sender.latest = packet.time;
  emit({
    type: 'reset',
    conversation: tcp.conversation!,
    from: sender.side,
    position: sender.next,
    capturedAt: packet.time,
    deliverableAt: sender.latest,
    packet: packet.number,
  });
  for (const each of after) countAfterReset(tcp, each.segment);
  emitAfterReset(tcp, emit);
}

/** Counts a segment that came behind a reset, if something is lost with it. */
export function countAfterReset(tcp: TcpConversation, segment: Segment): void {
  if (!occupiesSequence(segment) || segment.flags & TCP_RST) return;
  tcp.pendingAfterReset ??= { packets: 0, bytes: 0, firstPacket: segment.packet.number };
  tcp.pendingAfterReset.packets++;
  tcp.pendingAfterReset.bytes += segment.length;
}

/** Tells what was counted since it was told. */
export function emitAfterReset(tcp: TcpConversation, emit: Emit): void {
  if (tcp.pendingAfterReset === null) return;
  emit({ type: 'after-reset', conversation: tcp.conversation!, ...tcp.pendingAfterReset });
  tcp.pendingAfterReset = null;
}
