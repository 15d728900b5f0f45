/**
 * NFLOG: packets as Linux' netfilter logs them, in attributes of netlink.
 *
 * ```text
 *  address family | 0 | resource, 16 | (length, 16 | type, 16 | value, padded to 4 bytes)*     lengths and types in the
 *                                                                                              order of the host
 * ```
 */
import type { NoSegment } from '../../segment.ts';
import { IPV4, IPV6 } from '../ether-numbers.ts';
import { uint16 } from '../integers.ts';
import { endAt, type PacketCursor, skip, tooShort } from '../packet-cursor.ts';

const AF_INET = 2;
const AF_INET6 = 10;
/** The attribute with the packet. */
const PAYLOAD = 9;

export function readNflog(cursor: PacketCursor): NoSegment | null {
  const { at, bytes } = cursor;
  if (cursor.end - at < 4) return tooShort(cursor, 'NFLOG', 4);
  const [family, version] = [bytes[at]!, bytes[at + 1]!];
  if (version !== 0) return skip(cursor, 'other', `NFLOG, version ${version}`);
  if (family !== AF_INET && family !== AF_INET6)
    return skip(cursor, 'other', `NFLOG address family ${family}`);
  cursor.at = at + 4;
  // Each attribute consumes four bytes at least.
  while (cursor.at < cursor.wire) {
    const { at: attribute, end } = cursor;
    if (end - attribute < 4) return tooShort(cursor, 'NFLOG', 4);
    // Types are small, so the order in which this one is small is the host's.
    const isBig = bytes[attribute + 2] === 0 && bytes[attribute + 3] !== 0;
    const length = isBig ? uint16(bytes, attribute) : bytes[attribute]! | (bytes[attribute + 1]! << 8);
    const type = isBig ? uint16(bytes, attribute + 2) : bytes[attribute + 2]!;
    if (length < 4) return skip(cursor, 'malformed', 'NFLOG: an attribute that cannot be');
    if (type === PAYLOAD) {
      endAt(cursor, attribute + length);
      cursor.at = attribute + 4;
      cursor.protocol = family === AF_INET ? IPV4 : IPV6;
      return null;
    }
    const behind = attribute + ((length + 3) & ~3);
    if (behind > end) return tooShort(cursor, 'NFLOG', behind - attribute);
    cursor.at = behind;
  }
  return skip(cursor, 'other', 'NFLOG, without a packet');
}
