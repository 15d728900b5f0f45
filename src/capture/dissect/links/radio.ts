/**
 * What capture programs put in front of a frame of IEEE 802.11: how it was received.
 *
 * ```text
 *  radiotap   0 | 0 | length, 16 | fields there are, 32, more of them as long as the highest bit is set | fields
 *  Prism      0x41 or 0x44, 32 | length, 32 | …                 in the order of the host
 *  AVS        0x80211001, 32 | length, 32 | …                   in the order of the network
 * ```
 */
import type { NoSegment } from '../../segment.ts';
import { uint16, uint32 } from '../integers.ts';
import { type PacketCursor, skip, tooShort } from '../packet-cursor.ts';
import { readIeee80211 } from './ieee80211.ts';

/** Fields of radiotap: a clock of 8 bytes, aligned to 8, and flags. */
const HAS_CLOCK = 0x01;
const HAS_FLAGS = 0x02;
const HAS_MORE_FIELDS = 0x80;
const IS_PADDED = 0x20;

const AVS_MAGIC = 0x8021_1000;

export function readRadiotap(cursor: PacketCursor): NoSegment | null {
  const { at, bytes, end } = cursor;
  if (end - at < 8) return tooShort(cursor, 'radiotap', 8);
  const length = bytes[at + 2]! | (bytes[at + 3]! << 8);
  if (bytes[at] !== 0 || length < 8) {
    return skip(
      cursor,
      'malformed',
      `radiotap: version ${bytes[at]}, length ${length}`,
      'radiotap: a header that cannot be',
    );
  }
  if (end - at < length) return tooShort(cursor, 'radiotap', length);
  const isPadded = (flagsOf(bytes, at, at + length) & IS_PADDED) !== 0;
  cursor.at = at + length;
  return readIeee80211(cursor, isPadded);
}

/** The flags of a radiotap header, 0 without. */
function flagsOf(bytes: Uint8Array, at: number, to: number): number {
  const fields = bytes[at + 4]!;
  if ((fields & HAS_FLAGS) === 0) return 0;
  let behind = at + 8;
  while (behind + 4 <= to && bytes[behind - 1]! & HAS_MORE_FIELDS) behind += 4;
  if (fields & HAS_CLOCK) behind = at + ((behind - at + 7) & ~7) + 8;
  return behind < to ? bytes[behind]! : 0;
}

/** Prism, or AVS, which has the same link type in some captures. */
export function readPrism(cursor: PacketCursor): NoSegment | null {
  const { at, bytes, end } = cursor;
  if (end - at < 8) return tooShort(cursor, 'Prism', 8);
  if (uint16(bytes, at) === AVS_MAGIC >>> 16) return readAvs(cursor);
  const big = uint32(bytes, at + 4);
  const little =
    (bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24)) >>> 0;
  return readBehind(cursor, 'Prism', Math.min(big, little));
}

export function readAvs(cursor: PacketCursor): NoSegment | null {
  const { at, bytes, end } = cursor;
  if (end - at < 8) return tooShort(cursor, 'AVS', 8);
  if ((uint32(bytes, at) & 0xffff_f000) >>> 0 !== AVS_MAGIC)
    return skip(cursor, 'malformed', 'AVS: a header that cannot be');
  return readBehind(cursor, 'AVS', uint32(bytes, at + 4));
}

function readBehind(cursor: PacketCursor, layer: string, length: number): NoSegment | null {
  if (length < 8) return skip(cursor, 'malformed', `${layer}: a header that cannot be`);
  if (cursor.end - cursor.at < length) return tooShort(cursor, layer, length);
  cursor.at += length;
  return readIeee80211(cursor, false);
}
