/** Packets that do not count are told, as soon as it is known of which conversation they are. */
import { copySegment, type Segment } from '../segment.ts';
import type { IgnoredReason } from '../stream-event.ts';
import { type Direction, type Emit, positionOf } from './tcp-conversation.ts';

/** Tells a packet that does not count; or keeps it, until its conversation is open. */
export function emitIgnored(sender: Direction, why: IgnoredReason, segment: Segment, emit: Emit): void {
  const { conversation, earlyIgnored } = sender.tcp;
  if (conversation === null) {
    earlyIgnored.push({ sender, why, segment: copySegment(segment, 0) });
    return;
  }
  const { packet, seq, length } = segment;
  emit({
    type: 'ignored',
    conversation,
    from: sender.side,
    why,
    position: sender.started ? positionOf(sender, seq) : null,
    length,
    capturedAt: packet.time,
    packet: packet.number,
  });
}
