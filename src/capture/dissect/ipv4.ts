/** Reads IPv4 (RFC 791): its header, the length of its content, and fragments. */
import type { NoSegment } from '../segment.ts';
import { sum } from './checksum.ts';
import type { FragmentReassembly } from './fragment-reassembly.ts';
import { int32, uint16 } from './integers.ts';
import { AH, mayLeadToTcp } from './ip-protocol.ts';
import { otherThanTcp } from './other.ts';
import { endAt, type PacketCursor, skip, tooShort } from './packet-cursor.ts';

const MORE_FRAGMENTS = 0x2000;
/** The bits that make a fragment: more to come, or an offset. */
const FRAGMENTED = 0x3fff;

/** Reads the header. Returns null when what the packet carries is at `at` now, and `protocol` is its protocol. */
export function readIpv4(
  cursor: PacketCursor,
  fragments: FragmentReassembly,
  verify: boolean,
): NoSegment | null {
  const { at, bytes, end } = cursor;
  if (end - at < 20) return tooShort(cursor, 'IPv4', 20);
  const first = bytes[at]!;
  if (first >> 4 !== 4) return skip(cursor, 'malformed', `IPv4: version ${first >> 4}`);
  const header = (first & 0x0f) << 2;
  if (header < 20) {
    return skip(
      cursor,
      'malformed',
      `IPv4: header length ${header} bytes, and the least is 20`,
      'IPv4: header length below the least',
    );
  }
  // With offload, a packet is captured before the card splits it and fills in its length. It is as long as its frame
  // then.
  const total = uint16(bytes, at + 2);
  if (total !== 0) {
    if (total < header) {
      return skip(
        cursor,
        'malformed',
        `IPv4: total length ${total} bytes, and the header alone has ${header}`,
        'IPv4: total length below that of the header',
      );
    }
    endAt(cursor, at + total);
  }
  if (at + header > cursor.end) return tooShort(cursor, 'IPv4', header);
  if (verify && sum(bytes, at, at + header) !== 0xffff) {
    return skip(cursor, 'checksum', 'IPv4: wrong header checksum');
  }
  cursor.addresses = bytes;
  cursor.addressesAt = at + 12;
  cursor.addressesLength = 8;
  cursor.at = at + header;
  cursor.protocol = bytes[at + 9]!;

  const fragment = uint16(bytes, at + 6);
  if ((fragment & FRAGMENTED) !== 0) {
    if (!mayLeadToTcp(cursor.protocol)) return otherThanTcp(cursor);
    const id = int32(bytes, at + 4) >>> 16;
    const wrong = fragments.take(cursor, id, (fragment & 0x1fff) << 3, (fragment & MORE_FRAGMENTS) !== 0);
    if (wrong !== null) return wrong;
  }
  return cursor.protocol === AH ? readAuthentication(cursor) : null;
}

/** Skips an authentication header, of which only the length matters. */
export function readAuthentication(cursor: PacketCursor): NoSegment | null {
  const { at, bytes, end } = cursor;
  if (end - at < 12) return tooShort(cursor, 'AH', 12);
  const length = (bytes[at + 1]! + 2) << 2;
  if (length < 12) {
    const message = `AH: length ${length} bytes, and the least is 12`;
    return skip(cursor, 'malformed', message, 'AH: length below the least');
  }
  if (end - at < length) return tooShort(cursor, 'AH', length);
  cursor.protocol = bytes[at]!;
  cursor.at = at + length;
  return null;
}
