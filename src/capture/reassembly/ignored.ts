/** Packets that do not count are told, as soon as it is known of which conversation they are. */
import type { Segment } from '../segment.ts';
import type { IgnoredReason } from '../stream-event.ts';
import { copied } from './segments.ts';
import { type Direction, type Emit, positionOf } from './tcp-conversation.ts';

/** Tells a packet that does not count; or keeps it, until its conversation is open. */
export function tellIgnored(from: Direction, why: IgnoredReason, segment: Segment, emit: Emit): void {
  const { conversation, ignored } = from.talk;
  if (conversation === null) {
    ignored.push({ from, why, segment: copied(segment, 0) });
    return;
  }
  const { packet, seq, length } = segment;
  emit({
    type: 'ignored',
    conversation,
    from: from.from,
    why,
    position: from.started ? positionOf(from, seq) : null,
    length,
    capturedAt: packet.time,
    packet: packet.number,
  });
}
