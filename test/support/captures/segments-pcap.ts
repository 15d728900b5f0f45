/** Scripted segments as a capture file: raw IP, without checksums. */
import type { Segment } from '../../../src/capture/segment.ts';
import { type PacketToWrite, pcapBytes, writer } from './capture-bytes.ts';
import { asBytes } from './segments.ts';

/** The packet of a segment: IPv4 or IPv6 by its flow, and TCP without options. */
export function ipPacket({ flow, seq, ack, flags, payload, length, packet }: Segment): PacketToWrite {
  const hosts = asBytes(flow.slice(0, -4));
  const ports = asBytes(flow.slice(-4));
  const to = writer(true);
  if (hosts.length === 8) {
    to.u8(0x45)
      .u8(0)
      .u16(40 + length)
      .u16(packet.number & 0xffff)
      .u16(0)
      .u8(64)
      .u8(6)
      .u16(0)
      .bytes(hosts);
  } else
    to.u32(0x6000_0000)
      .u16(20 + length)
      .u8(6)
      .u8(64)
      .bytes(hosts);
  to.bytes(ports).u32(seq).u32(ack).u8(0x50).u8(flags).u16(65_535).u32(0).bytes(payload);
  const bytes = to.done();
  return { bytes, time: packet.time, originalLength: bytes.length + length - payload.length };
}

/** A pcap file of segments, with times in nanoseconds. */
export const pcapOfSegments = (segments: readonly Segment[]): Uint8Array =>
  pcapBytes({ packets: segments.map(ipPacket), nano: true, linkType: 101 });
