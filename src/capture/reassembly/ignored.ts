/** Emits `ignored` for segments that their receiver does not accept, once their conversation is open. */
import { copySegment, type Segment } from '../segment.ts';
import type { IgnoredReason } from '../stream-event.ts';
import { type Direction, type Emit, positionOf } from './tcp-conversation.ts';

/** Emits `ignored` for a segment, or keeps the segment until its conversation is open. */
export function emitIgnored(sender: Direction, why: IgnoredReason, segment: Segment, emit: Emit): void {
  const { conversation } = sender.tcp;
  if (conversation === null) {
    sender.tcp.keepIgnored({ sender, why, segment: copySegment(segment, 0) });
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
