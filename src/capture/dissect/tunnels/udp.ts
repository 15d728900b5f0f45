/**
 * Reads the tunnels over UDP. A port says which one it may be, and the header whether it is: what says something else is
 * of another protocol that happens to use the port, and is left alone.
 *
 * ```text
 *  4789, 8472   VXLAN, as its standard and as Linux first had it
 *  4790         VXLAN GPE
 *  6081         Geneve
 *  2152         GTP-U
 *  1701         L2TP
 *  4754         GRE in UDP
 *  6635         MPLS in UDP
 * ```
 */
import type { NoSegment } from '../../segment.ts';
import { MPLS } from '../ether-numbers.ts';
import { uint16 } from '../integers.ts';
import { endAt, type PacketCursor } from '../packet-cursor.ts';
import { enterTunnel } from './enter-tunnel.ts';
import { isGeneve, readGeneve } from './geneve.ts';
import { isGre, readGre } from './gre.ts';
import { isGtp, readGtp } from './gtp.ts';
import { isL2tp, readL2tpOverUdp } from './l2tp.ts';
import { hasLabels } from './mpls.ts';
import { NO_ID } from './tunnel-table.ts';
import { isVxlan, isVxlanGpe, readVxlan, readVxlanGpe } from './vxlan.ts';

/** The result for UDP in which there is no tunnel. The cursor is where it was. */
export const NOT_A_TUNNEL = 'not a tunnel';

const HEADER_BYTES = 8;

/**
 * Reads a datagram. Returns null when a tunnel is in it, and `protocol` the EtherType of what is at `at` now.
 *
 * The port of a tunnel is that of the receiver; a sender may have any. Where that of the receiver is of no tunnel, that
 * of the sender counts, as for replies.
 */
export function readUdp(cursor: PacketCursor): NoSegment | null | typeof NOT_A_TUNNEL {
  const { at, bytes, end, wire } = cursor;
  if (end - at < HEADER_BYTES) return NOT_A_TUNNEL;
  const destination = uint16(bytes, at + 2);
  const port = isTunnelPort(destination) ? destination : uint16(bytes, at);
  if (!isTunnelPort(port)) return NOT_A_TUNNEL;
  const length = uint16(bytes, at + 4);
  // A packet whose sending is offloaded may have length 0.
  if (length >= HEADER_BYTES) endAt(cursor, at + length);
  cursor.at = at + HEADER_BYTES;
  const read = readPort(cursor, port);
  if (read !== NOT_A_TUNNEL) return read;
  cursor.at = at;
  cursor.end = end;
  cursor.wire = wire;
  return read;
}

function isTunnelPort(port: number): boolean {
  switch (port) {
    case 1701:
    case 2152:
    case 4754:
    case 4789:
    case 4790:
    case 6081:
    case 6635:
    case 8472:
      return true;
    default:
      return false;
  }
}

function readPort(cursor: PacketCursor, port: number): NoSegment | null | typeof NOT_A_TUNNEL {
  switch (port) {
    case 4789:
    case 8472:
      return isVxlan(cursor) ? readVxlan(cursor) : NOT_A_TUNNEL;
    case 4790:
      return isVxlanGpe(cursor) ? readVxlanGpe(cursor) : NOT_A_TUNNEL;
    case 6081:
      return isGeneve(cursor) ? readGeneve(cursor) : NOT_A_TUNNEL;
    case 2152:
      return isGtp(cursor) ? readGtp(cursor) : NOT_A_TUNNEL;
    case 1701:
      return isL2tp(cursor) ? readL2tpOverUdp(cursor) : NOT_A_TUNNEL;
    case 4754:
      return isGre(cursor) ? readGre(cursor) : NOT_A_TUNNEL;
    default: {
      if (!hasLabels(cursor)) return NOT_A_TUNNEL;
      cursor.protocol = MPLS;
      return enterTunnel(cursor, 'MPLS in UDP', NO_ID);
    }
  }
}
