/**
 * Blocks of a pcapng file (draft-ietf-opsawg-pcapng), written in place: little-endian, times in nanoseconds. A
 * recording has one interface, of IP packets; packets of other captures (`copiedPacket`) may have more.
 *
 * ```text
 *  section header      once, with the name of the program that writes
 *  interface           once for each link layer
 *  packet              one each:
 *
 *   +------+------+-----------+----------+--------+----------+--------+-----+---------+------+
 *   | type | size | interface | time     | length | original | packet | pad | options | size |
 *   | 4    | 4    | 4         | 4 high,  | 4      | 4        |        | 0-3 |         | 4    |
 *   |      |      |           | 4 low    |        |          |        |     |         |      |
 *   +------+------+-----------+----------+--------+----------+--------+-----+---------+------+
 *    0                                                        28
 * ```
 *
 * To write a packet, the caller asks for the block's size, and writes what is in front of the packet and what is
 * behind it. The packet, and the bytes behind it, may be elsewhere in memory.
 */

import { concatBytes } from '../../base/bytes.ts';
import type { Packet } from '../packet.ts';

/** Where in its block a packet begins. */
export const PACKET_OFFSET_BYTES = 28;

/** The most bytes of a comment that are written: an option's length has 16 bits, and a line to read far fewer. */
const COMMENT_LENGTH_MAX = 1024;

const SECTION = 0x0a0d0d0a;
const INTERFACE = 1;
const ENHANCED_PACKET = 6;

const END_OF_OPTIONS = 0;
const COMMENT = 1;
const EPB_FLAGS = 2;
const SHB_USERAPPL = 4;
const IF_TSRESOL = 9;

/** LINKTYPE_RAW: a packet begins with its IP header, and its version is in that. */
const RAW_IP = 101;
const NANOSECONDS = 9;
/** The head of an option, and `epb_flags` with its own. */
const [OPTION_HEAD_BYTES, FLAGS_OPTION_BYTES] = [4, 8];

const encoder = new TextEncoder();
const padded = (length: number): number => (length + 3) & ~3;

/** Which way a packet went, seen from where it was captured: the two lowest bits of `epb_flags`. */
export const INBOUND = 1;
export const OUTBOUND = 2;

/** A comment in the bytes it is written in; cut when it is too long. */
export const commentBytes = (text: string): Uint8Array =>
  encoder.encode(text.slice(0, COMMENT_LENGTH_MAX / 4));

/**
 * The blocks at the beginning of a recording: a section, and its interface of IP packets.
 *
 * @param application who writes it: Wireshark's "Capture application".
 */
export const fileHead = (application: string): Uint8Array =>
  concatBytes([sectionHeader(application), interfaceBlock(RAW_IP)]);

/** The first block of a file. */
export function sectionHeader(application: string): Uint8Array {
  const name = encoder.encode(application);
  const bytes = new Uint8Array(28 + OPTION_HEAD_BYTES + padded(name.length) + OPTION_HEAD_BYTES);
  const view = new DataView(bytes.buffer);
  writeFrame(view, 0, SECTION, bytes.length);
  view.setUint32(8, 0x1a2b3c4d, true);
  view.setUint16(12, 1, true);
  // How long the section is: not known.
  view.setBigInt64(16, -1n, true);
  writeOptionHead(view, 24, SHB_USERAPPL, name.length);
  bytes.set(name, 24 + OPTION_HEAD_BYTES);
  return bytes;
}

/** The next interface of a section; the first has the number 0. */
export function interfaceBlock(linkType: number): Uint8Array {
  const bytes = new Uint8Array(28 + OPTION_HEAD_BYTES);
  const view = new DataView(bytes.buffer);
  writeFrame(view, 0, INTERFACE, bytes.length);
  view.setUint16(8, linkType, true);
  // The longest packet, at 12, stays 0: no limit.
  writeOptionHead(view, 16, IF_TSRESOL, 1);
  view.setUint8(20, NANOSECONDS);
  return bytes;
}

/** The block of a packet of another capture, as it was captured there. @param interfaceId the number of its interface. */
export function copiedPacket({ bytes, time, originalLength }: Packet, interfaceId: number): Uint8Array {
  const size = PACKET_OFFSET_BYTES + padded(bytes.length) + 4;
  const block = new Uint8Array(size);
  const view = new DataView(block.buffer);
  const nanos = BigInt.asUintN(64, time);
  writePacketHead(view, 0, size, Number(nanos >> 32n), Number(nanos & 0xffff_ffffn), bytes.length);
  view.setUint32(8, interfaceId, true);
  view.setUint32(24, originalLength, true);
  view.setUint32(size - 4, size, true);
  block.set(bytes, PACKET_OFFSET_BYTES);
  return block;
}

/** How many bytes the block of a packet has: a multiple of 4. */
export function packetBlockSize(length: number, comments: readonly Uint8Array[]): number {
  let options = FLAGS_OPTION_BYTES + OPTION_HEAD_BYTES;
  for (const comment of comments) options += OPTION_HEAD_BYTES + padded(comment.length);
  return PACKET_OFFSET_BYTES + padded(length) + options + 4;
}

/**
 * Writes what is in front of a packet: `PACKET_OFFSET_BYTES`.
 *
 * @param size what `packetBlockSize` says.
 * @param timeHigh the upper 32 bits of the time, in nanoseconds since 1970; `timeLow` the lower ones.
 * @param length bytes of the packet.
 */
export function writePacketHead(
  view: DataView,
  at: number,
  size: number,
  timeHigh: number,
  timeLow: number,
  length: number,
): void {
  view.setUint32(at, ENHANCED_PACKET, true);
  view.setUint32(at + 4, size, true);
  view.setUint32(at + 8, 0, true);
  view.setUint32(at + 12, timeHigh, true);
  view.setUint32(at + 16, timeLow, true);
  view.setUint32(at + 20, length, true);
  view.setUint32(at + 24, length, true);
}

/**
 * Writes what is behind a packet, up to the end of its block.
 *
 * @param at where the packet ends.
 * @param size what `packetBlockSize` says.
 * @param length bytes of the packet.
 * @param direction `INBOUND` or `OUTBOUND`.
 */
export function writePacketTail(
  view: DataView,
  at: number,
  size: number,
  length: number,
  direction: number,
  comments: readonly Uint8Array[],
): void {
  let to = pad(view, at, at + padded(length) - length);
  to = writeOptionHead(view, to, EPB_FLAGS, 4);
  view.setUint32(to, direction, true);
  to += 4;
  for (const comment of comments) {
    to = writeOptionHead(view, to, COMMENT, comment.length);
    new Uint8Array(view.buffer, view.byteOffset + to, comment.length).set(comment);
    to = pad(view, to + comment.length, to + padded(comment.length));
  }
  to = writeOptionHead(view, to, END_OF_OPTIONS, 0);
  view.setUint32(to, size, true);
}

/** A block's type, and its size on both ends. */
function writeFrame(view: DataView, at: number, type: number, size: number): void {
  view.setUint32(at, type, true);
  view.setUint32(at + 4, size, true);
  view.setUint32(at + size - 4, size, true);
}

function writeOptionHead(view: DataView, at: number, code: number, length: number): number {
  view.setUint16(at, code, true);
  view.setUint16(at + 2, length, true);
  return at + OPTION_HEAD_BYTES;
}

/** The room may have been written in before. */
function pad(view: DataView, from: number, to: number): number {
  for (let at = from; at < to; at++) view.setUint8(at, 0);
  return to;
}
