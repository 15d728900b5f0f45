/** Delivers the bytes of one direction in order: as chunks, and an `end` behind the last one. */
import type { StreamChunk } from '../stream-event.ts';
import { dropFirst, type HeldTotals } from './out-of-order-buffer.ts';
import type { ReassemblyLimits } from './reassembly-options.ts';
import type { RecentChunks } from './recent-chunks.ts';
import { distance, seqPlus } from './sequence.ts';
import { type Direction, type Emit, NONE } from './tcp-conversation.ts';
import { sendLimit } from './window.ts';

/** State that all directions of a reassembly share. */
export interface SharedState {
  readonly limits: ReassemblyLimits;
  readonly recent: RecentChunks;
  readonly heldTotals: HeldTotals;
}

/** Delivers the bytes at `next`. */
export function deliver(
  direction: Direction,
  bytes: Uint8Array,
  packet: number,
  capturedAt: bigint,
  ack: number,
  shared: SharedState,
  emit: Emit,
): void {
  if (capturedAt > direction.latest) direction.latest = capturedAt;
  const chunk: StreamChunk = {
    type: 'chunk',
    conversation: direction.tcp.conversation!,
    from: direction.side,
    position: direction.next,
    capturedAt,
    deliverableAt: direction.latest,
    packet,
    bytes,
    seen: ack === NONE ? null : seenOf(direction.peer, ack),
  };
  advance(direction, bytes.length);
  direction.bytes += bytes.length;
  if (packet >= direction.lastInOrderPacket) direction.lastInOrderPacket = packet;
  else if (packet !== direction.lastOutOfOrderPacket) {
    direction.lastOutOfOrderPacket = packet;
    direction.outOfOrder++;
  }
  shared.recent.push(chunk);
  emit(chunk);
}

export function advance(direction: Direction, count: number): void {
  direction.next += count;
  direction.nextSeq = seqPlus(direction.nextSeq, count);
  if (direction.highest < direction.next) direction.highest = direction.next;
}

/**
 * Converts an acknowledgement into a position in the peer's bytes. A FIN has a sequence number, but is no byte. Null
 * when the acknowledgement is not believed.
 */
function seenOf(peer: Direction, ack: number): number | null {
  if (!peer.started) return null;
  const position = peer.next + distance(peer.nextSeq, ack);
  return position > peer.highest && position > sendLimit(peer)
    ? null
    : Math.min(Math.max(0, position), peer.finAt);
}

/** Delivers the held bytes at `next`, and the FIN once all bytes before it are delivered. */
export function drain(direction: Direction, shared: SharedState, emit: Emit): void {
  const { held } = direction;
  let count = 0;
  for (; held[count]?.position === direction.next; count++) {
    const { bytes, packet, capturedAt, ack } = held[count]!;
    deliver(direction, bytes, packet, capturedAt, ack, shared, emit);
  }
  dropFirst(direction, count, direction.next, shared.heldTotals);
  if (direction.next === direction.finAt && !direction.ended) emitEnd(direction, emit);
}

function emitEnd(direction: Direction, emit: Emit): void {
  direction.ended = true;
  if (direction.finTime > direction.latest) direction.latest = direction.finTime;
  emit({
    type: 'end',
    conversation: direction.tcp.conversation!,
    from: direction.side,
    position: direction.next,
    capturedAt: direction.finTime,
    deliverableAt: direction.latest,
    packet: direction.finPacket,
  });
}
