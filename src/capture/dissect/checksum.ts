/**
 * The Internet checksum (RFC 1071): the sum of 16-bit words, in which what is carried out at the top is added again
 * at the bottom. Over something that contains its own right checksum, it is 0xffff.
 */
import { uint16 } from './integers.ts';
import type { PacketCursor } from './packet-cursor.ts';

/** Up to here, making a view to read words with costs more than it saves. */
const LOOP_BYTES_MAX = 64;

/** The sum of the bytes from `from` up to `to`, all within `bytes`, and of what was summed before. */
export function sum(bytes: Uint8Array, from: number, to: number, before = 0): number {
  let total = before;
  let at = from;
  if (to - from > LOOP_BYTES_MAX) {
    const view = new DataView(bytes.buffer, bytes.byteOffset + from, to - from);
    const whole = view.byteLength - (view.byteLength % 16);
    for (let word = 0; word < whole; word += 16) {
      const a = view.getInt32(word);
      const b = view.getInt32(word + 4);
      const c = view.getInt32(word + 8);
      const d = view.getInt32(word + 12);
      total += (a >>> 16) + (b >>> 16) + (c >>> 16) + (d >>> 16);
      total += (a & 0xffff) + (b & 0xffff) + (c & 0xffff) + (d & 0xffff);
    }
    at += whole;
  }
  for (; at + 2 <= to; at += 2) total += uint16(bytes, at);
  if (at < to) total += bytes[at]! << 8;
  while (total > 0xffff) total = (total % 0x10000) + Math.floor(total / 0x10000);
  return total;
}

/**
 * Whether the TCP segment at `at`, all of which was captured, has the right checksum: over the addresses, its length
 * and protocol (the pseudo header; RFC 9293, section 3.1, and RFC 8200, section 8.1) and itself.
 */
export function isTcpChecksumRight(cursor: PacketCursor): boolean {
  const { addresses, addressesAt, addressesLength, at, bytes, end } = cursor;
  const length = end - at;
  const rest = 6 + (length >>> 16) + (length & 0xffff);
  const pseudo = sum(addresses, addressesAt, addressesAt + addressesLength, rest);
  return sum(bytes, at, end, pseudo) === 0xffff;
}
