/** From an EtherType to IP: through VLAN tags, PPPoE, MPLS and SNAP, however they are stacked. */
import type { NoSegment } from '../segment.ts';
import { etherTypes, llcs, named, pppProtocols } from './names.ts';
import { endAt, hex16, type Reading, skip, tooShort, uint16 } from './reading.ts';

export const IPV4 = 0x0800;
export const IPV6 = 0x86dd;
const MPLS = 0x8847;
const MPLS_UPSTREAM = 0x8848;

/** A number up to here is no EtherType but the length of an IEEE 802.3 frame, with LLC behind it. */
export const MOST_LENGTH = 1500;

/**
 * Moves to the IP packet that an EtherType leads to; null when there is one. Every turn consumes bytes, so a stack
 * of tags is at most as deep as the packet is long.
 */
export function readEtherType(reading: Reading): NoSegment | null {
  for (;;) {
    const { protocol } = reading;
    switch (protocol) {
      case IPV4:
      case IPV6:
        return null;
      case 0x8100:
      case 0x88a8:
      case 0x9100:
      case 0x9200: {
        const wrong = vlan(reading);
        if (wrong !== null) return wrong;
        break;
      }
      case 0x8864: {
        const wrong = pppoe(reading);
        if (wrong !== null) return wrong;
        break;
      }
      case MPLS:
      case MPLS_UPSTREAM:
        return mpls(reading);
      default:
        return skip(reading, 'other', named(`EtherType ${hex16(protocol)}`, etherTypes.get(protocol)));
    }
  }
}

/**
 * Reads the type of a frame at the word before `at`: an EtherType, or the length of what follows, which is LLC then.
 * Null when the EtherType is in `protocol` now.
 */
export function readTypeOrLength(reading: Reading): NoSegment | null {
  const { at, bytes } = reading;
  const value = uint16(bytes, at - 2);
  reading.protocol = value;
  if (value > MOST_LENGTH || value === 0) return null;
  endAt(reading, at + value);
  return readLlc(reading);
}

function vlan(reading: Reading): NoSegment | null {
  const { at, end } = reading;
  if (end - at < 4) return tooShort(reading, 'VLAN', 4);
  reading.at = at + 4;
  return readTypeOrLength(reading);
}

/** LLC with the SNAP of EtherTypes (RFC 1042); any other LLC is not IP. */
export function readLlc(reading: Reading): NoSegment | null {
  const { at, bytes, end } = reading;
  if (end - at < 3) return tooShort(reading, 'LLC', 3);
  const service = bytes[at]!;
  if (service !== 0xaa || bytes[at + 1] !== 0xaa || bytes[at + 2] !== 0x03) {
    return skip(reading, 'other', named(`IEEE 802.3, LLC service ${hex8(service)}`, llcs.get(service)));
  }
  if (end - at < 8) return tooShort(reading, 'SNAP', 8);
  if (bytes[at + 3] !== 0 || uint16(bytes, at + 4) !== 0) {
    const vendor = [3, 4, 5].map((place) => hex8(bytes[at + place]!).slice(2)).join(':');
    return skip(reading, 'other', `IEEE 802.3, SNAP of vendor ${vendor}`);
  }
  reading.protocol = uint16(bytes, at + 6);
  reading.at = at + 8;
  return null;
}

const hex8 = (value: number): string => `0x${value.toString(16).padStart(2, '0')}`;

/**
 * A PPPoE session (RFC 2516): PPP, whose protocol numbers are its own. They have one byte where the sender leaves out
 * an upper one that is zero (RFC 1661, section 6.5): numbers are made so that only their last byte is odd.
 */
function pppoe(reading: Reading): NoSegment | null {
  const { at, bytes } = reading;
  if (reading.end - at < 6) return tooShort(reading, 'PPPoE', 6);
  // What the length does not cover is padding: frames of Ethernet are 60 bytes long at least.
  endAt(reading, at + 6 + uint16(bytes, at + 4));
  reading.at = at + 6;
  if (reading.end - reading.at < 1) return tooShort(reading, 'PPP', 1);
  const length = (bytes[reading.at]! & 1) === 1 ? 1 : 2;
  if (reading.end - reading.at < length) return tooShort(reading, 'PPP', length);
  const protocol = length === 1 ? bytes[reading.at]! : uint16(bytes, reading.at);
  reading.at += length;
  switch (protocol) {
    case 0x0021:
      reading.protocol = IPV4;
      return null;
    case 0x0057:
      reading.protocol = IPV6;
      return null;
    case 0x0281:
      reading.protocol = MPLS;
      return null;
    case 0x0283:
      reading.protocol = MPLS_UPSTREAM;
      return null;
    default:
      return skip(reading, 'other', named(`PPP protocol ${hex16(protocol)}`, pppProtocols.get(protocol)));
  }
}

/** MPLS (RFC 3032): labels up to the one at the bottom. What is under it is not said, so the first bits tell. */
function mpls(reading: Reading): NoSegment | null {
  const { bytes } = reading;
  for (let bottom = false; !bottom; reading.at += 4) {
    if (reading.end - reading.at < 4) return tooShort(reading, 'MPLS', 4);
    bottom = (bytes[reading.at + 2]! & 1) === 1;
  }
  if (reading.end - reading.at < 1) return tooShort(reading, 'MPLS', 1);
  const first = bytes[reading.at]! >> 4;
  if (first === 4) reading.protocol = IPV4;
  else if (first === 6) reading.protocol = IPV6;
  else return skip(reading, 'other', 'MPLS, and what it carries is not IP');
  return null;
}
