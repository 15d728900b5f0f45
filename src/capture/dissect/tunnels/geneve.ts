/**
 * Geneve (RFC 8926).
 *
 * ```text
 *  version, 2 | options, 6: words of 4 bytes | O C 0, 6 | EtherType, 16 | VNI, 24 | 0 | options
 * ```
 */
import type { NoSegment } from '../../segment.ts';
import { LLC_LENGTH_MAX } from '../ether-numbers.ts';
import { uint16, uint32 } from '../integers.ts';
import { type PacketCursor, skip, tooShort } from '../packet-cursor.ts';
import { enterTunnel } from './enter-tunnel.ts';

const HEADER_BYTES = 8;
const IS_CONTROL = 0x80;
const RESERVED = 0x3f;

/** Whether Geneve may be at `at`, as far as it was captured. */
export function isGeneve({ at, bytes, end, wire }: PacketCursor): boolean {
  if (wire - at < HEADER_BYTES) return false;
  if (end - at < HEADER_BYTES) return true;
  const isVersion0 = bytes[at]! >> 6 === 0;
  const isRight = (bytes[at + 1]! & RESERVED) === 0 && bytes[at + 7] === 0;
  return isVersion0 && isRight && uint16(bytes, at + 2) > LLC_LENGTH_MAX;
}

export function readGeneve(cursor: PacketCursor): NoSegment | null {
  const { at, bytes, end } = cursor;
  if (end - at < HEADER_BYTES) return tooShort(cursor, 'Geneve', HEADER_BYTES);
  const header = HEADER_BYTES + ((bytes[at]! & 0x3f) << 2);
  if (end - at < header) return tooShort(cursor, 'Geneve', header);
  if (bytes[at + 1]! & IS_CONTROL) return skip(cursor, 'other', 'Geneve, a control packet');
  cursor.at = at + header;
  cursor.protocol = uint16(bytes, at + 2);
  return enterTunnel(cursor, 'Geneve', uint32(bytes, at + 4) >>> 8);
}
