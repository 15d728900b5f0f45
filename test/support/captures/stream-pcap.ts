/** Writes stream events as the pcap file that a network would give. */
import type { Conversation, Side, StreamEvent } from '../../../src/capture/stream-event.ts';

const FIN = 0x01;
const SYN = 0x02;
const RST = 0x04;
const ACK = 0x10;
const firstNumbers = { client: 0xffff_fff0, server: 7000 };
const other = { client: 'server', server: 'client' } as const;

/** A file with the packets of the events, in order. A gap has no packet. */
export function pcapOfEvents(events: readonly StreamEvent[]): Uint8Array {
  const head = Buffer.alloc(24);
  // Nanoseconds; the link is raw IP.
  head.writeUInt32LE(0xa1b23c4d, 0);
  head.writeUInt16LE(2, 4);
  head.writeUInt16LE(4, 6);
  head.writeUInt32LE(262_144, 16);
  head.writeUInt32LE(101, 20);
  const records: Buffer[] = [head];
  /** The number of bytes that each side of a conversation has sent. */
  const at = new Map<Conversation, Record<Side, number>>();

  const packet = (
    of: Conversation,
    from: Side,
    time: bigint,
    flags: number,
    position: number,
    bytes = nothing,
  ) => {
    const seen = at.get(of)![other[from]];
    const packed = Buffer.alloc(40 + bytes.length);
    packed.writeUInt8(0x45, 0);
    packed.writeUInt16BE(packed.length, 2);
    packed.writeUInt8(64, 8);
    packed.writeUInt8(6, 9);
    packed.set([...host(of[from]), ...host(of[other[from]])], 12);
    packed.writeUInt16BE(port(of[from]), 20);
    packed.writeUInt16BE(port(of[other[from]]), 22);
    packed.writeUInt32BE((firstNumbers[from] + 1 + position) >>> 0, 24);
    if (flags & ACK) packed.writeUInt32BE((firstNumbers[other[from]] + 1 + seen) >>> 0, 28);
    packed.writeUInt8(0x50, 32);
    packed.writeUInt8(flags, 33);
    packed.writeUInt16BE(65_535, 34);
    packed.set(bytes, 40);
    const record = Buffer.alloc(16);
    record.writeUInt32LE(Number(time / 1_000_000_000n), 0);
    record.writeUInt32LE(Number(time % 1_000_000_000n), 4);
    record.writeUInt32LE(packed.length, 8);
    record.writeUInt32LE(packed.length, 12);
    records.push(record, packed);
  };

  for (const event of events) {
    if (!('conversation' in event)) continue;
    const { conversation } = event;
    switch (event.type) {
      case 'open':
        at.set(conversation, { client: 0, server: 0 });
        packet(conversation, 'client', conversation.startedAt, SYN, -1);
        packet(conversation, 'server', conversation.startedAt, SYN | ACK, -1);
        break;
      case 'chunk':
        for (let from = 0; from < event.bytes.length; from += 1400) {
          const piece = event.bytes.subarray(from, from + 1400);
          packet(conversation, event.from, event.capturedAt, ACK, event.position + from, piece);
        }
        at.get(conversation)![event.from] = event.position + event.bytes.length;
        break;
      case 'gap':
        at.get(conversation)![event.from] = event.position + event.length;
        break;
      case 'end':
      case 'reset':
        packet(
          conversation,
          event.from,
          event.capturedAt,
          ACK | (event.type === 'end' ? FIN : RST),
          event.position,
        );
        if (event.type === 'end') at.get(conversation)![event.from] = event.position + 1;
    }
  }
  return Buffer.concat(records);
}

const nothing: Uint8Array = new Uint8Array(0);
const host = (address: string): number[] => address.slice(0, address.indexOf(':')).split('.').map(Number);
const port = (address: string): number => Number(address.slice(address.indexOf(':') + 1));
