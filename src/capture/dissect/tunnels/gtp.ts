/**
 * GTP-U (3GPP TS 29.281): what mobile networks carry the packets of phones in.
 *
 * ```text
 *  version 1, 3 | 1 | 0 | E S PN | type | length, 16 | TEID, 32 | number, 16 | N-PDU | next extension     the last three
 *                                                                  only where one of E, S, PN is set
 *  extension:  length in words of 4 bytes | … | next extension
 * ```
 *
 * The TEID is the receiver's: that of the other direction is another one.
 */
import type { NoSegment } from '../../segment.ts';
import { IPV4, IPV6 } from '../ether-numbers.ts';
import { uint16 } from '../integers.ts';
import { endAt, type PacketCursor, skip, tooShort } from '../packet-cursor.ts';
import { enterTunnel } from './enter-tunnel.ts';
import { NO_ID } from './tunnel-table.ts';

const HEADER_BYTES = 8;
/** Version 1, of GTP and not GTP'; and the bit that must be 0. */
const KIND_MASK = 0xf8;
const KIND = 0x30;
const HAS_EXTENSION = 0x04;
/** Any of the three flags. */
const HAS_MORE = 0x07;
/** The message that carries a packet. */
const G_PDU = 255;

/** Whether GTP-U may be at `at`, as far as it was captured: with a length that fits into its datagram. */
export function isGtp({ at, bytes, end, wire }: PacketCursor): boolean {
  if (wire - at < HEADER_BYTES) return false;
  if (end - at < HEADER_BYTES) return true;
  return (bytes[at]! & KIND_MASK) === KIND && HEADER_BYTES + uint16(bytes, at + 2) <= wire - at;
}

export function readGtp(cursor: PacketCursor): NoSegment | null {
  const { at, bytes, end } = cursor;
  if (end - at < HEADER_BYTES) return tooShort(cursor, 'GTP-U', HEADER_BYTES);
  const type = bytes[at + 1]!;
  if (type !== G_PDU) return skip(cursor, 'other', `GTP-U, message type ${type}`);
  endAt(cursor, at + HEADER_BYTES + uint16(bytes, at + 2));
  const wrong = readExtensions(cursor);
  if (wrong !== null) return wrong;
  const { at: inner } = cursor;
  if (cursor.end - inner < 1) return tooShort(cursor, 'GTP-U', 1);
  const version = bytes[inner]! >> 4;
  if (version !== 4 && version !== 6) return skip(cursor, 'other', 'GTP-U, and what it carries is not IP');
  cursor.protocol = version === 4 ? IPV4 : IPV6;
  return enterTunnel(cursor, 'GTP-U', NO_ID);
}

/** Moves behind the header and its extensions. Each of them consumes four bytes at least. */
function readExtensions(cursor: PacketCursor): NoSegment | null {
  const { at, bytes } = cursor;
  const flags = bytes[at]!;
  cursor.at = at + HEADER_BYTES;
  if ((flags & HAS_MORE) === 0) return null;
  if (cursor.end - cursor.at < 4) return tooShort(cursor, 'GTP-U', 4);
  let next = flags & HAS_EXTENSION ? bytes[cursor.at + 3]! : 0;
  cursor.at += 4;
  while (next !== 0) {
    if (cursor.end - cursor.at < 1) return tooShort(cursor, 'GTP-U extension', 1);
    const length = bytes[cursor.at]! << 2;
    if (length === 0) return skip(cursor, 'malformed', 'GTP-U: an extension of length 0');
    if (cursor.end - cursor.at < length) return tooShort(cursor, 'GTP-U extension', length);
    cursor.at += length;
    next = bytes[cursor.at - 1]!;
  }
  return null;
}
