// Makes captures to measure with, as plain pcap files, so that a file is nearly all payload and is made as fast as the
// disk takes it.
import { closeSync, openSync, writevSync } from 'node:fs';

const HEADERS = 14 + 20 + 20;
const FIN = 0x01;
const SYN = 0x02;
const ACK = 0x10;
const PSH_ACK = 0x18;
/** Packets of a sender's window: one that was lost is sent again so many packets later. */
const RESENT_AFTER = 64;

/**
 * One connection that sends frames, in packets of one size.
 *
 * @param path the file to write.
 * @param size bytes of payload in all.
 * @param packet bytes of payload a packet, at most 65,495.
 * @param frame bytes of a frame, its 4-byte big-endian length included.
 * @param lost `resent`: every 50th packet is missing, and comes again 64 packets later. `never`: it does not come, as
 * where a capture lost it. Then the receiver acknowledges every second packet; without it, nothing.
 * @returns how many frames and bytes there are; where packets never come, how many bytes come.
 */
export function makeCapture(path, { size, packet, frame, lost = null }) {
  const frames = Math.floor(size / frame);
  const total = frames * frame;
  const file = createWriter(path);
  // The stream, again and again: a frame's length and bytes that are nothing in particular.
  const unit = Buffer.alloc(frame, 'sluice');
  unit.writeUInt32BE(frame - 4, 0);
  const send = (from, length) => {
    file.record({ seq: 1 + from, length, flags: PSH_ACK, ack: 1 });
    for (let at = from; at < from + length; ) {
      const take = Math.min(frame - (at % frame), from + length - at);
      file.bytes(unit.subarray(at % frame, (at % frame) + take));
      at += take;
    }
  };

  file.record({ flags: SYN });
  if (lost !== null) file.record({ flags: SYN | ACK, ack: 1, back: true });
  const again = [];
  let bytes = total;
  for (let sent = 0, number = 0; sent < total; number++) {
    const length = Math.min(packet, total - sent);
    // The first and the last are there, so that the ends of both sides are.
    if (lost === null || number % 50 !== 25 || sent + length === total) send(sent, length);
    else if (lost === 'resent') again.push({ number, sent, length });
    else bytes -= length;
    sent += length;
    if (again.length > 0 && number - again[0].number === RESENT_AFTER) {
      const { sent: from, length: count } = again.shift();
      send(from, count);
    }
    const acknowledged = again[0]?.sent ?? sent;
    if (lost !== null && number % 2 === 1)
      file.record({ seq: 1, ack: 1 + acknowledged, flags: ACK, back: true });
  }
  for (const { sent, length } of again) send(sent, length);
  file.record({ seq: 1 + total, flags: FIN | ACK, ack: 1 });
  if (lost !== null) file.record({ seq: 1, ack: 2 + total, flags: FIN | ACK, back: true });
  file.close();
  return { frames, packets: file.packets(), bytes };
}

/**
 * Many connections at once, each with a frame that asks and one of two packets that answers, and none over before all
 * have begun: the most state for a reader to keep.
 *
 * @returns as `makeCapture` does.
 */
export function makeManyConversations(path, count) {
  const file = createWriter(path);
  const ask = Buffer.alloc(256, 'ask');
  ask.writeUInt32BE(ask.length - 4, 0);
  const answer = Buffer.alloc(2 * 1448, 'answer');
  answer.writeUInt32BE(answer.length - 4, 0);
  const first = answer.subarray(0, 1448);
  const second = answer.subarray(1448);
  const each = (step) => {
    for (let client = 0; client < count; client++) step(client);
  };
  each((client) => {
    file.record({ client, flags: SYN });
    file.record({ client, flags: SYN | ACK, ack: 1, back: true });
    file.record({ client, seq: 1, flags: ACK, ack: 1 });
  });
  each((client) => {
    file.record({ client, seq: 1, flags: PSH_ACK, ack: 1, length: ask.length });
    file.bytes(ask);
  });
  each((client) => {
    file.record({ client, seq: 1, flags: ACK, ack: 257, length: first.length, back: true });
    file.bytes(first);
    file.record({ client, seq: 1449, flags: PSH_ACK, ack: 257, length: second.length, back: true });
    file.bytes(second);
  });
  each((client) => {
    file.record({ client, seq: 257, flags: FIN | ACK, ack: 2897 });
    file.record({ client, seq: 2897, flags: FIN | ACK, ack: 258, back: true });
    file.record({ client, seq: 258, flags: ACK, ack: 2898 });
  });
  file.close();
  return { frames: 2 * count, packets: file.packets(), bytes: count * (ask.length + answer.length) };
}

/** Writes records, and the bytes that follow them, many at a time. */
function createWriter(path) {
  const file = openSync(path, 'w');
  let packets = 0;
  let pending = [fileHeader()];
  const flush = () => {
    writevSync(file, pending);
    pending = [];
  };
  const bytes = (some) => {
    pending.push(some);
    if (pending.length >= 1000) flush();
  };
  return {
    record: (fields) => bytes(record(packets++, fields)),
    bytes,
    packets: () => packets,
    close() {
      flush();
      closeSync(file);
    },
  };
}

function fileHeader() {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(262_144, 16);
  header.writeUInt32LE(1, 20);
  return header;
}

/** A record's header and those of Ethernet, IPv4 and TCP. Clients have addresses and ports of their own. */
function record(number, { client = 0, seq = 0, ack = 0, length = 0, flags, back = false }) {
  const bytes = Buffer.alloc(16 + HEADERS);
  bytes.writeUInt32LE(1_700_000_000 + Math.floor(number / 10_000), 0);
  bytes.writeUInt32LE((number % 10_000) * 100, 4);
  bytes.writeUInt32LE(HEADERS + length, 8);
  bytes.writeUInt32LE(HEADERS + length, 12);
  bytes.writeUInt16BE(0x0800, 16 + 12);
  const ip = 16 + 14;
  bytes[ip] = 0x45;
  bytes.writeUInt16BE(40 + length, ip + 2);
  bytes[ip + 8] = 64;
  bytes[ip + 9] = 6;
  const there = [192, 0, 2, 2];
  const here = [198, 18, Math.floor(client / 16_384) >> 8, Math.floor(client / 16_384) & 0xff];
  bytes.set(back ? [...there, ...here] : [...here, ...there], ip + 12);
  const tcp = ip + 20;
  const port = 32_768 + (client % 16_384);
  bytes.writeUInt16BE(back ? 9_000 : port, tcp);
  bytes.writeUInt16BE(back ? port : 9_000, tcp + 2);
  bytes.writeUInt32BE(seq >>> 0, tcp + 4);
  bytes.writeUInt32BE(ack >>> 0, tcp + 8);
  bytes[tcp + 12] = 0x50;
  bytes[tcp + 13] = flags;
  bytes.writeUInt16BE(65_535, tcp + 14);
  return bytes;
}
