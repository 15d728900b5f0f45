/** What stands before IP in a packet, by link type. */
import { describe, expect, test } from 'vitest';
import { createDissector } from '../../src/capture/dissect.ts';
import {
  bytesOf,
  ethernet,
  family,
  flowOf,
  ipv4,
  ipv6,
  packetOf,
  sll,
  sll2,
  tcp,
} from '../support/packet-bytes.ts';

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
const snap = [0xaa, 0xaa, 3, 0, 0, 0];
/** Session stage, a session's id, and a length that nobody needs. */
const pppoe = [0x11, 0, 0, 1, 0, 0];

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
    ['Ethernet, SNAP', 1, ethernet(wrap([...snap, 8, 0], four), { etherType: 63 }), flow4],
    ['Ethernet, PPPoE, IPv4', 1, ethernet(wrap([...pppoe, 0, 0x21], four), { etherType: 0x8864 }), flow4],
    ['Ethernet, PPPoE, IPv6', 1, ethernet(wrap([...pppoe, 0, 0x57], six), { etherType: 0x8864 }), flow6],
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
  ])('behind %s', (_name, linkType, bytes, flow) => {
    expect(read(linkType, bytes)).toMatchObject(hello(flow));
  });
});

describe('a packet without TCP is told as other, with the number that says so', () => {
  test.each<[string, number, Uint8Array, string]>([
    ['a link type that is not known', 147, ethernet(four), 'link: type 147, which is not one that is read'],
    ['Ethernet, ARP', 1, ethernet(four, { etherType: 0x0806 }), 'Ethernet: EtherType 0x0806'],
    ['VLAN, ARP', 1, ethernet(four, { tags: [0x8100], etherType: 0x0806 }), 'VLAN: EtherType 0x0806'],
    [
      'Ethernet, spanning tree',
      1,
      ethernet(bytesOf([0x42, 0x42, 3, 0]), { etherType: 4 }),
      'Ethernet: IEEE 802.3, and no SNAP',
    ],
    [
      'Ethernet, SNAP of a vendor',
      1,
      ethernet(bytesOf([0xaa, 0xaa, 3, 0, 0, 12, 32, 0]), { etherType: 8 }),
      'SNAP: protocols of a vendor',
    ],
    ['PPPoE, LCP', 1, ethernet(bytesOf(pppoe, [0xc0, 0x21]), { etherType: 0x8864 }), 'PPP: protocol 0xc021'],
    [
      'MPLS, a pseudowire',
      1,
      ethernet(bytesOf([0, 1, 1, 64, 0, 0, 0, 0]), { etherType: 0x8847 }),
      'MPLS: what it carries is not IP',
    ],
    ['SLL, ARP', 113, sll(four, 0x0806), 'SLL: EtherType 0x0806'],
    ['SLL of a netlink device', 113, sll(four, 0x0800, 824), 'SLL: device type 824'],
    ['SLL2, ARP', 276, sll2(four, 0x0806), 'SLL2: EtherType 0x0806'],
    ['SLL2 of a netlink device', 276, sll2(four, 0x0800, 824), 'SLL2: device type 824'],
    ['NULL, AppleTalk', 0, family(16, four, 'little'), 'NULL: address family 16'],
    ['LOOP, AppleTalk', 108, family(16, four), 'LOOP: address family 16'],
    ['LOOP in the order of a host', 108, family(2, four, 'little'), 'LOOP: address family 33554432'],
    ['RAW of neither version', 101, bytesOf([0x50], four), 'RAW: IP version 5'],
    [
      'UDP',
      1,
      ethernet(ipv4({ ...tcp({ from: from4, to: to4 }), protocol: 17 })),
      'IPv4: protocol 17, which is not TCP',
    ],
    [
      'IPv6, UDP',
      1,
      ethernet(ipv6({ ...tcp({ from: from6, to: to6 }), protocol: 17 })),
      'IPv6: next header 17, which is not TCP',
    ],
  ])('%s', (_name, linkType, bytes, message) => {
    expect(read(linkType, bytes)).toMatchObject({ skipped: 'other', message });
  });
});

describe('a link layer of which too little was captured is told as cut', () => {
  test.each<[string, number, Uint8Array, number, string]>([
    ['Ethernet', 1, ethernet(four), 13, 'Ethernet'],
    ['VLAN', 1, ethernet(four, { tags: [0x8100] }), 17, 'VLAN'],
    ['LLC', 1, ethernet(wrap([...snap, 8, 0], four), { etherType: 63 }), 16, 'LLC'],
    ['SNAP', 1, ethernet(wrap([...snap, 8, 0], four), { etherType: 63 }), 21, 'SNAP'],
    ['PPPoE', 1, ethernet(wrap([...pppoe, 0, 0x21], four), { etherType: 0x8864 }), 21, 'PPPoE'],
    ['MPLS', 1, ethernet(wrap([0, 1, 1, 64], four), { etherType: 0x8847 }), 17, 'MPLS'],
    ['SLL', 113, sll(four), 15, 'SLL'],
    ['SLL2', 276, sll2(four), 19, 'SLL2'],
    ['NULL', 0, family(2, four), 3, 'NULL'],
    ['LOOP', 108, family(2, four), 3, 'LOOP'],
    ['RAW', 101, four, 0, 'RAW'],
    ['IPV4', 228, four, 0, 'IPv4'],
    ['IPV6', 229, six, 0, 'IPv6'],
  ])('%s', (_name, linkType, bytes, kept, layer) => {
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
