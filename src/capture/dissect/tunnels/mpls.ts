/**
 * MPLS (RFC 3032): labels up to the one at the bottom. The label stack does not name what is behind it, so the first
 * bits of that decide: IP, or the Ethernet of a pseudo-wire (RFC 4448), with a control word in front of it or without.
 *
 * ```text
 *  4…, 6…     IPv4, IPv6
 *  0…         a control word of 4 bytes and Ethernet; or Ethernet, if its addresses begin so
 *  1…         the associated channel of a pseudo-wire (RFC 4385): no frames
 *  else       Ethernet
 * ```
 *
 * Labels belong to one direction, and to one hop. So they distinguish nothing.
 */
import type { NoSegment } from '../../segment.ts';
import { ETHERNET, IPV4, IPV6, MPLS, PPPOE, SERVICE_VLAN, VLAN } from '../ether-numbers.ts';
import { uint16 } from '../integers.ts';
import { type PacketCursor, skip, tooShort } from '../packet-cursor.ts';
import { enterTunnel } from './enter-tunnel.ts';
import { NO_ID } from './tunnel-table.ts';

const ARP = 0x0806;
const ETHERNET_BYTES = 14;
const CONTROL_WORD_BYTES = 4;

/** Whether a label stack may be at `at`, as far as it was captured, and something behind its bottom that is read. */
export function hasLabels(cursor: PacketCursor): boolean {
  const { at, bytes, end, wire } = cursor;
  let behind = at;
  do {
    if (behind + 4 >= end) return end < wire;
    behind += 4;
  } while ((bytes[behind - 2]! & 1) === 0);
  const version = bytes[behind]! >> 4;
  return (
    version === 4 ||
    version === 6 ||
    isEthernet(cursor, behind) ||
    isEthernet(cursor, behind + CONTROL_WORD_BYTES)
  );
}

/** Moves behind the labels. Returns null when `protocol` has the EtherType of what is there. */
export function readMpls(cursor: PacketCursor): NoSegment | null {
  const { bytes } = cursor;
  for (let bottom = false; !bottom; cursor.at += 4) {
    if (cursor.end - cursor.at < 4) return tooShort(cursor, 'MPLS', 4);
    bottom = (bytes[cursor.at + 2]! & 1) === 1;
  }
  const { at, end } = cursor;
  if (end - at < 1) return tooShort(cursor, 'MPLS', 1);
  const first = bytes[at]! >> 4;
  if (first === 4) cursor.protocol = IPV4;
  else if (first === 6) cursor.protocol = IPV6;
  else return readPseudoWire(cursor, first);
  return null;
}

function readPseudoWire(cursor: PacketCursor, first: number): NoSegment | null {
  const { at, wire } = cursor;
  if (first === 1) return skip(cursor, 'other', 'MPLS, the associated channel of a pseudo-wire');
  const isPlain = isEthernet(cursor, at);
  if (first === 0 && !isPlain && isEthernet(cursor, at + CONTROL_WORD_BYTES)) {
    cursor.at = at + CONTROL_WORD_BYTES;
  } else if (!isPlain) {
    // What was cut before it can be told is as likely a frame that was cut.
    if (cursor.end < wire && cursor.end - at < ETHERNET_BYTES + CONTROL_WORD_BYTES + 1) {
      return skip(cursor, 'cut', 'MPLS: too little was captured to know what is behind the labels');
    }
    return skip(cursor, 'other', 'MPLS, and what it carries is not IP');
  }
  cursor.protocol = ETHERNET;
  return enterTunnel(cursor, 'a pseudo-wire', NO_ID);
}

/** Whether an Ethernet frame with something that leads to IP is at `at`: its type, and the version of IP behind it. */
function isEthernet({ bytes, end }: PacketCursor, at: number): boolean {
  if (end - at <= ETHERNET_BYTES) return false;
  const behind = bytes[at + ETHERNET_BYTES]!;
  switch (uint16(bytes, at + ETHERNET_BYTES - 2)) {
    case IPV4:
      return behind >> 4 === 4;
    case IPV6:
      return behind >> 4 === 6;
    case ARP:
    case VLAN:
    case SERVICE_VLAN:
    case PPPOE:
    case MPLS:
      return true;
    default:
      return false;
  }
}
