/** Reads from an EtherType to IP: through VLAN tags, PPPoE, PPP, MPLS, Ethernet and SNAP, in any order. */
import { hexNumber, hexOf } from '../../base/bytes.ts';
import type { NoSegment } from '../segment.ts';
import {
  ETHERNET,
  IPV4,
  IPV6,
  LLC_LENGTH_MAX,
  MPLS,
  MPLS_UPSTREAM,
  PPP,
  PPPOE,
  SERVICE_VLAN,
  VLAN,
} from './ether-numbers.ts';
import { uint16 } from './integers.ts';
import { readPpp, readPppOfHdlc } from './links/ppp.ts';
import { etherTypes, llcs, named } from './names.ts';
import { endAt, type PacketCursor, skip, tooShort } from './packet-cursor.ts';
import { readMpls } from './tunnels/mpls.ts';

/**
 * Moves to the IP packet that an EtherType leads to; null when there is one. Each iteration consumes bytes, so
 * the length of the packet bounds the depth of the stack.
 */
export function readEtherType(cursor: PacketCursor): NoSegment | null {
  for (;;) {
    const { protocol } = cursor;
    if (protocol === IPV4 || protocol === IPV6) return null;
    const wrong = readLayer(cursor, protocol);
    if (wrong !== null) return wrong;
  }
}

/** Reads one layer. Null when the EtherType of what is in it is in `protocol` now. */
function readLayer(cursor: PacketCursor, protocol: number): NoSegment | null {
  switch (protocol) {
    case VLAN:
    case SERVICE_VLAN:
    case 0x9100:
    case 0x9200:
      return vlan(cursor);
    case PPPOE:
      return pppoe(cursor);
    case PPP:
      return readPppOfHdlc(cursor);
    case MPLS:
    case MPLS_UPSTREAM:
      return readMpls(cursor);
    case ETHERNET:
      return readEthernet(cursor);
    default:
      return skip(cursor, 'other', named(`EtherType ${hexNumber(protocol, 4)}`, etherTypes.get(protocol)));
  }
}

/** Reads the addresses and the type of an Ethernet frame at `at`. Null when its EtherType is in `protocol` now. */
export function readEthernet(cursor: PacketCursor): NoSegment | null {
  const { at, end } = cursor;
  if (end - at < 14) return tooShort(cursor, 'Ethernet', 14);
  cursor.at = at + 14;
  return readTypeOrLength(cursor);
}

/**
 * Reads the type of a frame at the word before `at`: an EtherType, or the length of what follows, which is LLC then.
 * Null when the EtherType is in `protocol` now.
 */
function readTypeOrLength(cursor: PacketCursor): NoSegment | null {
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

/** A PPPoE session (RFC 2516), which carries PPP. */
function pppoe(cursor: PacketCursor): NoSegment | null {
  const { at, bytes } = cursor;
  if (cursor.end - at < 6) return tooShort(cursor, 'PPPoE', 6);
  // Bytes behind that length are padding: frames of Ethernet are 60 bytes long at least.
  endAt(cursor, at + 6 + uint16(bytes, at + 4));
  cursor.at = at + 6;
  return readPpp(cursor);
}
