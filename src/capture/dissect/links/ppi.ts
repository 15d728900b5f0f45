/**
 * PPI: a header with facts about a packet, and its link type.
 *
 * ```text
 *  0 | flags | length, 16 | link type, 32 | fields          in little-endian order
 * ```
 */
import type { NoSegment } from '../../segment.ts';
import { type PacketCursor, skip, tooShort } from '../packet-cursor.ts';

export const PPI = 192;
const HEADER_BYTES = 8;

/** Moves behind the header, and returns the link type of what is there; a result when there is none. */
export function readPpi(cursor: PacketCursor): NoSegment | number {
  const { at, bytes, end } = cursor;
  if (end - at < HEADER_BYTES) return tooShort(cursor, 'PPI', HEADER_BYTES);
  const length = bytes[at + 2]! | (bytes[at + 3]! << 8);
  if (bytes[at] !== 0 || length < HEADER_BYTES)
    return skip(cursor, 'malformed', 'PPI: a header that cannot be');
  if (end - at < length) return tooShort(cursor, 'PPI', length);
  cursor.at = at + length;
  return (bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24)) >>> 0;
}
