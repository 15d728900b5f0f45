/** IPv4 (RFC 791): its header, how long what it carries is, and fragments. */
import type { NoSegment } from '../segment.ts';
import { sum } from './checksum.ts';
import type { Fragments } from './fragments.ts';
import { int32, type Reading, skip, tooShort, uint16 } from './reading.ts';

const MORE = 0x2000;
/** The bits that make a fragment: more to come, or an offset. */
const FRAGMENTED = 0x3fff;
const TCP = 6;
/** The authentication header (RFC 4302), which says itself what follows. */
export const AH = 51;

/** Reads the header; null when TCP is at `at` now. */
export function readIpv4(reading: Reading, fragments: Fragments, verify: boolean): NoSegment | null {
  const { at, bytes, end } = reading;
  if (end - at < 20) return tooShort(reading, 'IPv4', 20);
  const first = bytes[at]!;
  if (first >> 4 !== 4) return skip(reading, 'malformed', `IPv4: version ${first >> 4}`);
  const header = (first & 0x0f) << 2;
  if (header < 20) {
    return skip(reading, 'malformed', `IPv4: header length ${header} bytes, and the least is 20`);
  }
  // Where the sending is offloaded, a packet is captured before it is cut up for the wire and its length filled in:
  // then it is as long as its frame.
  const total = uint16(bytes, at + 2);
  if (total !== 0) {
    if (total < header) {
      return skip(
        reading,
        'malformed',
        `IPv4: total length ${total} bytes, and the header alone has ${header}`,
      );
    }
    // Behind the total length is the padding of a short frame, or its check sequence. A total length beyond the
    // frame is believed as well: there are files that say of cut packets that they had been no longer.
    reading.wire = at + total;
    if (reading.wire < end) reading.end = reading.wire;
  }
  if (at + header > reading.end) return tooShort(reading, 'IPv4', header);
  if (verify && sum(bytes, at, at + header) !== 0xffff) {
    return skip(reading, 'checksum', 'IPv4: wrong header checksum');
  }
  reading.addresses = bytes;
  reading.addressesAt = at + 12;
  reading.addressesLength = 8;
  reading.at = at + header;
  reading.protocol = bytes[at + 9]!;

  const fragment = uint16(bytes, at + 6);
  if ((fragment & FRAGMENTED) !== 0) {
    if (reading.protocol !== TCP && reading.protocol !== AH) return other(reading);
    const id = int32(bytes, at + 4) >>> 16;
    const wrong = fragments.take(reading, id, (fragment & 0x1fff) << 3, (fragment & MORE) !== 0);
    if (wrong !== null) return wrong;
  }
  if (reading.protocol === AH) {
    const wrong = readAuthentication(reading);
    if (wrong !== null) return wrong;
  }
  return reading.protocol === TCP ? null : other(reading);
}

function other(reading: Reading): NoSegment {
  return skip(reading, 'other', `IPv4: protocol ${reading.protocol}, which is not TCP`);
}

/** Passes an authentication header, of which only the length matters. */
export function readAuthentication(reading: Reading): NoSegment | null {
  const { at, bytes, end } = reading;
  if (end - at < 12) return tooShort(reading, 'AH', 12);
  const length = (bytes[at + 1]! + 2) << 2;
  if (length < 12) return skip(reading, 'malformed', `AH: length ${length} bytes, and the least is 12`);
  if (end - at < length) return tooShort(reading, 'AH', length);
  reading.protocol = bytes[at]!;
  reading.at = at + length;
  return null;
}
