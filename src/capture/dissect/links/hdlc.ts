/**
 * Serial lines: PPP in HDLC framing (RFC 1662), Cisco's HDLC, and Frame Relay (RFC 2427).
 *
 * ```text
 *  PPP          0xff 0x03 | protocol            some captures leave the first two bytes out
 *  Cisco HDLC   0x0f or 0x8f | 0 | EtherType
 *  Frame Relay  address, 2 to 4 bytes | 3 | NLPID         or Cisco's: address | EtherType
 * ```
 */
import { hexNumber } from '../../../base/bytes.ts';
import type { NoSegment } from '../../segment.ts';
import { IPV4, IPV6, LLC_LENGTH_MAX, PPP } from '../ether-numbers.ts';
import { uint16 } from '../integers.ts';
import { cisco, named } from '../names.ts';
import { type PacketCursor, skip, tooShort } from '../packet-cursor.ts';

/** The first byte of Cisco's HDLC: to one receiver, or to all. */
const CISCO_ONE = 0x0f;
const CISCO_ALL = 0x8f;

/** Network layer protocol ids of Frame Relay. */
const NLPID_IPV4 = 0xcc;
const NLPID_IPV6 = 0x8e;
const NLPID_SNAP = 0x80;
const NLPID_PPP = 0xcf;
const UNNUMBERED = 0x03;
/** The bit of an address byte that says that it is the last. */
const IS_LAST = 0x01;
const ADDRESS_BYTES_MAX = 4;

/** Reads PPP in HDLC framing, or Cisco's HDLC: they are told by their first byte. */
export function readSerial(cursor: PacketCursor): NoSegment | null {
  const { at, bytes, end } = cursor;
  if (end - at < 1) return tooShort(cursor, 'PPP', 1);
  if (bytes[at] === CISCO_ONE || bytes[at] === CISCO_ALL) return readCiscoHdlc(cursor);
  cursor.protocol = PPP;
  return null;
}

/** Reads PPP behind a byte for its direction, in the place of the address (pppd), or in front of it. */
export function readDirected(cursor: PacketCursor): NoSegment | null {
  const { at, bytes, end } = cursor;
  if (end - at < 1) return tooShort(cursor, 'PPP', 1);
  cursor.at = at + 1;
  if (end - at >= 2 && bytes[at + 1] === UNNUMBERED) cursor.at = at + 2;
  cursor.protocol = PPP;
  return null;
}

export function readCiscoHdlc(cursor: PacketCursor): NoSegment | null {
  const { at, bytes, end } = cursor;
  if (end - at < 4) return tooShort(cursor, 'Cisco HDLC', 4);
  const protocol = uint16(bytes, at + 2);
  cursor.at = at + 4;
  cursor.protocol = protocol;
  const name = cisco.get(protocol);
  return name === undefined
    ? null
    : skip(cursor, 'other', named(`Cisco HDLC protocol ${hexNumber(protocol, 4)}`, name));
}

export function readFrameRelay(cursor: PacketCursor): NoSegment | null {
  const { at, bytes, end } = cursor;
  let from = at;
  do {
    if (from === at + ADDRESS_BYTES_MAX)
      return skip(cursor, 'malformed', 'Frame Relay: an address without an end');
    if (from >= end) return tooShort(cursor, 'Frame Relay', from + 1 - at);
    from += 1;
  } while ((bytes[from - 1]! & IS_LAST) === 0);
  if (end - from < 2) return tooShort(cursor, 'Frame Relay', from + 2 - at);
  if (bytes[from] === UNNUMBERED) return readNlpid(cursor, from + 1);
  cursor.protocol = uint16(bytes, from);
  cursor.at = from + 2;
  return cursor.protocol > LLC_LENGTH_MAX
    ? null
    : skip(cursor, 'other', 'Frame Relay, and what it carries is not IP');
}

/** What is behind the control field, and a byte of padding where there is one. */
function readNlpid(cursor: PacketCursor, from: number): NoSegment | null {
  const { at, bytes, end } = cursor;
  const id = bytes[from] === 0 ? from + 1 : from;
  if (end - id < 1) return tooShort(cursor, 'Frame Relay', id + 1 - at);
  const nlpid = bytes[id]!;
  cursor.at = id + 1;
  switch (nlpid) {
    case NLPID_IPV4:
      cursor.protocol = IPV4;
      return null;
    case NLPID_IPV6:
      cursor.protocol = IPV6;
      return null;
    case NLPID_PPP:
      cursor.protocol = PPP;
      return null;
    case NLPID_SNAP:
      if (end - id < 6) return tooShort(cursor, 'SNAP', 6);
      cursor.at = id + 6;
      cursor.protocol = uint16(bytes, id + 4);
      if (bytes[id + 1] === 0 && uint16(bytes, id + 2) === 0) return null;
      return skip(cursor, 'other', 'Frame Relay, SNAP of a vendor');
    default:
      return skip(cursor, 'other', `Frame Relay, NLPID ${hexNumber(nlpid, 2)}`);
  }
}
