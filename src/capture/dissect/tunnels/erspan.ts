/**
 * ERSPAN in GRE (draft-foschiano-erspan): frames that a switch has mirrored, both directions of them to one receiver.
 *
 * ```text
 *  type I     0x88be, no number in GRE    nothing: Ethernet
 *  type II    0x88be, version 1           version, 4 | VLAN, 12 | … | session, 10 | index, 32                    Ethernet
 *  type III   0x22eb, version 2           the same | time, 32 | … | kind of frame, 5 | … | O | O: 8 bytes more   Ethernet, IP
 * ```
 */
import type { NoSegment } from '../../segment.ts';
import { ETHERNET, IPV4, IPV6 } from '../ether-numbers.ts';
import { uint16 } from '../integers.ts';
import { type PacketCursor, skip, tooShort } from '../packet-cursor.ts';
import { enterTunnel } from './enter-tunnel.ts';
import { NO_ID } from './tunnel-table.ts';

/** The EtherTypes of types I and II, and of type III. */
export const ERSPAN = 0x88be;
export const ERSPAN_3 = 0x22eb;

const SESSION = 0x03ff;
const HAS_SUBHEADER = 0x0001;
/** Kinds of frame in type III. */
const IS_ETHERNET = 0;
const IS_IP = 2;

/** @param isNumbered whether GRE has a sequence number, which it has in front of any header of ERSPAN. */
export function readErspan(cursor: PacketCursor, isNumbered: boolean): NoSegment | null {
  const { at, bytes, end, protocol } = cursor;
  cursor.protocol = ETHERNET;
  if (protocol === ERSPAN && !isNumbered) return enterTunnel(cursor, 'ERSPAN', NO_ID);
  const least = protocol === ERSPAN ? 8 : 12;
  if (end - at < least) return tooShort(cursor, 'ERSPAN', least);
  const version = bytes[at]! >> 4;
  if (version !== (protocol === ERSPAN ? 1 : 2)) return skip(cursor, 'other', `ERSPAN, version ${version}`);
  let header = least;
  if (protocol === ERSPAN_3) {
    const last = uint16(bytes, at + 10);
    if (last & HAS_SUBHEADER) header += 8;
    if (end - at < header + 1) return tooShort(cursor, 'ERSPAN', header + 1);
    const kind = (last >> 10) & 0x1f;
    if (kind === IS_IP) cursor.protocol = bytes[at + header]! >> 4 === 6 ? IPV6 : IPV4;
    else if (kind !== IS_ETHERNET) return skip(cursor, 'other', `ERSPAN, kind of frame ${kind}`);
  }
  cursor.at = at + header;
  return enterTunnel(cursor, 'ERSPAN', uint16(bytes, at + 2) & SESSION);
}
