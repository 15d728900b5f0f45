/** The IPv4 header (RFC 791, section 3.1). */
import { type IpPlace, type Unreadable, u16, unreadable } from './ip-place.ts';

const LEAST = 20;

/**
 * Reads the header at `at`, and says where what it carries is.
 *
 * A total length of 0 is what a machine leaves that has its network card cut packets for it (TSO): then the payload
 * is all that the frame had. Otherwise what the frame has beyond it is padding.
 *
 * @param originalLength bytes the packet had on the wire.
 * @returns null when it was read.
 */
export function readIpv4(
  bytes: Uint8Array,
  at: number,
  originalLength: number,
  place: IpPlace,
): Unreadable | null {
  if (bytes.length - at < LEAST) return unreadable('cut', 'IPv4: the header was not captured whole');
  const headerLength = (bytes[at]! & 15) * 4;
  if (headerLength < LEAST)
    return unreadable('malformed', `IPv4: header length ${headerLength} bytes, and the least is ${LEAST}`);
  const onWire = Math.max(originalLength, bytes.length) - at;
  const totalLength = u16(bytes, at + 2) || onWire;
  if (totalLength < headerLength) {
    const message = `IPv4: total length ${totalLength} bytes, and the header alone has ${headerLength}`;
    return unreadable('malformed', message);
  }
  if (bytes.length - at < headerLength) return unreadable('cut', 'IPv4: the header was not captured whole');
  const flags = u16(bytes, at + 6);
  place.header = at;
  place.addresses = at + 12;
  place.addressBytes = 8;
  place.protocol = bytes[at + 9]!;
  place.at = at + headerLength;
  place.end = Math.min(bytes.length, at + totalLength);
  place.length = totalLength - headerLength;
  place.offset = (flags & 0x1fff) * 8;
  place.more = (flags & 0x2000) !== 0;
  place.id = u16(bytes, at + 4);
  return null;
}
