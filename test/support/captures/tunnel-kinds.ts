/**
 * Every kind of tunnel that is read: a frame that carries an IP packet, or a frame with it, in one. Some also as they
 * are with other flags, options or extensions.
 */
import { bytesOf, ethernet, ipv4 } from './packet-bytes.ts';
import {
  carrying,
  ENDS_6,
  erspan2,
  erspan3,
  geneve,
  gre,
  gtp,
  l2tp,
  label,
  over,
  ppp,
  pptp,
  type TunnelEnds,
  udp,
  vxlan,
} from './tunnels.ts';

/** @param ends of the tunnel. Without, they are of the kind that its name says, or IPv4. */
export type InTunnel = (ip: Uint8Array, ends?: TunnelEnds) => Uint8Array;

const isIpv6 = (ip: Uint8Array): boolean => ip[0]! >> 4 === 6;
const inIp: InTunnel = (ip, ends) => carrying(over(isIpv6(ip) ? 41 : 4, ip, ends));
/** The control word of a pseudo-wire, with a sequence number. */
const controlWord = [0, 0, 0, 7];
/** A frame between addresses of a manufacturer: by such ones tshark knows that behind labels there is Ethernet. */
function made(frame: Uint8Array): Uint8Array {
  const bytes = frame.slice();
  bytes.set([0, 0x0c, 0x29, 0, 0, 2, 0, 0x0c, 0x29, 0, 0, 1]);
  return bytes;
}
const mplsFrame = (content: Uint8Array, labels = [...label(16, false), ...label(17)]): Uint8Array =>
  ethernet(bytesOf(labels, content), { etherType: 0x8847 });

export const TUNNELS: readonly (readonly [name: string, wrap: InTunnel])[] = [
  ['IP in IPv4', inIp],
  ['IP in IPv6', (ip, ends = ENDS_6) => inIp(ip, ends)],
  ['IP in IP in IP', (ip, ends) => carrying(over(4, ipv4(over(isIpv6(ip) ? 41 : 4, ip)), ends))],
  ['VXLAN', (ip, ends) => carrying(udp(4789, vxlan(42, ethernet(ip)), ends))],
  ['VXLAN over IPv6', (ip, ends = ENDS_6) => carrying(udp(4789, vxlan(42, ethernet(ip)), ends))],
  ['VXLAN on the port of Linux', (ip, ends) => carrying(udp(8472, vxlan(42, ethernet(ip)), ends))],
  [
    'VXLAN with a VLAN in it',
    (ip, ends) => carrying(udp(4789, vxlan(42, ethernet(ip, { tags: [0x8100] })), ends)),
  ],
  [
    'VXLAN with a policy',
    (ip, ends) => carrying(udp(4789, vxlan(42, ethernet(ip), [0x88, 0x08, 1, 2]), ends)),
  ],
  [
    'VXLAN in VXLAN',
    (ip, ends) => carrying(udp(4789, vxlan(1, carrying(udp(4789, vxlan(2, ethernet(ip))))), ends)),
  ],
  ['VXLAN GPE, Ethernet', (ip, ends) => carrying(udp(4790, vxlan(42, ethernet(ip), [0x0c, 0, 0, 3]), ends))],
  ['VXLAN GPE, IP', (ip, ends) => carrying(udp(4790, vxlan(42, ip, [0x0c, 0, 0, isIpv6(ip) ? 2 : 1]), ends))],
  ['Geneve', (ip, ends) => carrying(udp(6081, geneve(42, ethernet(ip)), ends))],
  [
    'Geneve with options',
    (ip, ends) =>
      carrying(udp(6081, geneve(42, ethernet(ip), { options: [1, 2, 3, 1, 0, 0, 0, 9, 1, 2, 4, 0] }), ends)),
  ],
  [
    'Geneve with IP',
    (ip, ends) => carrying(udp(6081, geneve(42, ip, { etherType: isIpv6(ip) ? 0x86dd : 0x0800 }), ends)),
  ],
  ['GRE', (ip, ends) => carrying(over(47, gre(ip), ends))],
  ['GRE over IPv6', (ip, ends = ENDS_6) => carrying(over(47, gre(ip), ends))],
  ['GRE with a key', (ip, ends) => carrying(over(47, gre(ip, { key: 7 }), ends))],
  [
    'GRE with checksum, key and number',
    (ip, ends) => carrying(over(47, gre(ip, { checksum: true, key: 7, number: 3 }), ends)),
  ],
  ['GRE with Ethernet', (ip, ends) => carrying(over(47, gre(ethernet(ip), { etherType: 0x6558 }), ends))],
  ['NVGRE', (ip, ends) => carrying(over(47, gre(ethernet(ip), { etherType: 0x6558, key: 0x1234_56 }), ends))],
  [
    'GRE with MPLS',
    (ip, ends) => carrying(over(47, gre(bytesOf(label(16), ip), { etherType: 0x8847 }), ends)),
  ],
  ['GRE with PPP', (ip, ends) => carrying(over(47, gre(ppp(ip), { etherType: 0x880b }), ends))],
  ['ERSPAN of type I', (ip, ends) => carrying(over(47, gre(ethernet(ip), { etherType: 0x88be }), ends))],
  ['ERSPAN of type II', (ip, ends) => carrying(over(47, erspan2(5, ethernet(ip)), ends))],
  ['ERSPAN of type III', (ip, ends) => carrying(over(47, erspan3(5, ethernet(ip)), ends))],
  ['ERSPAN of type III with more', (ip, ends) => carrying(over(47, erspan3(5, ethernet(ip), true), ends))],
  ['PPTP', (ip, ends) => carrying(over(47, pptp(ppp(ip)), ends))],
  [
    'PPTP with an acknowledgement',
    (ip, ends) => carrying(over(47, pptp(ppp(ip, 'short'), { ack: 5 }), ends)),
  ],
  ['GTP-U', (ip, ends) => carrying(udp(2152, gtp(ip), ends, 2152))],
  ['GTP-U with a number', (ip, ends) => carrying(udp(2152, gtp(ip, { number: 5 }), ends, 2152))],
  [
    'GTP-U with extensions',
    (ip, ends) =>
      carrying(
        udp(
          2152,
          gtp(ip, {
            extensions: [
              [0x85, [0x10, 9]],
              [0x40, [8, 104]],
            ],
          }),
          ends,
          2152,
        ),
      ),
  ],
  ['L2TP', (ip, ends) => carrying(udp(1701, l2tp(ppp(ip)), ends, 1701))],
  [
    'L2TP without a length',
    (ip, ends) => carrying(udp(1701, l2tp(ppp(ip, 'bare'), { length: false }), ends, 1701)),
  ],
  [
    'L2TP with numbers and an offset',
    (ip, ends) => carrying(udp(1701, l2tp(ppp(ip, 'short'), { numbers: true, offset: 3 }), ends, 1701)),
  ],
  ['MPLS in UDP', (ip, ends) => carrying(udp(6635, bytesOf(label(16), ip), ends))],
  ['MPLS in IP', (ip, ends) => carrying(over(137, bytesOf(label(16), ip), ends))],
  ['GRE in UDP', (ip, ends) => carrying(udp(4754, gre(ip), ends))],
  ['EtherIP', (ip, ends) => carrying(over(97, bytesOf([0x30, 0], ethernet(ip)), ends))],
  ['a pseudo-wire', (ip) => mplsFrame(made(ethernet(ip)))],
  ['a pseudo-wire with a control word', (ip) => mplsFrame(bytesOf(controlWord, made(ethernet(ip))))],
  [
    'a pseudo-wire with a VLAN in it',
    (ip) => mplsFrame(bytesOf(controlWord, made(ethernet(ip, { tags: [0x8100] })))),
  ],
];

/** L2TP of version 3, of which tshark has to be told what is in it. */
export const L2TP_3: readonly (readonly [name: string, wrap: InTunnel])[] = [
  ['L2TPv3 over IP', (ip, ends) => carrying(over(115, bytesOf([0, 0, 0, 9], ethernet(ip)), ends))],
  [
    'L2TPv3 over IP with a cookie and a sublayer',
    (ip, ends) =>
      carrying(over(115, bytesOf([0, 0, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8, 0x40, 0, 0, 1], ethernet(ip)), ends)),
  ],
  [
    'L2TPv3 over UDP',
    (ip, ends) => carrying(udp(1701, bytesOf([0, 3, 0, 0, 0, 0, 0, 9], ethernet(ip)), ends, 1701)),
  ],
];
