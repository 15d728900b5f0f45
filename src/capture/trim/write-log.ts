/**
 * Writes logged conversations as a pcapng file that reads back as the same streams: the same chunks at the same
 * positions and times, what their senders had seen, gaps, ends and resets. The packets are made anew, so that nothing
 * else of the original ones is in it: no hardware addresses, options or comments.
 */
import { concatBytes } from '../../base/bytes.ts';
import { otherSide } from '../other-side.ts';
import {
  fileHead,
  INBOUND,
  OUTBOUND,
  PACKET_OFFSET_BYTES,
  packetBlockSize,
  writePacketHead,
  writePacketTail,
} from '../record/pcapng-write.ts';
import { createSummedRooms, type Room } from '../record/summed-room.ts';
import {
  createPacketMaker,
  PAYLOAD_BYTES_MAX,
  type PacketMaker,
  SYN_OPTIONS_BYTES,
} from '../record/synthetic-packets.ts';
import { TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN } from '../segment.ts';
import type { Side } from '../stream-event.ts';
import type { ConversationLog, LoggedConversation, LoggedEvent } from './conversation-log.ts';
import { createStandIns } from './stand-in-hosts.ts';

const APPLICATION = 'Sluice';
const TWO_32 = 2n ** 32n;
const NO_BYTES = new Uint8Array(0);
/** Room for the longest packet and what is around it. */
const PACKET_ROOM_BYTES = 128 * 1024;
const directions = { client: INBOUND, server: OUTBOUND } as const;

export interface WrittenLog {
  readonly bytes: Uint8Array;
  readonly packets: number;
}

/** The sequence numbers of one side in the file. That of its SYN is 0, and that of its first byte 1. */
interface SideState {
  readonly maker: PacketMaker;
  /** The number behind everything it has sent, and the greatest that its peer has acknowledged. */
  next: number;
  acked: number;
}
type Sides = Readonly<Record<Side, SideState>>;

interface Writer {
  /** Where each packet is put together. */
  readonly room: Room;
  readonly blocks: Uint8Array[];
  packets: number;
  /** The time of the last packet: times never fall. */
  time: bigint;
}

interface PacketToWrite {
  readonly flags: number;
  readonly seq: number;
  readonly ack: number;
  readonly payload?: Uint8Array;
}

export function writeLog({ events }: ConversationLog): WrittenLog {
  const standIns = createStandIns();
  const conversations = new Map<LoggedConversation, Sides>();
  const room = createSummedRooms(1, PACKET_ROOM_BYTES)[0]!;
  const writer: Writer = { room, blocks: [fileHead(APPLICATION)], packets: 0, time: 0n };
  for (const event of events) {
    if (event.type === 'open') {
      const { client, server } = standIns(event.of.recorded);
      const side = (maker: PacketMaker): SideState => ({ maker, next: 1, acked: 1 });
      const sides = {
        client: side(createPacketMaker(client, server)),
        server: side(createPacketMaker(server, client)),
      };
      conversations.set(event.of, sides);
      writeOpening(writer, sides, event.of, event.time);
    } else writeEvent(writer, conversations.get(event.of)!, event);
  }
  return { bytes: concatBytes(writer.blocks), packets: writer.packets };
}

/** A recording that began later has no SYN, so none is written. */
function writeOpening(writer: Writer, sides: Sides, { recorded }: LoggedConversation, time: bigint): void {
  const { opening } = recorded;
  if (opening === 'midstream') return;
  if (opening === 'syn') writePacket(writer, sides, 'client', time, { flags: TCP_SYN, seq: 0, ack: 0 });
  writePacket(writer, sides, 'server', time, { flags: TCP_SYN | TCP_ACK, seq: 0, ack: 1 });
  writePacket(writer, sides, 'client', time, { flags: TCP_ACK, seq: 1, ack: 1 });
}

function writeEvent(
  writer: Writer,
  sides: Sides,
  event: Exclude<LoggedEvent, { readonly type: 'open' }>,
): void {
  const { from, position } = event;
  const [own, peer] = [sides[from], sides[otherSide[from]]];
  const seq = 1 + position;
  switch (event.type) {
    case 'chunk': {
      const { bytes, seen, time } = event;
      const ack = seen === null ? peer.acked : 1 + seen;
      for (let at = 0; at < bytes.length; at += PAYLOAD_BYTES_MAX) {
        const payload = bytes.subarray(at, at + PAYLOAD_BYTES_MAX);
        writePacket(writer, sides, from, time, { flags: TCP_ACK | TCP_PSH, seq: seq + at, ack, payload });
      }
      own.next = seq + bytes.length;
      return;
    }
    case 'gap':
      own.next = seq + event.length;
      // An acknowledgement of the other side shows that these bytes were sent.
      return writePacket(writer, sides, otherSide[from], writer.time, {
        flags: TCP_ACK,
        seq: peer.next,
        ack: own.next,
      });
    case 'end':
      own.next = seq + 1;
      return writePacket(writer, sides, from, event.time, { flags: TCP_FIN | TCP_ACK, seq, ack: peer.next });
    case 'reset':
      return writePacket(writer, sides, from, event.time, { flags: TCP_RST | TCP_ACK, seq, ack: peer.next });
  }
}

function writePacket(writer: Writer, sides: Sides, from: Side, time: bigint, packet: PacketToWrite): void {
  const { flags, seq, ack, payload = NO_BYTES } = packet;
  const { maker } = sides[from];
  const peer = sides[otherSide[from]];
  peer.acked = Math.max(peer.acked, ack);
  if (time > writer.time) writer.time = time;
  const length = maker.headers + (flags & TCP_SYN ? SYN_OPTIONS_BYTES : payload.length);
  const size = packetBlockSize(length, []);
  const { room } = writer;
  room.bytes.set(payload, PACKET_OFFSET_BYTES + maker.headers);
  maker.write(room, PACKET_OFFSET_BYTES, flags, seq, ack, payload.length);
  const [high, low] = [Number(writer.time / TWO_32), Number(writer.time % TWO_32)];
  writePacketHead(room.view, 0, size, high, low, length);
  writePacketTail(room.view, PACKET_OFFSET_BYTES + length, size, length, directions[from], []);
  writer.blocks.push(room.bytes.slice(0, size));
  writer.packets++;
}
