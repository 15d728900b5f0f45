/** PPP (RFC 1661), from its protocol number to the EtherType that is the same. */
import { hexNumber } from '../../../base/bytes.ts';
import type { NoSegment } from '../../segment.ts';
import { IPV4, IPV6, MPLS, MPLS_UPSTREAM } from '../ether-numbers.ts';
import { uint16 } from '../integers.ts';
import { named, pppProtocols } from '../names.ts';
import { type PacketCursor, skip, tooShort } from '../packet-cursor.ts';

/** The address and the control field of HDLC (RFC 1662), which may be in front of the protocol. */
const ADDRESS_CONTROL = 0xff03;
const ADDRESS = 0xff;

/** Reads PPP with the address and control of HDLC in front, or without. */
export function readPppOfHdlc(cursor: PacketCursor): NoSegment | null {
  const { at, bytes, end } = cursor;
  // No protocol has the number 0xff.
  if (end - at === 1 && bytes[at] === ADDRESS) return tooShort(cursor, 'PPP', 4);
  if (end - at >= 2 && uint16(bytes, at) === ADDRESS_CONTROL) cursor.at = at + 2;
  return readPpp(cursor);
}

/**
 * Reads the protocol at `at`. It has one byte where the sender leaves out an upper one that is zero (RFC 1661, section
 * 6.5): numbers are made so that only their last byte is odd. Null when `protocol` has the EtherType of what is behind.
 */
export function readPpp(cursor: PacketCursor): NoSegment | null {
  const { at, bytes, end } = cursor;
  if (end - at < 1) return tooShort(cursor, 'PPP', 1);
  const length = (bytes[at]! & 1) === 1 ? 1 : 2;
  if (end - at < length) return tooShort(cursor, 'PPP', length);
  const protocol = length === 1 ? bytes[at]! : uint16(bytes, at);
  cursor.at = at + length;
  const etherType = etherTypeOf(protocol);
  if (etherType === 0) {
    return skip(cursor, 'other', named(`PPP protocol ${hexNumber(protocol, 4)}`, pppProtocols.get(protocol)));
  }
  cursor.protocol = etherType;
  return null;
}

/** 0 for what does not lead to IP. */
function etherTypeOf(protocol: number): number {
  switch (protocol) {
    case 0x0021:
      return IPV4;
    case 0x0057:
      return IPV6;
    case 0x0281:
      return MPLS;
    case 0x0283:
      return MPLS_UPSTREAM;
    default:
      return 0;
  }
}
