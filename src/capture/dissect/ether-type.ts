/** Reads from an EtherType to IP: through VLAN tags, PPPoE, MPLS and SNAP, in any order. */
import { hexNumber, hexOf } from '../../base/bytes.ts';
import type { NoSegment } from '../segment.ts';
import { etherTypes, llcs, named, pppProtocols } from './names.ts';
import { endAt, type PacketCursor, skip, tooShort, uint16 } from './packet-cursor.ts';

export const IPV4 = 0x0800;
export const IPV6 = 0x86dd;
const MPLS = 0x8847;
const MPLS_UPSTREAM = 0x8848;

/** Up to this number it is no EtherType but the length of an IEEE 802.3 frame, with LLC behind it. */
export const LLC_LENGTH_MAX = 1500;

/**
 * Moves to the IP packet that an EtherType leads to; null when there is one. Each iteration consumes bytes, so
 * the length of the packet bounds the depth of the stack.
 */
export function readEtherType(cursor: PacketCursor): NoSegment | null {
  for (;;) {
    const { protocol } = cursor;
    switch (protocol) {
      case IPV4:
      case IPV6:
        return null;
      case 0x8100:
      case 0x88a8:
      case 0x9100:
      case 0x9200: {
        const wrong = vlan(cursor);
        if (wrong !== null) return wrong;
        break;
      }
      case 0x8864: {
        const wrong = pppoe(cursor);
        if (wrong !== null) return wrong;
        break;
      }
      case MPLS:
      case MPLS_UPSTREAM:
        return mpls(cursor);
      default:
        return skip(cursor, 'other', named(`EtherType ${hexNumber(protocol, 4)}`, etherTypes.get(protocol)));
    }
  }
}

/**
 * Reads the type of a frame at the word before `at`: an EtherType, or the length of what follows, which is LLC then.
 * Null when the EtherType is in `protocol` now.
 */
export function readTypeOrLength(cursor: PacketCursor): NoSegment | null {
  const { at, bytes } = cursor;
  const value = uint16(bytes, at - 2);
  cursor.protocol = value;
  if (value > LLC_LENGTH_MAX || value === 0) return null;
  endAt(cursor, at + value);
  return readLlc(cursor);
}

function vlan(cursor: PacketCursor): NoSegment | null {
  const { at, end } = cursor;
  if (end - at < 4) return tooShort(cursor, 'VLAN', 4);
  cursor.at = at + 4;
  return readTypeOrLength(cursor);
}

/** LLC with the SNAP of EtherTypes (RFC 1042); any other LLC is not IP. */
export function readLlc(cursor: PacketCursor): NoSegment | null {
  const { at, bytes, end } = cursor;
  if (end - at < 3) return tooShort(cursor, 'LLC', 3);
  const service = bytes[at]!;
  if (service !== 0xaa || bytes[at + 1] !== 0xaa || bytes[at + 2] !== 0x03) {
    return skip(
      cursor,
      'other',
      named(`IEEE 802.3, LLC service ${hexNumber(service, 2)}`, llcs.get(service)),
    );
  }
  if (end - at < 8) return tooShort(cursor, 'SNAP', 8);
  if (bytes[at + 3] !== 0 || uint16(bytes, at + 4) !== 0) {
    const vendor = hexOf(bytes.subarray(at + 3, at + 6)).replaceAll(' ', ':');
    return skip(cursor, 'other', `IEEE 802.3, SNAP of vendor ${vendor}`);
  }
  cursor.protocol = uint16(bytes, at + 6);
  cursor.at = at + 8;
  return null;
}

/**
 * A PPPoE session (RFC 2516): PPP, whose protocol numbers are its own. They have one byte where the sender leaves out
 * an upper one that is zero (RFC 1661, section 6.5): numbers are made so that only their last byte is odd.
 */
function pppoe(cursor: PacketCursor): NoSegment | null {
  const { at, bytes } = cursor;
  if (cursor.end - at < 6) return tooShort(cursor, 'PPPoE', 6);
  // Bytes behind that length are padding: frames of Ethernet are 60 bytes long at least.
  endAt(cursor, at + 6 + uint16(bytes, at + 4));
  cursor.at = at + 6;
  if (cursor.end - cursor.at < 1) return tooShort(cursor, 'PPP', 1);
  const length = (bytes[cursor.at]! & 1) === 1 ? 1 : 2;
  if (cursor.end - cursor.at < length) return tooShort(cursor, 'PPP', length);
  const protocol = length === 1 ? bytes[cursor.at]! : uint16(bytes, cursor.at);
  cursor.at += length;
  switch (protocol) {
    case 0x0021:
      cursor.protocol = IPV4;
      return null;
    case 0x0057:
      cursor.protocol = IPV6;
      return null;
    case 0x0281:
      cursor.protocol = MPLS;
      return null;
    case 0x0283:
      cursor.protocol = MPLS_UPSTREAM;
      return null;
    default:
      return skip(
        cursor,
        'other',
        named(`PPP protocol ${hexNumber(protocol, 4)}`, pppProtocols.get(protocol)),
      );
  }
}

/**
 * MPLS (RFC 3032): labels up to the one at the bottom. The label stack does not name the next protocol, so its first
 * bits decide.
 */
function mpls(cursor: PacketCursor): NoSegment | null {
  const { bytes } = cursor;
  for (let bottom = false; !bottom; cursor.at += 4) {
    if (cursor.end - cursor.at < 4) return tooShort(cursor, 'MPLS', 4);
    bottom = (bytes[cursor.at + 2]! & 1) === 1;
  }
  if (cursor.end - cursor.at < 1) return tooShort(cursor, 'MPLS', 1);
  const first = bytes[cursor.at]! >> 4;
  if (first === 4) cursor.protocol = IPV4;
  else if (first === 6) cursor.protocol = IPV6;
  else return skip(cursor, 'other', 'MPLS, and what it carries is not IP');
  return null;
}
