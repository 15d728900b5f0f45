/** IPv6 (RFC 8200): its header, the extension headers, and fragments. */
import type { NoSegment } from '../segment.ts';
import type { FragmentReassembly } from './fragment-reassembly.ts';
import { int32, uint16, uint32 } from './integers.ts';
import { AH, mayLeadToTcp } from './ip-protocol.ts';
import { readAuthentication } from './ipv4.ts';
import { otherThanTcp } from './other.ts';
import { endAt, type PacketCursor, skip, tooShort } from './packet-cursor.ts';

const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const DESTINATION_OPTIONS = 60;
/** Options within hop-by-hop options. */
const PAD1 = 0;
const JUMBO = 0xc2;
/** The longest payload length that the IPv6 header can hold. */
const PAYLOAD_FIELD_BYTES_MAX = 0xffff;

/** Whether a header may stand between the IPv6 header and what the packet carries. */
function isExtension(protocol: number): boolean {
  return (
    protocol === HOP_BY_HOP ||
    protocol === ROUTING ||
    protocol === FRAGMENT ||
    protocol === DESTINATION_OPTIONS ||
    protocol === AH
  );
}

/** Reads the headers. Returns null when what the packet carries is at `at` now, and `protocol` is its protocol. */
export function readIpv6(cursor: PacketCursor, fragments: FragmentReassembly): NoSegment | null {
  const { at, bytes, end } = cursor;
  if (end - at < 40) return tooShort(cursor, 'IPv6', 40);
  const version = bytes[at]! >> 4;
  if (version !== 6) return skip(cursor, 'malformed', `IPv6: version ${version}`);
  // A packet whose sending is offloaded has length 0, and is as long as its frame. A jumbogram has its length in an
  // option.
  const length = uint16(bytes, at + 4);
  if (length !== 0) endAt(cursor, at + 40 + length);
  cursor.addresses = bytes;
  cursor.addressesAt = at + 8;
  cursor.addressesLength = 32;
  cursor.protocol = bytes[at + 6]!;
  cursor.at = at + 40;
  if (length === 0 && cursor.protocol === HOP_BY_HOP) endJumbogram(cursor);
  // Each iteration consumes eight bytes at least.
  while (isExtension(cursor.protocol)) {
    const wrong = readExtension(cursor, fragments);
    if (wrong !== null) return wrong;
  }
  return null;
}

/**
 * Ends a jumbogram (RFC 2675) at the length in its option, which counts all bytes behind the IPv6 header. Does nothing
 * for a length that no jumbogram has, or that was not captured whole.
 */
function endJumbogram(cursor: PacketCursor): void {
  const { at, bytes, end } = cursor;
  if (end - at < 8) return;
  const stop = Math.min(end, at + ((bytes[at + 1]! + 1) << 3));
  for (let option = at + 2; option < stop; ) {
    if (bytes[option] === PAD1) {
      option += 1;
      continue;
    }
    if (stop - option < 2) return;
    const length = bytes[option + 1]!;
    if (bytes[option] === JUMBO && length === 4 && stop - option >= 6) {
      const payload = uint32(bytes, option + 2);
      if (payload > PAYLOAD_FIELD_BYTES_MAX) endAt(cursor, at + payload);
      return;
    }
    option += 2 + length;
  }
}

function readExtension(cursor: PacketCursor, fragments: FragmentReassembly): NoSegment | null {
  const { protocol } = cursor;
  if (protocol === AH) return readAuthentication(cursor);
  if (protocol === FRAGMENT) return readFragment(cursor, fragments);
  const { at, bytes, end } = cursor;
  if (end - at < 8) return tooShort(cursor, 'IPv6 extension', 8);
  const length = (bytes[at + 1]! + 1) << 3;
  if (end - at < length) return tooShort(cursor, 'IPv6 extension', length);
  if (protocol === ROUTING) useFinalDestination(cursor, length);
  cursor.protocol = bytes[at]!;
  cursor.at = at + length;
  return null;
}

/**
 * With a routing header, the destination in the IPv6 header is only the next stop. The connection's destination is the
 * last stop: at the end of the list, or, in segment routing (RFC 8754), which writes the list backwards, at its
 * beginning.
 */
function useFinalDestination(cursor: PacketCursor, length: number): void {
  const { addresses, addressesAt, at, bytes } = cursor;
  const type = bytes[at + 2]!;
  const isOver = bytes[at + 3] === 0;
  if (isOver || length < 24 || (type !== 0 && type !== 2 && type !== 4)) return;
  const last = type === 4 ? at + 8 : at + length - 16;
  const ends = new Uint8Array(32);
  ends.set(addresses.subarray(addressesAt, addressesAt + 16));
  ends.set(bytes.subarray(last, last + 16), 16);
  cursor.addresses = ends;
  cursor.addressesAt = 0;
}

function readFragment(cursor: PacketCursor, fragments: FragmentReassembly): NoSegment | null {
  const { at, bytes, end } = cursor;
  if (end - at < 8) return tooShort(cursor, 'IPv6 fragment', 8);
  const place = uint16(bytes, at + 2);
  const offset = place & 0xfff8;
  const more = (place & 1) === 1;
  cursor.protocol = bytes[at]!;
  cursor.at = at + 8;
  // An atomic fragment (RFC 6946) is whole by itself, whatever else has its id.
  if (offset === 0 && !more) return null;
  if (!mayLeadToTcp(cursor.protocol) && !isExtension(cursor.protocol)) return otherThanTcp(cursor);
  return fragments.take(cursor, int32(bytes, at + 4), offset, more);
}
