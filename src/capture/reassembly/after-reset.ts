/**
 * Segments behind a RST. The reassembly keeps them until it knows whether the conversation goes on, and counts them if
 * it does not. See `resets.ts`.
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

/** Keeps a segment that came behind an accepted RST. */
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

/** Removes a RST from its conversation once its meaning is decided. The segments behind it no longer count as held. */
export function removeReset(tcp: TcpConversation, { heldTotals }: SharedState): Reset {
  const reset = tcp.reset!;
  tcp.reset = null;
  heldTotals.cost -= reset.bytes + reset.after.length * HELD_COST_BYTES;
  if (!holdsBytes(reset.sender)) heldTotals.holders.delete(reset.sender);
  return reset;
}

/** Ends both sides of an open conversation by its RST, and counts the segments that were kept behind it. */
export function endByReset(tcp: TcpConversation, shared: SharedState, emit: Emit): void {
  const { sender, segment, after, accepted } = removeReset(tcp, shared);
  const { packet, seq } = segment;
  if (!accepted) lookForLife(tcp, sender, seq);
  giveUpAll(sender.peer, 0, shared, emit);
  // A RST that refuses a SYN has sequence number 0, which is no position in the stream.
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

/** Counts a segment that came behind a reset, if it carries bytes or a FIN. */
export function countAfterReset(tcp: TcpConversation, segment: Segment): void {
  if (!occupiesSequence(segment) || segment.flags & TCP_RST) return;
  tcp.pendingAfterReset ??= { packets: 0, bytes: 0, firstPacket: segment.packet.number };
  tcp.pendingAfterReset.packets++;
  tcp.pendingAfterReset.bytes += segment.length;
}

/** Emits the count of segments behind the reset, if there are any since the last `after-reset`. */
export function emitAfterReset(tcp: TcpConversation, emit: Emit): void {
  if (tcp.pendingAfterReset === null) return;
  emit({ type: 'after-reset', conversation: tcp.conversation!, ...tcp.pendingAfterReset });
  tcp.pendingAfterReset = null;
}
