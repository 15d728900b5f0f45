/**
 * Reads the tunnels over IP, by the protocol of the IP packet: from the header of the tunnel to the IP packet inside.
 *
 * ```text
 *  4, 41   IP in IP        nothing: IPv4, or IPv6
 *  17      UDP             VXLAN, Geneve, GTP-U, L2TP and others, by the port: see `udp.ts`
 *  47      GRE             and in it ERSPAN, NVGRE, PPTP: see `gre.ts`
 *  97      EtherIP         a version, and Ethernet
 *  115     L2TPv3          see `l2tp.ts`
 *  137     MPLS in IP      labels
 * ```
 */
import type { NoSegment } from '../../segment.ts';
import { ETHERNET, IPV4, IPV6, MPLS } from '../ether-numbers.ts';
import { readEtherType } from '../ether-type.ts';
import { uint16 } from '../integers.ts';
import { ETHER_IP, GRE, IPV4_IN_IP, IPV6_IN_IP, L2TP, MPLS_IN_IP, UDP } from '../ip-protocol.ts';
import { otherThanTcp, otherUdp } from '../other.ts';
import { type PacketCursor, skip, tooShort } from '../packet-cursor.ts';
import { enterTunnel } from './enter-tunnel.ts';
import { readGre } from './gre.ts';
import { readL2tpOverIp } from './l2tp.ts';
import { NO_ID } from './tunnel-table.ts';
import { NOT_A_TUNNEL, readUdp } from './udp.ts';

/** Reads what an IP packet carries, which is not TCP. Returns null when an IP packet is at `at` now. */
export function readTunnel(cursor: PacketCursor): NoSegment | null {
  const wrong = enter(cursor);
  return wrong === null ? readEtherType(cursor) : wrong;
}

/** Reads the header of a tunnel. Returns null when the EtherType of what is behind it is in `protocol` now. */
function enter(cursor: PacketCursor): NoSegment | null {
  switch (cursor.protocol) {
    case IPV4_IN_IP:
      return begin(cursor, 'IPv4 in IP', IPV4);
    case IPV6_IN_IP:
      return begin(cursor, 'IPv6 in IP', IPV6);
    case UDP: {
      const read = readUdp(cursor);
      return read === NOT_A_TUNNEL ? otherUdp(cursor) : read;
    }
    case GRE:
      return readGre(cursor);
    case ETHER_IP:
      return readEtherIp(cursor);
    case L2TP:
      return readL2tpOverIp(cursor);
    case MPLS_IN_IP:
      return begin(cursor, 'MPLS in IP', MPLS);
    default:
      return otherThanTcp(cursor);
  }
}

function begin(cursor: PacketCursor, kind: string, etherType: number): NoSegment | null {
  cursor.protocol = etherType;
  return enterTunnel(cursor, kind, NO_ID);
}

/** RFC 3378: version 3, and Ethernet. */
function readEtherIp(cursor: PacketCursor): NoSegment | null {
  const { at, bytes, end } = cursor;
  if (end - at < 2) return tooShort(cursor, 'EtherIP', 2);
  const head = uint16(bytes, at);
  if (head !== 0x3000) return skip(cursor, 'other', `EtherIP, version ${head >> 12}`);
  cursor.at = at + 2;
  return begin(cursor, 'EtherIP', ETHERNET);
}
