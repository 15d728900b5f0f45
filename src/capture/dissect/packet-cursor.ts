/** A cursor in a packet: each layer moves it to the layer inside. */
import type { Packet } from '../packet.ts';
import type { NoSegment } from '../segment.ts';
import { createTunnelTable, NO_TUNNEL, type TunnelTable } from './tunnels/tunnel-table.ts';

/**
 * A dissector has one cursor, and resets it for every packet, so that the layers need no objects of their own. A layer
 * reads at `at`, moves `at` behind its header, narrows `end` and `wire` to the content that its header declares, and
 * sets `protocol` to the protocol of the content.
 *
 * Always `at <= end <= bytes.length` and `end <= wire`: nothing at `end` or behind it may be read.
 */
export interface PacketCursor {
  packet: Packet;
  /** The packet's bytes; of a packet that came in fragments, their joined contents. */
  bytes: Uint8Array;
  /** Where the next header begins. */
  at: number;
  /** Where the captured bytes of this layer end. */
  end: number;
  /** Where they would end, had everything been captured. */
  wire: number;
  /** The protocol at `at`: an EtherType, and then the number of an IP protocol. */
  protocol: number;
  /** Where the IP addresses are: source and destination, side by side. */
  addresses: Uint8Array;
  addressesAt: number;
  /** Of both of them: 8 or 32, and 0 in front of the first IP header. */
  addressesLength: number;
  /** The number of the tunnel that `at` is in, how many there are around it, and the kind of the innermost. */
  tunnel: number;
  depth: number;
  within: string;
  readonly tunnels: TunnelTable;
  /** The numbers of the packets in which earlier fragments of it came; undefined when it came in one. */
  fragments: readonly number[] | undefined;
}

const NO_BYTES = new Uint8Array(0);
const NO_PACKET: Packet = {
  number: 0,
  time: 0n,
  linkType: 0,
  bytes: NO_BYTES,
  originalLength: 0,
  position: 0,
};

export function createPacketCursor(): PacketCursor {
  return {
    packet: NO_PACKET,
    bytes: NO_BYTES,
    at: 0,
    end: 0,
    wire: 0,
    protocol: 0,
    addresses: NO_BYTES,
    addressesAt: 0,
    addressesLength: 0,
    tunnel: NO_TUNNEL,
    depth: 0,
    within: '',
    tunnels: createTunnelTable(),
    fragments: undefined,
  };
}

/** Sets a cursor to the beginning of a packet. */
export function startPacket(cursor: PacketCursor, packet: Packet): void {
  const { bytes } = packet;
  const { length } = bytes;
  cursor.packet = packet;
  cursor.bytes = bytes;
  cursor.at = 0;
  cursor.end = length;
  // A file may declare a packet shorter than the bytes that it has of it.
  cursor.wire = packet.originalLength > length ? packet.originalLength : length;
  cursor.protocol = 0;
  cursor.addressesLength = 0;
  cursor.tunnel = NO_TUNNEL;
  cursor.depth = 0;
  cursor.fragments = undefined;
}

/**
 * Ends the layer at `to`, as its header says. Where the lengths of two layers differ, the smaller one holds: behind the
 * inner one is padding, or a check sequence, and behind the outer one there is nothing.
 */
export function endAt(cursor: PacketCursor, to: number): void {
  if (to >= cursor.wire) return;
  cursor.wire = to;
  if (to < cursor.end) cursor.end = to;
}

/**
 * A packet that is no segment, and why. Of what is in a tunnel the message says so.
 *
 * @param reason the message without the numbers of this one packet. Packets are counted by it.
 */
export function skip(
  cursor: PacketCursor,
  skipped: NoSegment['skipped'],
  message: string,
  reason = message,
): NoSegment {
  const { depth, fragments, packet, within } = cursor;
  if (depth === 0 && fragments === undefined) return { packet, skipped, message, reason };
  const where = depth === 0 ? '' : `, in ${within}`;
  return { packet, skipped, message: message + where, reason: reason + where, packets: packetsOf(cursor) };
}

/** How many packets of the capture a cursor is about: more than one when it came in fragments. */
export const packetsOf = ({ fragments }: PacketCursor): number => 1 + (fragments?.length ?? 0);

/**
 * Skips a packet without all `length` bytes of a header: it was cut when it was captured, or never had them.
 * Called only when `at + length > end`.
 */
export function tooShort(cursor: PacketCursor, layer: string, length: number): NoSegment {
  const { at, end, wire } = cursor;
  return at + length > wire
    ? skip(
        cursor,
        'malformed',
        `${layer}: header of ${length} bytes, and the packet has ${wire - at} left`,
        `${layer}: the packet ends within the header`,
      )
    : skip(
        cursor,
        'cut',
        `${layer}: header of ${length} bytes, and ${end - at} of them were captured`,
        `${layer}: the header was not captured to its end`,
      );
}
