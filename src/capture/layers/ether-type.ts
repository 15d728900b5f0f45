/** From an EtherType to IP: through VLAN tags, PPPoE, MPLS and SNAP, however they are stacked. */
import type { NoSegment } from '../segment.ts';
import { hex16, type Reading, skip, tooShort, uint16 } from './reading.ts';

export const IPV4 = 0x0800;
export const IPV6 = 0x86dd;

/** A number up to here is no EtherType but the length of an IEEE 802.3 frame, with LLC behind it. */
const MOST_LENGTH = 1500;

/**
 * Moves to the IP packet that an EtherType leads to; null when there is one. Every turn consumes bytes, so a stack
 * of tags is at most as deep as the packet is long.
 *
 * @param layer who says that what follows is `protocol`: for messages.
 */
export function readEtherType(reading: Reading, layer: string): NoSegment | null {
  for (let above = layer; ; ) {
    const { protocol } = reading;
    switch (protocol) {
      case IPV4:
      case IPV6:
        return null;
      case 0x8100:
      case 0x88a8:
      case 0x9100:
      case 0x9200: {
        const wrong = move(reading, 'VLAN', 4, 2);
        if (wrong !== null) return wrong;
        above = 'VLAN';
        break;
      }
      case 0x8864:
        return pppoe(reading);
      case 0x8847:
      case 0x8848:
        return mpls(reading);
      default: {
        if (protocol > MOST_LENGTH) return skip(reading, 'other', `${above}: EtherType ${hex16(protocol)}`);
        const wrong = snap(reading, above);
        if (wrong !== null) return wrong;
        above = 'SNAP';
      }
    }
  }
}

/** Passes a header whose last word, at `protocolAt`, says what follows. */
function move(reading: Reading, layer: string, length: number, protocolAt: number): NoSegment | null {
  const { at } = reading;
  if (reading.end - at < length) return tooShort(reading, layer, length);
  reading.protocol = uint16(reading.bytes, at + protocolAt);
  reading.at = at + length;
  return null;
}

/** LLC with the SNAP of EtherTypes (RFC 1042); any other LLC is not IP. */
function snap(reading: Reading, above: string): NoSegment | null {
  const { at, bytes, end } = reading;
  if (end - at < 3) return tooShort(reading, 'LLC', 3);
  if (bytes[at] !== 0xaa || bytes[at + 1] !== 0xaa || bytes[at + 2] !== 0x03) {
    return skip(reading, 'other', `${above}: IEEE 802.3, and no SNAP`);
  }
  if (end - at < 8) return tooShort(reading, 'SNAP', 8);
  if (bytes[at + 3] !== 0 || uint16(bytes, at + 4) !== 0) {
    return skip(reading, 'other', 'SNAP: protocols of a vendor');
  }
  return move(reading, 'SNAP', 8, 6);
}

/** A PPPoE session (RFC 2516): PPP, whose protocol numbers are its own. */
function pppoe(reading: Reading): NoSegment | null {
  const wrong = move(reading, 'PPPoE', 8, 6);
  if (wrong !== null) return wrong;
  if (reading.protocol === 0x0021) reading.protocol = IPV4;
  else if (reading.protocol === 0x0057) reading.protocol = IPV6;
  else return skip(reading, 'other', `PPP: protocol ${hex16(reading.protocol)}`);
  return null;
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
  else return skip(reading, 'other', 'MPLS: what it carries is not IP');
  return null;
}
