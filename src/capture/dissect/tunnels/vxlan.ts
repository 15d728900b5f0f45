/**
 * VXLAN (RFC 7348), also with a group policy (draft-smith-vxlan-group-policy), and VXLAN GPE (draft-ietf-nvo3-vxlan-gpe).
 *
 * ```text
 *  VXLAN       G... I... | .D.. A... | policy, 16 | VNI, 24 | 0          then Ethernet
 *  VXLAN GPE   .vvI PB.O | 0         | 0 | next   | VNI, 24 | 0          then what `next` says
 * ```
 *
 * Bits that a receiver must ignore have to be 0 here: that is what tells VXLAN from another protocol on its port.
 */
import type { NoSegment } from '../../segment.ts';
import { ETHERNET, IPV4, IPV6, MPLS } from '../ether-numbers.ts';
import { uint32 } from '../integers.ts';
import { type PacketCursor, skip, tooShort } from '../packet-cursor.ts';
import { enterTunnel } from './enter-tunnel.ts';

const HEADER_BYTES = 8;
/** Flags in the first byte. */
const HAS_POLICY = 0x80;
const HAS_VNI = 0x08;
const HAS_NEXT = 0x04;
const IS_MANAGEMENT = 0x01;
/** In the second byte, beside a policy: "do not learn" and "applied". */
const POLICY_FLAGS = 0x48;

/** Whether VXLAN may be at `at`, as far as it was captured. */
export function isVxlan({ at, bytes, end, wire }: PacketCursor): boolean {
  if (wire - at < HEADER_BYTES) return false;
  if (end - at < HEADER_BYTES) return true;
  const first = bytes[at]!;
  if ((first & ~HAS_POLICY) !== HAS_VNI || bytes[at + 7] !== 0) return false;
  if (first & HAS_POLICY) return (bytes[at + 1]! & ~POLICY_FLAGS) === 0;
  return bytes[at + 1] === 0 && bytes[at + 2] === 0 && bytes[at + 3] === 0;
}

export function readVxlan(cursor: PacketCursor): NoSegment | null {
  const { at, bytes, end } = cursor;
  if (end - at < HEADER_BYTES) return tooShort(cursor, 'VXLAN', HEADER_BYTES);
  cursor.at = at + HEADER_BYTES;
  cursor.protocol = ETHERNET;
  return enterTunnel(cursor, 'VXLAN', uint32(bytes, at + 4) >>> 8);
}

/** Whether VXLAN GPE may be at `at`, as far as it was captured: version 0, and a known flag where one must be. */
export function isVxlanGpe({ at, bytes, end, wire }: PacketCursor): boolean {
  if (wire - at < HEADER_BYTES) return false;
  if (end - at < HEADER_BYTES) return true;
  const first = bytes[at]!;
  return (first & 0xf0) === 0 && (first & HAS_VNI) !== 0 && bytes[at + 1] === 0 && bytes[at + 2] === 0;
}

export function readVxlanGpe(cursor: PacketCursor): NoSegment | null {
  const { at, bytes, end } = cursor;
  if (end - at < HEADER_BYTES) return tooShort(cursor, 'VXLAN GPE', HEADER_BYTES);
  const first = bytes[at]!;
  if (first & IS_MANAGEMENT) return skip(cursor, 'other', 'VXLAN GPE, operations and management');
  // Without the flag it is VXLAN, which has a zero here.
  const next = first & HAS_NEXT ? bytes[at + 3]! : 3;
  const etherType = next === 1 ? IPV4 : next === 2 ? IPV6 : next === 3 ? ETHERNET : next === 5 ? MPLS : 0;
  if (etherType === 0) return skip(cursor, 'other', `VXLAN GPE, next protocol ${next}`);
  cursor.at = at + HEADER_BYTES;
  cursor.protocol = etherType;
  return enterTunnel(cursor, 'VXLAN GPE', uint32(bytes, at + 4) >>> 8);
}
