/** IPv4 (RFC 791): its header, how long what it carries is, and fragments. */
import type { NoSegment } from '../segment.ts';
import { sum } from './checksum.ts';
import type { Fragments } from './fragments.ts';
import { otherThanTcp } from './other.ts';
import { endAt, int32, type Reading, skip, tooShort, uint16 } from './reading.ts';

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
    return skip(
      reading,
      'malformed',
      `IPv4: header length ${header} bytes, and the least is 20`,
      'IPv4: header length below the least',
    );
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
        'IPv4: total length below that of the header',
      );
    }
    endAt(reading, at + total);
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
    if (reading.protocol !== TCP && reading.protocol !== AH) return other(reading, (fragment & 0x1fff) === 0);
    const id = int32(bytes, at + 4) >>> 16;
    const wrong = fragments.take(reading, id, (fragment & 0x1fff) << 3, (fragment & MORE) !== 0);
    if (wrong !== null) return wrong;
  }
  if (reading.protocol === AH) {
    const wrong = readAuthentication(reading);
    if (wrong !== null) return wrong;
  }
  return reading.protocol === TCP ? null : other(reading, true);
}

function other(reading: Reading, isFirst: boolean): NoSegment {
  return otherThanTcp(reading, 'IPv4 protocol', isFirst);
}

/** Passes an authentication header, of which only the length matters. */
export function readAuthentication(reading: Reading): NoSegment | null {
  const { at, bytes, end } = reading;
  if (end - at < 12) return tooShort(reading, 'AH', 12);
  const length = (bytes[at + 1]! + 2) << 2;
  if (length < 12) {
    const message = `AH: length ${length} bytes, and the least is 12`;
    return skip(reading, 'malformed', message, 'AH: length below the least');
  }
  if (end - at < length) return tooShort(reading, 'AH', length);
  reading.protocol = bytes[at]!;
  reading.at = at + length;
  return null;
}
