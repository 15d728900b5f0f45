/** Names the protocol of an IP packet that does not carry TCP, as far as its headers show it. */
import type { NoSegment } from '../segment.ts';
import { ipProtocols, named, udpPorts } from './names.ts';
import { type PacketCursor, skip, uint16 } from './packet-cursor.ts';

const UDP = 17;

/**
 * @param number the name of the field in which IPv4 or IPv6 has the protocol: `IPv4 protocol`.
 * @param isFirst whether the header of what is carried is at `at`, and not in another fragment.
 */
export function otherThanTcp(cursor: PacketCursor, number: string, isFirst: boolean): NoSegment {
  const { protocol } = cursor;
  const reason =
    protocol === UDP ? udp(cursor, isFirst) : named(`${number} ${protocol}`, ipProtocols.get(protocol));
  return skip(cursor, 'other', reason);
}

/** Chooses one of two ports: the one that is known, or else the lower one, which is mostly the server's. */
function udp({ at, bytes, end }: PacketCursor, isFirst: boolean): string {
  if (!isFirst) return 'UDP, a fragment without its first';
  if (end - at < 4) return 'UDP';
  const source = uint16(bytes, at);
  const destination = uint16(bytes, at + 2);
  const known = udpPorts.has(destination) ? destination : udpPorts.has(source) ? source : null;
  const name = known === null ? undefined : `perhaps ${udpPorts.get(known)}`;
  return named(`UDP, port ${known ?? Math.min(source, destination)}`, name);
}
