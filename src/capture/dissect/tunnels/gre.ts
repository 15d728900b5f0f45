/**
 * GRE: version 0 (RFC 2784, RFC 2890), in which ERSPAN and NVGRE (RFC 7637) are, and version 1, that of PPTP (RFC 2637).
 *
 * ```text
 *  version 0   C . K S … version | EtherType | C: checksum, 0 | K: key | S: number
 *  version 1   . . K S … A … version | PPP   | length, call   | S: number | A: acknowledgement
 * ```
 *
 * The call of PPTP is the receiver's, so that of the other direction is another one.
 */
import type { NoSegment } from '../../segment.ts';
import { ETHERNET, IPV4, LLC_LENGTH_MAX, PPP } from '../ether-numbers.ts';
import { uint16, uint32 } from '../integers.ts';
import { endAt, type PacketCursor, skip, tooShort } from '../packet-cursor.ts';
import { enterTunnel } from './enter-tunnel.ts';
import { ERSPAN, ERSPAN_3, readErspan } from './erspan.ts';
import { NO_ID } from './tunnel-table.ts';

const HEADER_BYTES = 4;
const HAS_CHECKSUM = 0x8000;
const HAS_ROUTES = 0x4000;
const HAS_KEY = 0x2000;
const HAS_NUMBER = 0x1000;
const HAS_ACK = 0x0080;
const VERSION = 0x0007;
/** Bits of version 0 that are always 0. */
const RESERVED = 0x0ff8;
/** Cisco's web cache communication: four bytes of its own may be in front of the IPv4 packet. */
const WCCP = 0x883e;

/** Whether GRE of version 0 may be at `at`, as far as it was captured. IP needs no such look: it has a number for GRE. */
export function isGre({ at, bytes, end, wire }: PacketCursor): boolean {
  if (wire - at < HEADER_BYTES) return false;
  if (end - at < HEADER_BYTES) return true;
  const isVersion0 = (uint16(bytes, at) & (RESERVED | VERSION | HAS_ROUTES)) === 0;
  return isVersion0 && uint16(bytes, at + 2) > LLC_LENGTH_MAX;
}

export function readGre(cursor: PacketCursor): NoSegment | null {
  const { at, bytes, end } = cursor;
  if (end - at < HEADER_BYTES) return tooShort(cursor, 'GRE', HEADER_BYTES);
  const flags = uint16(bytes, at);
  const version = flags & VERSION;
  if (version === 1) return readPptp(cursor, flags);
  if (version !== 0) return skip(cursor, 'other', `GRE, version ${version}`);
  if (flags & HAS_ROUTES) return skip(cursor, 'other', 'GRE with a list of routes');
  const keyAt = at + HEADER_BYTES + (flags & HAS_CHECKSUM ? 4 : 0);
  const behindKey = keyAt + (flags & HAS_KEY ? 4 : 0);
  const behind = behindKey + (flags & HAS_NUMBER ? 4 : 0);
  if (behind > end) return tooShort(cursor, 'GRE', behind - at);
  cursor.protocol = uint16(bytes, at + 2);
  cursor.at = behind;
  if (cursor.protocol === ERSPAN || cursor.protocol === ERSPAN_3) {
    return readErspan(cursor, (flags & HAS_NUMBER) !== 0);
  }
  const wrong = enterTunnel(cursor, 'GRE', flags & HAS_KEY ? keyOf(cursor, uint32(bytes, keyAt)) : NO_ID);
  return wrong === null && cursor.protocol === WCCP ? readWccp(cursor) : wrong;
}

/** Of NVGRE the last byte is a hash of the flow, and differs by direction. Of other Ethernet in GRE it is the key's. */
const keyOf = ({ protocol }: PacketCursor, key: number): number => (protocol === ETHERNET ? key >>> 8 : key);

function readPptp(cursor: PacketCursor, flags: number): NoSegment | null {
  const { at, bytes, end } = cursor;
  const header = 8 + (flags & HAS_NUMBER ? 4 : 0) + (flags & HAS_ACK ? 4 : 0);
  if (end - at < header) return tooShort(cursor, 'GRE of PPTP', header);
  if ((flags & HAS_NUMBER) === 0) return skip(cursor, 'other', 'GRE of PPTP, an acknowledgement alone');
  const protocol = uint16(bytes, at + 2);
  if (protocol !== PPP) return skip(cursor, 'other', 'GRE of version 1, and not of PPTP');
  cursor.at = at + header;
  endAt(cursor, cursor.at + uint16(bytes, at + 4));
  cursor.protocol = PPP;
  return enterTunnel(cursor, 'PPTP', NO_ID);
}

function readWccp(cursor: PacketCursor): NoSegment | null {
  const { at, bytes, end } = cursor;
  if (end - at < 5) return tooShort(cursor, 'WCCP', 5);
  if (bytes[at]! >> 4 !== 4) cursor.at = at + 4;
  cursor.protocol = IPV4;
  return null;
}
