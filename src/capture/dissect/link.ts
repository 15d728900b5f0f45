/**
 * Reads the link layers, by LINKTYPE number: the headers before IP in a packet, and their field for the protocol.
 *
 * ```text
 *  1                   Ethernet       two addresses, EtherType
 *  113, 276            SLL, SLL2      Linux' "any" interface: an EtherType among other things
 *  0, 108              NULL, LOOP     an address family, in the order of the host or of the network
 *  12, 14, 101         RAW            nothing: IP, version 4 or 6 as its first four bits say
 *  228, 229            IPv4, IPv6     nothing
 *  9, 50, 51, 166, 204 PPP            bare or in HDLC framing, in PPPoE, with a byte for the direction
 *  104, 107            Cisco HDLC, Frame Relay
 *  105, 119, 127, 163  IEEE 802.11    bare, and behind the headers of Prism, radiotap and AVS
 *  192                 PPI            a header that names the link type behind it
 *  239                 NFLOG          attributes of netlink, one of which is the packet
 * ```
 *
 * 12 and 14 are the numbers of RAW that some BSDs and others have written into files.
 */
import type { NoSegment } from '../segment.ts';
import { IPV4, IPV6, LLC_LENGTH_MAX, PPPOE } from './ether-numbers.ts';
import { readEthernet, readEtherType, readLlc } from './ether-type.ts';
import { uint16, uint32 } from './integers.ts';
import { readCiscoHdlc, readDirected, readFrameRelay, readSerial } from './links/hdlc.ts';
import { readIeee80211 } from './links/ieee80211.ts';
import { readNflog } from './links/nflog.ts';
import { PPI, readPpi } from './links/ppi.ts';
import { readAvs, readPrism, readRadiotap } from './links/radio.ts';
import { deviceTypes, linkTypes, named } from './names.ts';
import { type PacketCursor, skip, tooShort } from './packet-cursor.ts';

/** AF_INET is 2 everywhere. Each system has its own AF_INET6. */
const AF_INET = 2;
/** Linux, Windows, NetBSD and OpenBSD, Solaris, FreeBSD, macOS. */
const AF_INET6: readonly number[] = [10, 23, 24, 26, 28, 30];

/** Protocols of an SLL header that are no EtherTypes: IPX without LLC, and LLC. */
const COOKED_RAW = 1;
const COOKED_LLC = 4;
/** The device (ARPHRD) of an SLL header behind which there is radiotap. */
const RADIOTAP_DEVICE = 803;

/** Reads the link layer. Returns null when IP is behind it; `protocol` then has the EtherType of its version. */
export function readLink(cursor: PacketCursor): NoSegment | null {
  const { linkType } = cursor.packet;
  // Nearly all captures are of one of these two.
  if (linkType === 1) return ethernet(cursor);
  if (linkType === 113) return cooked(cursor, 'SLL', 16, 14, 2);
  if (linkType !== PPI) return readLinkType(cursor, linkType);
  const inside = readPpi(cursor);
  return typeof inside === 'number' ? readLinkType(cursor, inside) : inside;
}

/** Reads the link layer at `at`, which is not PPI. */
function readLinkType(cursor: PacketCursor, linkType: number): NoSegment | null {
  switch (linkType) {
    case 1:
      return readEthernet(cursor) ?? readEtherType(cursor);
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
    case 51:
      cursor.protocol = PPPOE;
      return readEtherType(cursor);
    case 9:
    case 50:
      return readSerial(cursor) ?? readEtherType(cursor);
    case 166:
    case 204:
      return readDirected(cursor) ?? readEtherType(cursor);
    case 104:
      return readCiscoHdlc(cursor) ?? readEtherType(cursor);
    case 107:
      return readFrameRelay(cursor) ?? readEtherType(cursor);
    case 105:
      return readIeee80211(cursor, false) ?? readLlcAndMore(cursor);
    case 119:
      return readPrism(cursor) ?? readLlcAndMore(cursor);
    case 127:
      return readRadiotap(cursor) ?? readLlcAndMore(cursor);
    case 163:
      return readAvs(cursor) ?? readLlcAndMore(cursor);
    case 239:
      return readNflog(cursor);
    default:
      return skip(cursor, 'other', linkTypeInWords(linkType));
  }
}

const readLlcAndMore = (cursor: PacketCursor): NoSegment | null => readLlc(cursor) ?? readEtherType(cursor);

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
  const { at, bytes, end } = cursor;
  if (end - at < length) return tooShort(cursor, layer, length);
  const device = uint16(bytes, at + deviceAt);
  cursor.at = at + length;
  if (device === RADIOTAP_DEVICE) return readRadiotap(cursor) ?? readLlcAndMore(cursor);
  if (deviceTypes.has(device))
    return skip(cursor, 'other', named(`${layer} device type ${device}`, deviceTypes.get(device)));
  const protocol = uint16(bytes, at + protocolAt);
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
  const { at, bytes, end } = cursor;
  if (end - at < 4) return tooShort(cursor, layer, 4);
  const big = uint32(bytes, at);
  // Families are small numbers, so the order in which this one is small is the host's.
  const small = networkOrder || big <= 0xffff;
  const value = small
    ? big
    : ((bytes[at + 3]! << 24) | (bytes[at + 2]! << 16) | (bytes[at + 1]! << 8) | bytes[at]!) >>> 0;
  cursor.at = at + 4;
  if (value === AF_INET) cursor.protocol = IPV4;
  else if (AF_INET6.includes(value)) cursor.protocol = IPV6;
  else return skip(cursor, 'other', `${layer} address family ${value}`);
  return null;
}

function raw(cursor: PacketCursor): NoSegment | null {
  const { at, bytes, end } = cursor;
  if (end - at < 1) return tooShort(cursor, 'RAW', 1);
  const version = bytes[at]! >> 4;
  if (version === 4) cursor.protocol = IPV4;
  else if (version === 6) cursor.protocol = IPV6;
  else return skip(cursor, 'other', `RAW, IP version ${version}`);
  return null;
}

function linkTypeInWords(linkType: number): string {
  const name = linkTypes.get(linkType);
  return `link type ${linkType}${name === undefined ? '' : ` (${name})`} is not read`;
}
