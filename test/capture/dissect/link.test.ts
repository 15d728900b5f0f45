/** What stands before IP in a packet, by link type. */
import { describe, expect, test } from 'vitest';
import { createDissector } from '../../../src/capture/dissect/dissect.ts';
import { LINK_LAYERS, OTHER_LINK_LAYERS } from '../../support/captures/link-layers.ts';
import {
  bytesOf,
  ethernet,
  family,
  flowOf,
  ipv4,
  ipv6,
  packetOf,
  pppoe,
  sll,
  sll2,
  snap,
  tcp,
} from '../../support/captures/packet-bytes.ts';
import { dot11, nflog, ppi, radiotap } from '../../support/captures/radio-bytes.ts';

const from4 = '10.1.2.3:40000';
const to4 = '10.3.2.1:443';
const from6 = '[2001:db8::1]:40000';
const to6 = '[2001:db8::2]:443';
const four = ipv4(tcp({ from: from4, to: to4, seq: 1, payload: 'hello' }));
const six = ipv6(tcp({ from: from6, to: to6, seq: 1, payload: 'hello' }));
const flow4 = flowOf(from4, to4);
const flow6 = flowOf(from6, to6);

const read = (linkType: number, bytes: Uint8Array, kept = bytes.length) =>
  createDissector().dissect(packetOf(bytes, { linkType, kept }));
const hello = (flow: string) => ({ flow, payload: bytesOf('hello'), length: 5 });

const wrap = (head: readonly number[], ip: Uint8Array) => bytesOf(head, ip);
/** What stands in a frame of Ethernet behind the EtherType of PPPoE. */
const session = (head: readonly number[], ip: Uint8Array) =>
  ethernet(pppoe(bytesOf(head, ip)), { etherType: 0x8864 });
const inSnap = snap(four);

describe('a packet with TCP is read', () => {
  test.each<[string, number, Uint8Array, string]>([
    ['Ethernet, IPv4', 1, ethernet(four), flow4],
    ['Ethernet, IPv6', 1, ethernet(six), flow6],
    ['Ethernet, VLAN (802.1Q)', 1, ethernet(four, { tags: [0x8100] }), flow4],
    ['Ethernet, VLAN (802.1ad)', 1, ethernet(six, { tags: [0x88a8] }), flow6],
    ['Ethernet, VLAN (Q-in-Q of old)', 1, ethernet(four, { tags: [0x9100] }), flow4],
    ['Ethernet, VLAN (another of old)', 1, ethernet(four, { tags: [0x9200] }), flow4],
    ['Ethernet, stacked VLANs', 1, ethernet(four, { tags: [0x88a8, 0x8100] }), flow4],
    ['Ethernet, 50 VLANs', 1, ethernet(six, { tags: new Array(50).fill(0x8100) }), flow6],
    ['Ethernet, SNAP', 1, ethernet(inSnap, { etherType: inSnap.length }), flow4],
    ['Ethernet, VLAN, SNAP', 1, ethernet(inSnap, { tags: [0x8100], etherType: inSnap.length }), flow4],
    ['SLL, LLC, SNAP', 113, sll(inSnap, 4), flow4],
    ['Ethernet, PPPoE, IPv4', 1, session([0, 0x21], four), flow4],
    ['Ethernet, PPPoE, IPv6', 1, session([0, 0x57], six), flow6],
    ['Ethernet, PPPoE with a protocol of one byte, IPv4', 1, session([0x21], four), flow4],
    ['Ethernet, PPPoE with a protocol of one byte, IPv6', 1, session([0x57], six), flow6],
    ['Ethernet, PPPoE, MPLS', 1, session([2, 0x81, 0, 1, 1, 64], four), flow4],
    [
      'Ethernet, VLAN, MPLS',
      1,
      ethernet(wrap([0, 1, 1, 64], four), { tags: [0x8100], etherType: 0x8847 }),
      flow4,
    ],
    [
      'Ethernet, two MPLS labels',
      1,
      ethernet(wrap([0, 1, 0, 64, 0, 2, 1, 64], six), { etherType: 0x8848 }),
      flow6,
    ],
    ['SLL, IPv4', 113, sll(four), flow4],
    ['SLL, IPv6', 113, sll(six), flow6],
    ['SLL of the loopback', 113, sll(four, 0x0800, 772), flow4],
    ['SLL, VLAN', 113, sll(wrap([0, 7, 8, 0], four), 0x8100), flow4],
    ['SLL2, IPv4', 276, sll2(four), flow4],
    ['SLL2, IPv6', 276, sll2(six), flow6],
    ['SLL2, VLAN', 276, sll2(wrap([0, 7, 0x86, 0xdd], six), 0x8100), flow6],
    ['NULL, IPv4, of a little-endian host', 0, family(2, four, 'little'), flow4],
    ['NULL, IPv4, of a big-endian host', 0, family(2, four, 'big'), flow4],
    ...[10, 23, 24, 26, 28, 30].flatMap((value): [string, number, Uint8Array, string][] => [
      [`NULL, IPv6 as ${value}, of a little-endian host`, 0, family(value, six, 'little'), flow6],
      [`NULL, IPv6 as ${value}, of a big-endian host`, 0, family(value, six, 'big'), flow6],
      [`LOOP, IPv6 as ${value}`, 108, family(value, six), flow6],
    ]),
    ['LOOP, IPv4', 108, family(2, four), flow4],
    ...[12, 14, 101].flatMap((type): [string, number, Uint8Array, string][] => [
      [`RAW (${type}), IPv4`, type, four, flow4],
      [`RAW (${type}), IPv6`, type, six, flow6],
    ]),
    ['IPV4', 228, four, flow4],
    ['IPV6', 229, six, flow6],
    ['SLL of a radiotap device', 113, sll(radiotap(dot11(six)), 4, 803), flow6],
    ...[...LINK_LAYERS, ...OTHER_LINK_LAYERS].flatMap(
      ([name, linkType, layer]): [string, number, Uint8Array, string][] => [
        [`${name}, IPv4`, linkType, layer(four), flow4],
        [`${name}, IPv6`, linkType, layer(six), flow6],
      ],
    ),
  ])('a packet with TCP is read behind %s', (_name, linkType, bytes, flow) => {
    expect(read(linkType, bytes)).toMatchObject(hello(flow));
  });
});

describe('a packet without TCP is `other`, with the number of its protocol', () => {
  test.each<[string, number, Uint8Array, string]>([
    ['a link type that is not known', 147, ethernet(four), 'link type 147 is not read'],
    ['a link type that is', 143, ethernet(four), 'link type 143 (DOCSIS) is not read'],
    ['Ethernet, ARP', 1, ethernet(four, { etherType: 0x0806 }), 'EtherType 0x0806, ARP'],
    ['Ethernet, something', 1, ethernet(four, { etherType: 0x1234 }), 'EtherType 0x1234'],
    ['Ethernet, nothing', 1, ethernet(four, { etherType: 0 }), 'EtherType 0x0000'],
    ['SNAP, a length', 1, ethernet(snap(inSnap, 40), { etherType: 100 }), 'EtherType 0x0028'],
    ['VLAN, ARP', 1, ethernet(four, { tags: [0x8100], etherType: 0x0806 }), 'EtherType 0x0806, ARP'],
    [
      'Ethernet, spanning tree',
      1,
      ethernet(bytesOf([0x42, 0x42, 3, 0]), { etherType: 4 }),
      'IEEE 802.3, LLC service 0x42, spanning tree',
    ],
    [
      'Ethernet, SNAP of a vendor',
      1,
      ethernet(bytesOf([0xaa, 0xaa, 3, 0, 0, 0x0c, 32, 0]), { etherType: 8 }),
      'IEEE 802.3, SNAP of vendor 00:00:0c',
    ],
    ['802.11, encrypted', 105, dot11(four, { control: [0, 0x40] }), 'IEEE 802.11, encrypted'],
    ['802.11, of DMG', 105, dot11(four, { control: [0x04, 0] }), 'IEEE 802.11, an extension frame'],
    ['802.11, a fragment', 105, dot11(four, { sequence: 0x11 }), 'IEEE 802.11, a fragment'],
    ['802.11, a first fragment', 105, dot11(four, { control: [0, 4] }), 'IEEE 802.11, a fragment'],
    ['802.11, without data', 105, dot11(four, { control: [0x40, 0] }), 'IEEE 802.11, without data'],
    [
      '802.11, an aggregate of two',
      105,
      bytesOf(dot11(four, { qos: [0x80, 0], aggregate: true }), new Uint8Array(30)),
      'IEEE 802.11, several packets in one frame',
    ],
    ['Cisco HDLC, CDP', 104, bytesOf([0x8f, 0, 0x20, 0], four), 'Cisco HDLC protocol 0x2000, CDP'],
    ['Frame Relay, CLNP', 107, bytesOf([0x18, 0x41, 3, 0x81], four), 'Frame Relay, NLPID 0x81'],
    [
      'Frame Relay of a vendor',
      107,
      bytesOf([0x18, 0x41, 3, 0x80, 0, 0, 9, 8, 0]),
      'Frame Relay, SNAP of a vendor',
    ],
    ['PPP, LCP', 9, bytesOf([0xff, 3, 0xc0, 0x21], four), 'PPP protocol 0xc021, LCP'],
    ['NFLOG of a bridge', 239, bytesOf([7, 0, 0, 1]), 'NFLOG address family 7'],
    ['NFLOG, no packet', 239, bytesOf([2, 0, 0, 1, 6, 0, 10, 0, 65, 0, 0, 0]), 'NFLOG, without a packet'],
    ['PPI in PPI', 192, ppi(192, ppi(1, ethernet(four))), 'link type 192 (PPI) is not read'],
    ['PPPoE, LCP', 1, session([0xc0, 0x21], four), 'PPP protocol 0xc021, LCP'],
    ['PPPoE, one byte', 1, session([0x2d], four), 'PPP protocol 0x002d, TCP in Van Jacobson compression'],
    [
      'MPLS, a pseudowire',
      1,
      ethernet(bytesOf([0, 1, 1, 64, 0, 0, 0, 0]), { etherType: 0x8847 }),
      'MPLS, and what it carries is not IP',
    ],
    ['SLL, ARP', 113, sll(four, 0x0806), 'EtherType 0x0806, ARP'],
    ['SLL of a netlink device', 113, sll(four, 0x0800, 824), 'SLL device type 824, netlink'],
    ['SLL, IPX', 113, sll(four, 1), 'SLL protocol 1, IEEE 802.3 without LLC'],
    ['SLL2, CAN', 276, sll2(four, 12), 'SLL2 protocol 12'],
    ['SLL2, ARP', 276, sll2(four, 0x0806), 'EtherType 0x0806, ARP'],
    ['SLL2 of a netlink device', 276, sll2(four, 0x0800, 824), 'SLL2 device type 824, netlink'],
    ['NULL, AppleTalk', 0, family(16, four, 'little'), 'NULL address family 16'],
    ['LOOP, AppleTalk', 108, family(16, four), 'LOOP address family 16'],
    ['LOOP in the order of a host', 108, family(2, four, 'little'), 'LOOP address family 33554432'],
    ['RAW of neither version', 101, bytesOf([0x50], four), 'RAW, IP version 5'],
    [
      'UDP',
      1,
      ethernet(ipv4({ ...tcp({ from: from4, to: to4 }), protocol: 17 })),
      'UDP, port 443, perhaps QUIC',
    ],
    [
      'IPv6, UDP',
      1,
      ethernet(ipv6({ ...tcp({ from: from6, to: to6 }), protocol: 17 })),
      'UDP, port 443, perhaps QUIC',
    ],
  ])('a packet without TCP is `other`, with its number: %s', (_name, linkType, bytes, message) => {
    expect(read(linkType, bytes)).toMatchObject({ skipped: 'other', message });
  });
});

describe('a link layer of which too little was captured is `cut`', () => {
  test.each<[string, number, Uint8Array, number, string]>([
    ['Ethernet', 1, ethernet(four), 13, 'Ethernet'],
    ['VLAN', 1, ethernet(four, { tags: [0x8100] }), 17, 'VLAN'],
    ['LLC', 1, ethernet(inSnap, { etherType: inSnap.length }), 16, 'LLC'],
    ['SNAP', 1, ethernet(inSnap, { etherType: inSnap.length }), 21, 'SNAP'],
    ['PPPoE', 1, session([0, 0x21], four), 19, 'PPPoE'],
    ['PPP', 1, session([0, 0x21], four), 21, 'PPP'],
    ['PPP, not begun', 1, session([0, 0x21], four), 20, 'PPP'],
    ['MPLS', 1, ethernet(wrap([0, 1, 1, 64], four), { etherType: 0x8847 }), 17, 'MPLS'],
    ['SLL', 113, sll(four), 15, 'SLL'],
    ['SLL2', 276, sll2(four), 19, 'SLL2'],
    ['NULL', 0, family(2, four), 3, 'NULL'],
    ['LOOP', 108, family(2, four), 3, 'LOOP'],
    ['RAW', 101, four, 0, 'RAW'],
    ['802.11', 105, dot11(four), 23, 'IEEE 802.11'],
    ['802.11, QoS', 105, dot11(four, { qos: [0, 0] }), 25, 'IEEE 802.11'],
    ['radiotap', 127, radiotap(dot11(four)), 24, 'radiotap'],
    ['PPI', 192, ppi(1, ethernet(four)), 19, 'PPI'],
    ['NFLOG', 239, nflog(four, 'little'), 15, 'NFLOG'],
    ['Cisco HDLC', 104, bytesOf([0x0f, 0, 8, 0], four), 3, 'Cisco HDLC'],
    ['Frame Relay', 107, bytesOf([0x18, 0x41, 3, 0xcc], four), 3, 'Frame Relay'],
    ['IPV4', 228, four, 0, 'IPv4'],
    ['IPV6', 229, six, 0, 'IPv6'],
  ])('a link layer of which too little was captured is `cut`: %s', (_name, linkType, bytes, kept, layer) => {
    expect(read(linkType, bytes, kept)).toMatchObject({
      skipped: 'cut',
      message: expect.stringMatching(
        new RegExp(`^${layer}: header of \\d+ bytes, and \\d+ of them were captured`),
      ),
    });
  });
});

test('a frame too short for its link layer, and not cut, is malformed', () => {
  expect(read(1, ethernet(four).slice(0, 13))).toMatchObject({
    skipped: 'malformed',
    message: 'Ethernet: header of 14 bytes, and the packet has 13 left',
  });
});

test('a packet of which the file has more than it says there was is read as far as it goes', () => {
  const bytes = ethernet(four);
  expect(createDissector().dissect(packetOf(bytes, { originalLength: 0 }))).toMatchObject(hello(flow4));
});

describe('where the lengths of two layers differ, the smaller one holds', () => {
  /** A packet as offload leaves it: as long as the layer around it says. */
  const unsaid4 = ipv4(tcp({ from: from4, to: to4, payload: 'hello' }), { totalLength: 0 });
  const unsaid6 = ipv6(tcp({ from: from6, to: to6, payload: 'hello' }), { payloadLength: 0 });
  const ppp = (ip: Uint8Array) => bytesOf([ip === unsaid6 ? 0x57 : 0x21], ip);
  const padded = (etherType: number, content: Uint8Array, more: Partial<{ tags: number[] }> = {}) =>
    bytesOf(ethernet(content, { etherType, ...more }), 'padding');

  test.each<[string, Uint8Array, string]>([
    ['of PPPoE, IPv4', padded(0x8864, pppoe(ppp(unsaid4))), flow4],
    ['of PPPoE, IPv6', padded(0x8864, pppoe(ppp(unsaid6))), flow6],
    ['of IEEE 802.3', padded(snap(unsaid4).length, snap(unsaid4)), flow4],
    ['of IEEE 802.3 in a VLAN', padded(snap(unsaid6).length, snap(unsaid6), { tags: [0x8100] }), flow6],
  ])('the length %s ends the packet, and padding is no part of it', (_name, bytes, flow) => {
    expect(read(1, bytes)).toMatchObject(hello(flow));
    // The snap length may have cut the padding, or some of the packet.
    expect(read(1, bytes, bytes.length - 3)).toMatchObject(hello(flow));
    expect(read(1, bytes, bytes.length - 9)).toMatchObject({ payload: bytesOf('hel'), length: 5 });
  });

  const short = (etherType: number, content: Uint8Array) => ethernet(content, { etherType });
  test.each<[string, Uint8Array]>([
    ['PPPoE', short(0x8864, pppoe(bytesOf([0, 0x21], four), four.length - 1))],
    ['IEEE 802.3', short(8 + four.length - 3, snap(four))],
    ['the frame', ethernet(four).slice(0, -3)],
    ['the frame of IPv6', ethernet(six).slice(0, -3)],
  ])('a packet that says it is longer than %s has room for is as long as that', (_name, bytes) => {
    expect(read(1, bytes)).toMatchObject({ payload: bytesOf('he'), length: 2 });
  });

  test.each<[string, Uint8Array]>([
    ['PPPoE', short(0x8864, pppoe(bytesOf([0, 0x21], four), 1000))],
    ['IEEE 802.3', short(1000, snap(four))],
  ])('a length of %s beyond the frame changes nothing', (_name, bytes) => {
    expect(read(1, bytes)).toMatchObject(hello(flow4));
  });

  test.each<[string, Uint8Array, string]>([
    ['PPPoE of length 0', short(0x8864, pppoe(bytesOf([0, 0x21], four), 0)), 'PPP: header of 1 bytes'],
    ['PPPoE of length 1', short(0x8864, pppoe(bytesOf([0, 0x21], four), 1)), 'PPP: header of 2 bytes'],
    ['IEEE 802.3 of length 7', short(7, snap(four)), 'SNAP: header of 8 bytes'],
    ['PPPoE that ends in IP', short(0x8864, pppoe(bytesOf([0, 0x21], four), 21)), 'IPv4: header of 20 bytes'],
  ])('%s ends within a header, and is malformed', (_name, bytes, says) => {
    expect(read(1, bytes)).toMatchObject({ skipped: 'malformed', message: expect.stringContaining(says) });
  });
});
