/**
 * Reads the link layers, by LINKTYPE number: the headers before IP in a packet, and their field for the protocol.
 *
 * ```text
 *  1            Ethernet     two addresses, EtherType
 *  113, 276     SLL, SLL2    Linux' "any" interface: an EtherType among other things
 *  0, 108       NULL, LOOP   an address family, in the order of the host or of the network
 *  12, 14, 101  RAW          nothing: IP, version 4 or 6 as its first four bits say
 *  228, 229     IPv4, IPv6   nothing
 * ```
 *
 * 12 and 14 are the numbers of RAW that some BSDs and others have written into files.
 */
import type { NoSegment } from '../segment.ts';
import { IPV4, IPV6, LLC_LENGTH_MAX } from './ether-numbers.ts';
import { readEthernet, readEtherType, readLlc } from './ether-type.ts';
import { uint16, uint32 } from './integers.ts';
import { deviceTypes, linkTypes, named } from './names.ts';
import { type PacketCursor, skip, tooShort } from './packet-cursor.ts';

/** AF_INET is 2 everywhere. Each system has its own AF_INET6. */
const AF_INET = 2;
/** Linux, Windows, NetBSD and OpenBSD, Solaris, FreeBSD, macOS. */
const AF_INET6: readonly number[] = [10, 23, 24, 26, 28, 30];

/** Protocols of an SLL header that are no EtherTypes: IPX without LLC, and LLC. */
const COOKED_RAW = 1;
const COOKED_LLC = 4;

/** Reads the link layer. Returns null when IP is behind it; `protocol` then has the EtherType of its version. */
export function readLink(cursor: PacketCursor): NoSegment | null {
  const { linkType } = cursor.packet;
  switch (linkType) {
    case 1:
      return ethernet(cursor);
    case 113:
      return cooked(cursor, 'SLL', 16, 14, 2);
    case 276:
      return cooked(cursor, 'SLL2', 20, 0, 8);
    case 0:
      return family(cursor, 'NULL', false);
    case 108:
      return family(cursor, 'LOOP', true);
    case 12:
    case 14:
    case 101:
      return raw(cursor);
    case 228:
      cursor.protocol = IPV4;
      return null;
    case 229:
      cursor.protocol = IPV6;
      return null;
    default:
      return skip(cursor, 'other', linkTypeInWords(linkType));
  }
}

function ethernet(cursor: PacketCursor): NoSegment | null {
  // Nearly every packet has this EtherType.
  if (cursor.end >= 14 && uint16(cursor.bytes, 12) === IPV4) {
    cursor.at = 14;
    cursor.protocol = IPV4;
    return null;
  }
  return readEthernet(cursor) ?? readEtherType(cursor);
}

function cooked(
  cursor: PacketCursor,
  layer: string,
  length: number,
  protocolAt: number,
  deviceAt: number,
): NoSegment | null {
  if (cursor.end < length) return tooShort(cursor, layer, length);
  const device = uint16(cursor.bytes, deviceAt);
  if (deviceTypes.has(device))
    return skip(cursor, 'other', named(`${layer} device type ${device}`, deviceTypes.get(device)));
  cursor.at = length;
  const protocol = uint16(cursor.bytes, protocolAt);
  cursor.protocol = protocol;
  if (protocol === COOKED_LLC) return readLlc(cursor) ?? readEtherType(cursor);
  if (protocol <= LLC_LENGTH_MAX)
    return skip(
      cursor,
      'other',
      named(`${layer} protocol ${protocol}`, protocol === COOKED_RAW ? 'IEEE 802.3 without LLC' : undefined),
    );
  return readEtherType(cursor);
}

function family(cursor: PacketCursor, layer: string, networkOrder: boolean): NoSegment | null {
  if (cursor.end < 4) return tooShort(cursor, layer, 4);
  const { bytes } = cursor;
  const big = uint32(bytes, 0);
  // Families are small numbers, so the order in which this one is small is the host's.
  const small = networkOrder || big <= 0xffff;
  const value = small ? big : ((bytes[3]! << 24) | (bytes[2]! << 16) | (bytes[1]! << 8) | bytes[0]!) >>> 0;
  cursor.at = 4;
  if (value === AF_INET) cursor.protocol = IPV4;
  else if (AF_INET6.includes(value)) cursor.protocol = IPV6;
  else return skip(cursor, 'other', `${layer} address family ${value}`);
  return null;
}

function raw(cursor: PacketCursor): NoSegment | null {
  if (cursor.end < 1) return tooShort(cursor, 'RAW', 1);
  const version = cursor.bytes[0]! >> 4;
  if (version === 4) cursor.protocol = IPV4;
  else if (version === 6) cursor.protocol = IPV6;
  else return skip(cursor, 'other', `RAW, IP version ${version}`);
  return null;
}

function linkTypeInWords(linkType: number): string {
  const name = linkTypes.get(linkType);
  return `link type ${linkType}${name === undefined ? '' : ` (${name})`} is not read`;
}
