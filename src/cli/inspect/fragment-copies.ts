/** Keeps packets with fragments until the segment is whole that they carry. */
import type { Packet } from '../../capture/packet.ts';
import type { NoSegment, Segment } from '../../capture/segment.ts';

export interface FragmentCopies {
  /** Takes a packet that is in no stream, and keeps a copy if it has a fragment. */
  take(unread: NoSegment): void;
  /** The packets with earlier fragments of a segment, which are kept no longer. */
  of(segment: Segment): readonly Packet[];
}

/** More than all fragments have that the dissector waits for. The oldest are forgotten. */
const KEPT_BYTES_MAX = 8 * 1024 * 1024;
/** Approximate memory of a copy besides its bytes. */
const COPY_COST_BYTES = 256;

export function createFragmentCopies(): FragmentCopies {
  /** By their numbers, the oldest first. */
  const kept = new Map<number, Packet>();
  let cost = 0;
  const costOf = ({ bytes }: Packet): number => bytes.length + COPY_COST_BYTES;

  function remove(packet: Packet): void {
    kept.delete(packet.number);
    cost -= costOf(packet);
  }

  return {
    take({ packet, skipped }) {
      if (skipped !== 'fragment') return;
      kept.set(packet.number, { ...packet, bytes: packet.bytes.slice() });
      cost += costOf(packet);
      for (const oldest of kept.values()) {
        if (cost <= KEPT_BYTES_MAX) return;
        remove(oldest);
      }
    },
    of({ fragments }) {
      if (fragments === undefined) return NONE;
      const packets = fragments.flatMap((number) => kept.get(number) ?? []);
      for (const packet of packets) remove(packet);
      return packets;
    },
  };
}

const NONE: readonly Packet[] = [];
