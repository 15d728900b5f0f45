/** IP packets in the frames of every link type that the dissector reads. */
import { bytesOf, ethernet, family, pppoe, sll, sll2, snap } from './packet-bytes.ts';
import { dot11, nflog, ppi, radiotap } from './radio-bytes.ts';

type Wrap = (ip: Uint8Array) => Uint8Array;

const isIpv4 = (ip: Uint8Array): boolean => ip[0]! >> 4 === 4;

/** An address family in front of the packet. That of IPv6 differs from one system to another. */
const withFamily =
  (ipv6Family: number, order?: 'big' | 'little'): Wrap =>
  (ip) =>
    family(isIpv4(ip) ? 2 : ipv6Family, ip, order);

const etherType = (ip: Uint8Array): readonly number[] => (isIpv4(ip) ? [8, 0] : [0x86, 0xdd]);
const cisco: Wrap = (ip) => bytesOf([0x0f, 0], etherType(ip), ip);

/** The protocol number of PPP for an IP packet, in two bytes. */
export const pppHead = (ip: Uint8Array): readonly number[] => [0, isIpv4(ip) ? 0x21 : 0x57];

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
  ['PPP', 9, (ip) => bytesOf(pppHead(ip), ip)],
  ['PPP with address and control', 9, (ip) => bytesOf([0xff, 3], pppHead(ip), ip)],
  ['PPP with a protocol of one byte', 9, (ip) => bytesOf(pppHead(ip).slice(1), ip)],
  ['PPP in HDLC framing', 50, (ip) => bytesOf([0xff, 3], pppHead(ip), ip)],
  ['PPP in HDLC framing that is of Cisco', 50, (ip) => cisco(ip)],
  ['PPPoE', 51, (ip) => pppoe(bytesOf(pppHead(ip), ip))],
  ['PPP with a direction', 204, (ip) => bytesOf([0, 0xff, 3], pppHead(ip), ip)],
  ['Cisco HDLC', 104, (ip) => cisco(ip)],
  ['Frame Relay', 107, (ip) => bytesOf([0x18, 0x41, 3, isIpv4(ip) ? 0xcc : 0x8e], ip)],
  ['Frame Relay with SNAP', 107, (ip) => bytesOf([0x18, 0x41, 3, 0, 0x80, 0, 0, 0], etherType(ip), ip)],
  ['Frame Relay of Cisco', 107, (ip) => bytesOf([0x18, 0x41], etherType(ip), ip)],
  ['802.11', 105, (ip) => dot11(ip)],
  ['802.11, QoS', 105, (ip) => dot11(ip, { qos: [0, 0] })],
  ['802.11, QoS and HT', 105, (ip) => dot11(ip, { qos: [0, 0], ht: true })],
  ['802.11, four addresses', 105, (ip) => dot11(ip, { fourAddresses: true, qos: [5, 0] })],
  ['802.11, an aggregate of one', 105, (ip) => dot11(ip, { qos: [0x80, 0], aggregate: true })],
  ['802.11, radiotap', 127, (ip) => radiotap(dot11(ip))],
  ['802.11, radiotap and padding', 127, (ip) => radiotap(dot11(ip, { qos: [0, 0], padded: true }), true)],
  ['802.11, Prism', 119, (ip) => bytesOf([0x44, 0, 0, 0, 144, 0, 0, 0], new Uint8Array(136), dot11(ip))],
  ['802.11, AVS', 163, (ip) => bytesOf([0x80, 0x21, 0x10, 1, 0, 0, 0, 64], new Uint8Array(56), dot11(ip))],
  ['PPI, 802.11', 192, (ip) => ppi(105, dot11(ip))],
  ['PPI, Ethernet', 192, (ip) => ppi(1, ethernet(ip))],
  ['NFLOG', 239, (ip) => nflog(ip, 'little')],
];

/** Those of which tshark needs to be told the order of bytes, or that it does not read. */
export const OTHER_LINK_LAYERS: typeof LINK_LAYERS = [
  ['PPP of pppd', 166, (ip) => bytesOf([1, 3], pppHead(ip), ip)],
  ['NFLOG, big-endian', 239, (ip) => nflog(ip, 'big')],
];

/** An Ethernet frame with a PPPoE session packet, whose PPP header is `head`. `longer` is added to its length. */
export const pppoeSession = (
  head: readonly number[],
  ip: Uint8Array,
  { longer = 0, padTo = 0 }: { readonly longer?: number; readonly padTo?: number } = {},
): Uint8Array =>
  ethernet(pppoe(bytesOf(head, ip), head.length + ip.length + longer), { etherType: 0x8864, padTo });

/** An Ethernet frame with an MPLS packet, whose labels are `labels`. */
export const mpls = (labels: readonly number[], ip: Uint8Array): Uint8Array =>
  ethernet(bytesOf(labels, ip), { etherType: 0x8847 });
