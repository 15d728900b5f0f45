/** IP packets in the frames of every link type that the dissector reads. */
import { bytesOf, ethernet, family, pppoe, sll, sll2, snap } from './packet-bytes.ts';

type Wrap = (ip: Uint8Array) => Uint8Array;

const isIpv4 = (ip: Uint8Array): boolean => ip[0]! >> 4 === 4;

/** An address family in front of the packet. That of IPv6 differs from one system to another. */
const withFamily =
  (ipv6Family: number, order?: 'big' | 'little'): Wrap =>
  (ip) =>
    family(isIpv4(ip) ? 2 : ipv6Family, ip, order);

/** The link types besides Ethernet, by their number. */
export const LINK_LAYERS: readonly (readonly [name: string, linkType: number, wrap: Wrap])[] = [
  ['SLL', 113, (ip) => sll(ip)],
  ['SLL with SNAP', 113, (ip) => sll(snap(ip), 4)],
  ['SLL2', 276, (ip) => sll2(ip)],
  ['NULL, little-endian', 0, withFamily(24, 'little')],
  ['NULL, big-endian', 0, withFamily(30, 'big')],
  ['LOOP', 108, withFamily(28)],
  ['RAW', 101, (ip) => ip],
  ['RAW of some BSDs', 12, (ip) => ip],
  ['RAW of OpenBSD', 14, (ip) => ip],
];

/** An Ethernet frame with a PPPoE session packet, whose PPP header is `head`. `longer` is added to its length. */
export const pppoeSession = (
  head: readonly number[],
  ip: Uint8Array,
  { longer = 0, padTo = 0 }: { readonly longer?: number; readonly padTo?: number } = {},
): Uint8Array =>
  ethernet(pppoe(bytesOf(head, ip), head.length + ip.length + longer), { etherType: 0x8864, padTo });

/** The protocol number of PPP for an IP packet, in two bytes. */
export const pppHead = (ip: Uint8Array): readonly number[] => [0, isIpv4(ip) ? 0x21 : 0x57];

/** An Ethernet frame with an MPLS packet, whose labels are `labels`. */
export const mpls = (labels: readonly number[], ip: Uint8Array): Uint8Array =>
  ethernet(bytesOf(labels, ip), { etherType: 0x8847 });
