// Makes a capture to measure with: one connection that sends frames, in packets of one size, as a pcapng-free, plain
// pcap file, so that the file is nearly all payload and is made as fast as the disk takes it.
import { closeSync, openSync, writevSync } from 'node:fs';

const HEADERS = 14 + 20 + 20;

/**
 * @param path the file to write.
 * @param size bytes of payload in all.
 * @param packet bytes of payload a packet, at most 65,495.
 * @param frame bytes of a frame, its 4-byte big-endian length included.
 * @returns how many frames and packets there are.
 */
export function makeCapture(path, { size, packet, frame }) {
  const frames = Math.floor(size / frame);
  const total = frames * frame;
  const file = openSync(path, 'w');
  writevSync(file, [fileHeader()]);
  // The stream, again and again: a frame's length and bytes that are nothing in particular.
  const unit = Buffer.alloc(frame, 'sluice');
  unit.writeUInt32BE(frame - 4, 0);
  let packets = 0;
  let pending = [record(packets++, 0, 0, 0x02)];
  for (let sent = 0; sent < total; ) {
    const length = Math.min(packet, total - sent);
    pending.push(record(packets++, 1 + sent, length, 0x18));
    for (let at = sent; at < sent + length; ) {
      const take = Math.min(frame - (at % frame), sent + length - at);
      pending.push(unit.subarray(at % frame, (at % frame) + take));
      at += take;
    }
    sent += length;
    if (pending.length >= 500) {
      writevSync(file, pending);
      pending = [];
    }
  }
  writevSync(file, [...pending, record(packets++, 1 + total, 0, 0x11)]);
  closeSync(file);
  return { frames, packets, bytes: total };
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

/** A record's header and those of Ethernet, IPv4 and TCP. */
function record(number, seq, length, flags) {
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
  bytes.set([192, 0, 2, 1, 192, 0, 2, 2], ip + 12);
  const tcp = ip + 20;
  bytes.writeUInt16BE(50_000, tcp);
  bytes.writeUInt16BE(9_000, tcp + 2);
  bytes.writeUInt32BE(seq >>> 0, tcp + 4);
  bytes[tcp + 12] = 0x50;
  bytes[tcp + 13] = flags;
  bytes.writeUInt16BE(65_535, tcp + 14);
  return bytes;
}
