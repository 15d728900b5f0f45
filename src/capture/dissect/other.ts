/** Names the protocol of an IP packet that leads to no TCP, as far as its headers show it. */
import type { NoSegment } from '../segment.ts';
import { uint16 } from './integers.ts';
import { ipProtocols, named, udpPorts } from './names.ts';
import { type PacketCursor, skip } from './packet-cursor.ts';

export function otherThanTcp(cursor: PacketCursor): NoSegment {
  const { addressesLength, protocol } = cursor;
  const number = addressesLength === 8 ? 'IPv4 protocol' : 'IPv6 next header';
  return skip(cursor, 'other', named(`${number} ${protocol}`, ipProtocols.get(protocol)));
}

/** UDP at `at`. Chooses one of two ports: the one that is known, or else the lower one, which is mostly the server's. */
export function otherUdp(cursor: PacketCursor): NoSegment {
  const { at, bytes, end } = cursor;
  if (end - at < 4) return skip(cursor, 'other', 'UDP');
  const source = uint16(bytes, at);
  const destination = uint16(bytes, at + 2);
  const known = udpPorts.has(destination) ? destination : udpPorts.has(source) ? source : null;
  const name = known === null ? undefined : `perhaps ${udpPorts.get(known)}`;
  return skip(cursor, 'other', named(`UDP, port ${known ?? Math.min(source, destination)}`, name));
}
