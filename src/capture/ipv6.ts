/** The IPv6 header and its extension headers (RFC 8200, sections 3 and 4). */
import { type IpPlace, type Unreadable, u16, u32, unreadable } from './ip-place.ts';

const HEADER = 40;

const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const AUTHENTICATION = 51;
const DESTINATION = 60;
const MOBILITY = 135;
const HIP = 139;
const SHIM6 = 140;

const isOptionHeader = (next: number): boolean =>
  next === HOP_BY_HOP ||
  next === ROUTING ||
  next === DESTINATION ||
  next === MOBILITY ||
  next === HIP ||
  next === SHIM6;

/**
 * Reads the header at `at` and the extension headers behind it, and says where what they carry is.
 *
 * A payload length of 0 is that of a jumbogram (RFC 2675) or of a packet that is larger than the field can say (BIG
 * TCP): then the payload is all that the frame had.
 *
 * @param originalLength bytes the packet had on the wire.
 * @returns null when it was read.
 */
export function readIpv6(
  bytes: Uint8Array,
  at: number,
  originalLength: number,
  place: IpPlace,
): Unreadable | null {
  if (bytes.length - at < HEADER) return unreadable('cut', 'IPv6: the header was not captured whole');
  const onWire = Math.max(originalLength, bytes.length) - at - HEADER;
  const payloadLength = u16(bytes, at + 4) || onWire;
  place.header = at;
  place.addresses = at + 8;
  place.addressBytes = 32;
  place.protocol = bytes[at + 6]!;
  place.at = at + HEADER;
  place.end = Math.min(bytes.length, place.at + payloadLength);
  place.length = payloadLength;
  place.offset = 0;
  place.more = false;
  place.id = 0;
  return readExtensions(bytes, place);
}

/** Walks the extension headers, each of which says how long it is and what follows it. */
function readExtensions(bytes: Uint8Array, place: IpPlace): Unreadable | null {
  for (;;) {
    const { protocol, at } = place;
    const size = extensionSize(bytes, protocol, at, place.end);
    if (size === 0) return null;
    if (size > place.length)
      return unreadable('malformed', `IPv6: extension header ${protocol} is longer than the payload`);
    if (size < 0 || at + size > place.end)
      return unreadable('cut', `IPv6: extension header ${protocol} was not captured whole`);
    place.protocol = bytes[at]!;
    place.at += size;
    place.length -= size;
    if (protocol !== FRAGMENT) continue;
    const field = u16(bytes, at + 2);
    place.offset = field & 0xfff8;
    place.more = (field & 1) !== 0;
    place.id = u32(bytes, at + 4);
    // What is in front of the payload of a later fragment is not there again.
    if (place.offset > 0) return null;
  }
}

/** Bytes of an extension header: 0 when there is none, negative when its length was not captured. */
function extensionSize(bytes: Uint8Array, protocol: number, at: number, end: number): number {
  if (protocol === FRAGMENT) return 8;
  const isOptions = isOptionHeader(protocol);
  if (!isOptions && protocol !== AUTHENTICATION) return 0;
  if (at + 2 > end) return -1;
  return isOptions ? (bytes[at + 1]! + 1) * 8 : (bytes[at + 1]! + 2) * 4;
}
