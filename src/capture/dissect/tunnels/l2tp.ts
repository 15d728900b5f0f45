/**
 * L2TP: version 2 (RFC 2661), which carries PPP over UDP, and version 3 (RFC 3931), over UDP or IP.
 *
 * ```text
 *  version 2             T L . . S . O P … version | L: length | tunnel, session | S: numbers | O: offset | PPP
 *  version 3 over UDP    T … version | 0           | session, 32 | cookie, 0, 4 or 8 bytes | sublayer | frame
 *  version 3 over IP                                 session, 32 | cookie, 0, 4 or 8 bytes | sublayer | frame
 * ```
 *
 * Sessions are numbered by their receivers, so those of both directions differ. How long cookie and sublayer are is
 * agreed upon in control messages: here it is the first length behind which there is an Ethernet frame with IP, or PPP.
 */
import type { NoSegment } from '../../segment.ts';
import { ETHERNET, IPV4, IPV6, PPP, VLAN } from '../ether-numbers.ts';
import { uint16, uint32 } from '../integers.ts';
import { endAt, type PacketCursor, skip, tooShort } from '../packet-cursor.ts';
import { enterTunnel } from './enter-tunnel.ts';
import { NO_ID } from './tunnel-table.ts';

const IS_CONTROL = 0x8000;
const HAS_LENGTH = 0x4000;
const HAS_NUMBERS = 0x0800;
const HAS_OFFSET = 0x0200;
const VERSION = 0x000f;
/** Bits that are always 0, in either version; of control messages too. */
const RESERVED = 0x34f0;
/** A cookie of 0, 4 or 8 bytes, and a sublayer of 0 or 4. */
const COOKIE_AND_SUBLAYER_BYTES_MAX = 12;

/** Whether L2TP may be at `at`, as far as it was captured. */
export function isL2tp({ at, bytes, end, wire }: PacketCursor): boolean {
  if (wire - at < 6) return false;
  if (end - at < 2) return true;
  const flags = uint16(bytes, at);
  if (flags & RESERVED) return false;
  const version = flags & VERSION;
  if (version === 3) return (flags & ~(IS_CONTROL | VERSION | HAS_LENGTH | HAS_NUMBERS)) === 0;
  if (version !== 2) return false;
  return (flags & HAS_LENGTH) === 0 || end - at < 4 || uint16(bytes, at + 2) <= wire - at;
}

export function readL2tpOverUdp(cursor: PacketCursor): NoSegment | null {
  const { at, bytes, end } = cursor;
  if (end - at < 2) return tooShort(cursor, 'L2TP', 2);
  const flags = uint16(bytes, at);
  if (flags & IS_CONTROL) return skip(cursor, 'other', 'L2TP, a control message');
  if ((flags & VERSION) === 2) return readVersion2(cursor, flags);
  if (end - at < 4) return tooShort(cursor, 'L2TP', 4);
  cursor.at = at + 4;
  return readVersion3(cursor);
}

export function readL2tpOverIp(cursor: PacketCursor): NoSegment | null {
  const { at, bytes, end } = cursor;
  if (end - at < 4) return tooShort(cursor, 'L2TP', 4);
  if (uint32(bytes, at) === 0) return skip(cursor, 'other', 'L2TP, a control message');
  return readVersion3(cursor);
}

function readVersion2(cursor: PacketCursor, flags: number): NoSegment | null {
  const { at, bytes } = cursor;
  const offsetAt = 6 + (flags & HAS_LENGTH ? 2 : 0) + (flags & HAS_NUMBERS ? 4 : 0);
  const header = offsetAt + (flags & HAS_OFFSET ? 2 : 0);
  if (cursor.end - at < header) return tooShort(cursor, 'L2TP', header);
  if (flags & HAS_LENGTH) endAt(cursor, at + uint16(bytes, at + 2));
  const offset = flags & HAS_OFFSET ? uint16(bytes, at + offsetAt) : 0;
  if (cursor.end - at < header + offset) return tooShort(cursor, 'L2TP', header + offset);
  cursor.at = at + header + offset;
  cursor.protocol = PPP;
  return enterTunnel(cursor, 'L2TP', NO_ID);
}

/** The session at `at`, and behind it a frame, somewhere. */
function readVersion3(cursor: PacketCursor): NoSegment | null {
  const { at, end, wire } = cursor;
  if (end - at < 4) return tooShort(cursor, 'L2TP', 4);
  for (let more = 0; more <= COOKIE_AND_SUBLAYER_BYTES_MAX; more += 4) {
    const protocol = protocolAt(cursor, at + 4 + more);
    if (protocol === null) continue;
    cursor.at = at + 4 + more;
    cursor.protocol = protocol;
    return enterTunnel(cursor, 'L2TP', NO_ID);
  }
  return end < wire && end - at < 40
    ? skip(cursor, 'cut', 'L2TP: too little was captured to know what is in it')
    : skip(cursor, 'other', 'L2TP, version 3, and what it carries is not IP');
}

/** What is at `from`: an Ethernet frame with IP, or PPP with IP; null when it is neither. */
function protocolAt({ bytes, end }: PacketCursor, from: number): number | null {
  if (from + 15 <= end && isIp(uint16(bytes, from + 12), bytes[from + 14]!)) return ETHERNET;
  const ppp = from + 2 <= end && uint16(bytes, from) === 0xff03 ? from + 2 : from;
  if (ppp + 3 > end) return null;
  const protocol = uint16(bytes, ppp);
  const etherType = protocol === 0x0021 ? IPV4 : protocol === 0x0057 ? IPV6 : 0;
  return isIp(etherType, bytes[ppp + 2]!) ? PPP : null;
}

const isIp = (etherType: number, first: number): boolean =>
  (etherType === IPV4 && first >> 4 === 4) ||
  (etherType === IPV6 && first >> 4 === 6) ||
  (etherType === VLAN && first < 0x10);
