/**
 * The link layers, by LINKTYPE number: what stands before IP in a packet, and where it says what follows.
 *
 * ```text
 *  1            Ethernet     two addresses, EtherType
 *  113, 276     SLL, SLL2    Linux' "any" interface: an EtherType among other things
 *  0, 108       NULL, LOOP   an address family, in the order of the host or of the network
 *  12, 14, 101  RAW          nothing: IP, version 4 or 6 as its first four bits say
 *  228, 229     IPv4, IPv6   nothing
 * ```
 *
 * 12 and 14 are what BSDs and others have called RAW, and have written into files.
 */
import type { NoSegment } from '../segment.ts';
import { IPV4, IPV6, MOST_LENGTH, readEtherType, readLlc, readTypeOrLength } from './ether-type.ts';
import { deviceTypes, linkTypes, named } from './names.ts';
import { type Reading, skip, tooShort, uint16, uint32 } from './reading.ts';

/** AF_INET is 2 everywhere; AF_INET6 was defined by each system for itself. */
const AF_INET = 2;
/** Linux, Windows, NetBSD and OpenBSD, Solaris, FreeBSD, macOS. */
const AF_INET6: readonly number[] = [10, 23, 24, 26, 28, 30];

/** Protocols of an SLL header that are no EtherTypes: IPX without LLC, and LLC. */
const COOKED_RAW = 1;
const COOKED_LLC = 4;

/** Reads the link layer; null when there is IP behind it, of which `protocol` then says the version. */
export function readLink(reading: Reading): NoSegment | null {
  const { linkType } = reading.packet;
  switch (linkType) {
    case 1:
      return ethernet(reading);
    case 113:
      return cooked(reading, 'SLL', 16, 14, 2);
    case 276:
      return cooked(reading, 'SLL2', 20, 0, 8);
    case 0:
      return family(reading, 'NULL', false);
    case 108:
      return family(reading, 'LOOP', true);
    case 12:
    case 14:
    case 101:
      return raw(reading);
    case 228:
      reading.protocol = IPV4;
      return null;
    case 229:
      reading.protocol = IPV6;
      return null;
    default:
      return skip(reading, 'other', linkTypeInWords(linkType));
  }
}

function ethernet(reading: Reading): NoSegment | null {
  if (reading.end < 14) return tooShort(reading, 'Ethernet', 14);
  reading.at = 14;
  // The one that nearly every packet has needs no more looking.
  if (uint16(reading.bytes, 12) === IPV4) {
    reading.protocol = IPV4;
    return null;
  }
  return readTypeOrLength(reading) ?? readEtherType(reading);
}

function cooked(
  reading: Reading,
  layer: string,
  length: number,
  protocolAt: number,
  deviceAt: number,
): NoSegment | null {
  if (reading.end < length) return tooShort(reading, layer, length);
  const device = uint16(reading.bytes, deviceAt);
  if (deviceTypes.has(device))
    return skip(reading, 'other', named(`${layer} device type ${device}`, deviceTypes.get(device)));
  reading.at = length;
  const protocol = uint16(reading.bytes, protocolAt);
  reading.protocol = protocol;
  if (protocol === COOKED_LLC) return readLlc(reading) ?? readEtherType(reading);
  if (protocol <= MOST_LENGTH)
    return skip(
      reading,
      'other',
      named(`${layer} protocol ${protocol}`, protocol === COOKED_RAW ? 'IEEE 802.3 without LLC' : undefined),
    );
  return readEtherType(reading);
}

function family(reading: Reading, layer: string, networkOrder: boolean): NoSegment | null {
  if (reading.end < 4) return tooShort(reading, layer, 4);
  const { bytes } = reading;
  const big = uint32(bytes, 0);
  // Families are small numbers, so the order in which this one is small is the host's.
  const small = networkOrder || big <= 0xffff;
  const value = small ? big : ((bytes[3]! << 24) | (bytes[2]! << 16) | (bytes[1]! << 8) | bytes[0]!) >>> 0;
  reading.at = 4;
  if (value === AF_INET) reading.protocol = IPV4;
  else if (AF_INET6.includes(value)) reading.protocol = IPV6;
  else return skip(reading, 'other', `${layer} address family ${value}`);
  return null;
}

function raw(reading: Reading): NoSegment | null {
  if (reading.end < 1) return tooShort(reading, 'RAW', 1);
  const version = reading.bytes[0]! >> 4;
  if (version === 4) reading.protocol = IPV4;
  else if (version === 6) reading.protocol = IPV6;
  else return skip(reading, 'other', `RAW, IP version ${version}`);
  return null;
}

function linkTypeInWords(linkType: number): string {
  const name = linkTypes.get(linkType);
  return `link type ${linkType}${name === undefined ? '' : ` (${name})`} is not read`;
}
