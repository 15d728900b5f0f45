/** Writes small captures: TCP over IPv4 in a pcap file, for the tests of the Wireshark dissector. */
import { otherSide } from '../../../src/capture/other-side.ts';

export interface TcpPacket {
  /** The number of the connection: the client's port is 40000 more. */
  readonly connection: number;
  readonly from: 'client' | 'server';
  /** The position of its bytes among those of its side. A SYN is at -1. */
  readonly position: number;
  /** The number of bytes of the other side that it acknowledges. */
  readonly seen?: number;
  readonly bytes?: Uint8Array;
  readonly syn?: boolean;
  /** Bytes of the packet's payload that are in the capture; default all of them. */
  readonly captured?: number;
}

const firstNumbers = { client: 0xffff_f000, server: 7000 };

function packetBytes(packet: TcpPacket, serverPort: number): { bytes: Buffer; cut: number } {
  const { connection, from, position, seen = 0, bytes = new Uint8Array(0), syn = false } = packet;
  const other = otherSide[from];
  const ports = { client: 40_000 + connection, server: serverPort };
  const packed = Buffer.alloc(40 + bytes.length);
  packed.writeUInt8(0x45, 0);
  packed.writeUInt16BE(packed.length, 2);
  packed.writeUInt8(64, 8);
  packed.writeUInt8(6, 9);
  packed.set(from === 'client' ? [10, 0, 0, 1, 10, 0, 0, 2] : [10, 0, 0, 2, 10, 0, 0, 1], 12);
  packed.writeUInt16BE(ports[from], 20);
  packed.writeUInt16BE(ports[other], 22);
  packed.writeUInt32BE((firstNumbers[from] + 1 + position) >>> 0, 24);
  const acked = syn && from === 'client' ? 0 : (firstNumbers[other] + 1 + seen) >>> 0;
  packed.writeUInt32BE(acked, 28);
  packed.writeUInt8(0x50, 32);
  packed.writeUInt8(syn ? (from === 'client' ? 0x02 : 0x12) : 0x18, 33);
  packed.writeUInt16BE(65_535, 34);
  packed.set(bytes, 40);
  return { bytes: packed, cut: 40 + Math.min(bytes.length, packet.captured ?? bytes.length) };
}

/** A pcap file of these packets, a millisecond apart. */
export function pcapOf(packets: readonly TcpPacket[], serverPort: number): Buffer {
  const head = Buffer.alloc(24);
  head.writeUInt32LE(0xa1b2c3d4, 0);
  head.writeUInt16LE(2, 4);
  head.writeUInt16LE(4, 6);
  head.writeUInt32LE(262_144, 16);
  head.writeUInt32LE(101, 20);
  const blocks = packets.flatMap((packet, i) => {
    const { bytes, cut } = packetBytes(packet, serverPort);
    const record = Buffer.alloc(16);
    record.writeUInt32LE(1_700_000_000 + Math.floor(i / 1000), 0);
    record.writeUInt32LE((i % 1000) * 1000, 4);
    record.writeUInt32LE(cut, 8);
    record.writeUInt32LE(bytes.length, 12);
    return [record, bytes.subarray(0, cut)];
  });
  return Buffer.concat([head, ...blocks]);
}

/** The two packets that open a connection. */
export const handshake = (connection: number): TcpPacket[] => [
  { connection, from: 'client', position: -1, syn: true },
  { connection, from: 'server', position: -1, syn: true },
];

/** The packets with the bytes of one side, cut into pieces of these lengths in turn. */
export function segments(
  connection: number,
  from: TcpPacket['from'],
  bytes: Uint8Array,
  lengths: readonly number[],
): TcpPacket[] {
  const packets: TcpPacket[] = [];
  for (let at = 0; at < bytes.length; ) {
    const piece = bytes.subarray(at, at + lengths[packets.length % lengths.length]!);
    packets.push({ connection, from, position: at, bytes: piece });
    at += piece.length;
  }
  return packets;
}
