/**
 * What comes behind a RST: kept until it is known whether the conversation goes on, or counted. See `resets.ts`.
 */
import { type Segment, TCP_RST } from '../segment.ts';
import type { Shared } from './deliver.ts';
import { giveUpAll } from './holes.ts';
import { COST } from './out-of-order-buffer.ts';
import { lookForLife } from './resets.ts';
import { copied, isSomething } from './segments.ts';
import {
  type Direction,
  type Emit,
  holds,
  positionOf,
  type Reset,
  type TcpConversation,
} from './tcp-conversation.ts';
import { mostSent } from './window.ts';

/** Keeps a segment that came behind a RST that is heeded. */
export function keepAfter(reset: Reset, direction: Direction, segment: Segment, { holdings }: Shared): void {
  const kept = copied(segment, segment.flags & TCP_RST ? 0 : segment.payload.length);
  reset.after.push({ direction, segment: kept });
  reset.bytes += kept.payload.length;
  holdings.cost += kept.payload.length + COST;
  holdings.holders.add(reset.from);
}

/** Takes a RST off its conversation, which is decided about. What was kept behind it is held no longer. */
export function takeReset(talk: TcpConversation, { holdings }: Shared): Reset {
  const reset = talk.reset!;
  talk.reset = null;
  holdings.cost -= reset.bytes + reset.after.length * COST;
  if (!holds(reset.from)) holdings.holders.delete(reset.from);
  return reset;
}

/** The RST of a conversation that is open ends both sides; what was kept behind it is counted. */
export function endByReset(talk: TcpConversation, shared: Shared, emit: Emit): void {
  const { from, segment, after, heeded } = takeReset(talk, shared);
  const { packet, seq } = segment;
  if (!heeded) lookForLife(talk, from, seq);
  giveUpAll(from.peer, 0, shared, emit);
  // One that refuses a SYN has the number 0, which is no place in the stream.
  const reached = positionOf(from, seq);
  giveUpAll(from, reached <= mostSent(from) ? reached : 0, shared, emit);
  if (packet.time > from.latest) from.latest = packet.time;
  emit({
    type: 'reset',
    conversation: talk.conversation!,
    from: from.from,
    position: from.next,
    capturedAt: packet.time,
    deliverableAt: from.latest,
    packet: packet.number,
  });
  for (const each of after) countAfter(talk, each.segment);
  tellAfter(talk, emit);
}

/** Counts a segment that came behind a reset, if something is lost with it. */
export function countAfter(talk: TcpConversation, segment: Segment): void {
  if (!isSomething(segment) || segment.flags & TCP_RST) return;
  talk.aftermath ??= { packets: 0, bytes: 0, firstPacket: segment.packet.number };
  talk.aftermath.packets++;
  talk.aftermath.bytes += segment.length;
}

/** Tells what was counted since it was told. */
export function tellAfter(talk: TcpConversation, emit: Emit): void {
  if (talk.aftermath === null) return;
  emit({ type: 'after-reset', conversation: talk.conversation!, ...talk.aftermath });
  talk.aftermath = null;
}
