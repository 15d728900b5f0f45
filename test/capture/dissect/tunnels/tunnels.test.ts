/** What is read in tunnels, and what is told of what is not. */
import { describe, expect, test } from 'vitest';
import { createDissector } from '../../../../src/capture/dissect/dissect.ts';
import type { NoSegment, Segment } from '../../../../src/capture/segment.ts';
import {
  bytesOf,
  ethernet,
  flowOf,
  ipv4,
  ipv6,
  packetOf,
  piece,
  tcp,
} from '../../../support/captures/packet-bytes.ts';
import { L2TP_3, TUNNELS } from '../../../support/captures/tunnel-kinds.ts';
import {
  carrying,
  ENDS_4,
  ENDS_6,
  erspan2,
  geneve,
  gre,
  gtp,
  l2tp,
  label,
  over,
  ppp,
  pptp,
  udp,
  vxlan,
} from '../../../support/captures/tunnels.ts';

const from = '10.0.0.1:40001';
const to = '10.0.0.2:443';
const four = ipv4(tcp({ from, to, payload: 'hello' }));
const six = ipv6(tcp({ from: '[fd00::1]:40001', to: '[fd00::2]:443', payload: 'hello' }));

const { dissect: dissected } = createDissector();
const read = (bytes: Uint8Array, kept = bytes.length): Segment | NoSegment =>
  dissected(packetOf(bytes, { kept }));
const arp = ethernet(bytesOf([0, 1, 8, 0, 6, 4, 0, 1], new Uint8Array(20)), { etherType: 0x0806 });

describe('in a tunnel of every kind', () => {
  const all = [...TUNNELS, ...L2TP_3];

  test.each(all)('TCP is read: %s', (_name, wrap) => {
    for (const [ip, flow] of [
      [four, flowOf(from, to)],
      [six, flowOf('[fd00::1]:40001', '[fd00::2]:443')],
    ] as const) {
      const segment = read(wrap(ip));
      expect(segment).toMatchObject({ payload: bytesOf('hello'), length: 5 });
      const tunnelled = 'flow' in segment ? segment.flow : '';
      expect([tunnelled.slice(0, -4), tunnelled.length]).toEqual([flow, flow.length + 4]);
    }
  });

  test.each(all)('wherever it was cut, it is told so, and is never malformed: %s', (_name, wrap) => {
    const whole = wrap(four);
    for (let kept = 0; kept < whole.length - 25; kept += 1) {
      const told = read(whole, kept);
      // The headers that name a tunnel of UDP or a pseudo-wire may be cut themselves.
      if (!('skipped' in told)) throw new Error(`${kept} bytes are a segment`);
      expect(['cut', 'other']).toContain(told.skipped);
      if (told.skipped === 'other') expect(told.message).toMatch(/^UDP|^L2TP, version 3|^MPLS, and/);
    }
  });

  test.each(all)('noise behind its headers does no harm: %s', (_name, wrap) => {
    const noise = Uint8Array.from({ length: 40 }, (_, i) => (i * 37) & 0xff);
    expect(read(wrap(noise))).toHaveProperty('skipped');
  });
});

describe('tunnels that are too deep', () => {
  const nested = (depth: number, wrap: (ip: Uint8Array) => Uint8Array) =>
    Array.from({ length: depth }).reduce<Uint8Array>((ip) => wrap(ip), four);
  const ipip = (ip: Uint8Array) => ipv4(over(4, ip));

  test('eight tunnels in one another are looked into', () => {
    expect(read(ethernet(nested(8, ipip)))).toMatchObject({ length: 5 });
  });

  test.each([9, 1000])('of %i, no more than eight are', (depth) => {
    const message = 'IPv4 in IP in 8 other tunnels, one in another, in IPv4 in IP';
    expect(read(ethernet(nested(depth, ipip)))).toMatchObject({ skipped: 'other', message });
  });

  test('nor are pseudo-wires and Ethernet in one another, or GRE and its kin', () => {
    const wire = (frame: Uint8Array) => ethernet(bytesOf(label(16), frame), { etherType: 0x8847 });
    const wires = Array.from({ length: 500 }).reduce<Uint8Array>((frame) => wire(frame), ethernet(four));
    expect(read(wires)).toMatchObject({ skipped: 'other' });
    const keyed = nested(100, (ip) => ipv4(over(47, gre(ip, { key: 1 }))));
    expect(read(ethernet(keyed))).toMatchObject({
      skipped: 'other',
      message: expect.stringContaining('in 8 other'),
    });
  });
});

describe('UDP on the port of a tunnel that is something else is left alone', () => {
  const dns = bytesOf(
    [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3],
    'www',
    [7],
    'example',
    [3],
    'com',
    [0, 0, 1, 0, 1],
  );
  test.each([1701, 2152, 4754, 4789, 4790, 6081, 6635, 8472])('DNS on port %i is UDP', (port) => {
    expect(read(carrying(udp(port, dns)))).toMatchObject({
      skipped: 'other',
      message: expect.stringMatching(`^UDP, port ${port}, perhaps `),
    });
  });

  test.each<[string, number, Uint8Array]>([
    ['VXLAN without a VNI', 4789, vxlan(42, ethernet(four), [0, 0, 0, 0])],
    ['VXLAN with a reserved bit', 4789, vxlan(42, ethernet(four), [8, 0, 1, 0])],
    ['Geneve of a later version', 6081, bytesOf([0x40], geneve(42, ethernet(four)).slice(1))],
    ['Geneve with a length for its type', 6081, geneve(42, ethernet(four), { etherType: 100 })],
    ['GTP of version 2', 2152, bytesOf([0x48], gtp(four).slice(1))],
    ["GTP', which is for charging", 2152, bytesOf([0x20], gtp(four).slice(1))],
    ['GTP that is longer than its datagram', 2152, gtp(four).slice(0, -1)],
    ['L2TP of no version', 1701, bytesOf([0x40, 1], l2tp(ppp(four)).slice(2))],
    ['L2TP that is longer than its datagram', 1701, l2tp(ppp(four)).slice(0, -1)],
  ])('%s is UDP', (_name, port, bytes) => {
    expect(read(carrying(udp(port, bytes)))).toMatchObject({ message: expect.stringMatching(/^UDP, port/) });
  });

  test('a tunnel may be told by the port of the sender, if that of the receiver is of none', () => {
    expect(read(carrying(udp(40_000, gtp(four), ENDS_4, 2152)))).toMatchObject({ length: 5 });
  });
});

describe('what is not read in a tunnel is told with its kind', () => {
  test.each<[string, Uint8Array, string]>([
    ['ARP', carrying(udp(4789, vxlan(42, arp))), 'EtherType 0x0806, ARP, in VXLAN'],
    ['UDP', carrying(over(4, ipv4(udp(53, Uint8Array.of(1))))), 'UDP, port 53, perhaps DNS, in IPv4 in IP'],
    ['LCP', carrying(over(47, pptp(bytesOf([0xff, 3, 0xc0, 0x21])))), 'PPP protocol 0xc021, LCP, in PPTP'],
    [
      'encrypted PPP',
      carrying(over(47, pptp(bytesOf([0xfd, 1, 2])))),
      'PPP protocol 0x00fd, compressed or encrypted, in PPTP',
    ],
    ['GTP-U, an echo', carrying(udp(2152, gtp(new Uint8Array(0), { type: 1 }))), 'GTP-U, message type 1'],
    ['GTP-U, Ethernet', carrying(udp(2152, gtp(ethernet(four)))), 'GTP-U, and what it carries is not IP'],
    [
      'L2TP control',
      carrying(udp(1701, bytesOf([0xc8, 2, 0, 12], new Uint8Array(8)))),
      'L2TP, a control message',
    ],
    ['L2TPv3 control', carrying(over(115, bytesOf([0, 0, 0, 0, 0xc8, 3]))), 'L2TP, a control message'],
    [
      'Geneve control',
      carrying(udp(6081, bytesOf([0, 0x80, 0x65, 0x58, 0, 0, 1, 0]))),
      'Geneve, a control packet',
    ],
    ['GRE of a later version', carrying(over(47, bytesOf([0, 2, 8, 0], four))), 'GRE, version 2'],
    ['GRE with routes', carrying(over(47, bytesOf([0x40, 0, 8, 0], four))), 'GRE with a list of routes'],
    [
      'PPTP that acknowledges',
      carrying(over(47, bytesOf([0x20, 0x81, 0x88, 0x0b, 0, 0, 0, 1, 0, 0, 0, 9]))),
      'GRE of PPTP, an acknowledgement alone',
    ],
    [
      'ERSPAN of a later version',
      carrying(over(47, gre(bytesOf([0x30], new Uint8Array(20)), { number: 1, etherType: 0x88be }))),
      'ERSPAN, version 3',
    ],
    ['VXLAN GPE, NSH', carrying(udp(4790, vxlan(1, four, [0x0c, 0, 0, 4]))), 'VXLAN GPE, next protocol 4'],
    [
      'EtherIP of a later version',
      carrying(over(97, bytesOf([0x40, 0], ethernet(four)))),
      'EtherIP, version 4',
    ],
    [
      'OAM',
      ethernet(bytesOf(label(16), [0x10, 0, 0, 7]), { etherType: 0x8847 }),
      'MPLS, the associated channel of a pseudo-wire',
    ],
    ['a link local packet', carrying(over(89, new Uint8Array(20))), 'IPv4 protocol 89, OSPF'],
  ])('%s', (_name, bytes, message) => {
    expect(read(bytes)).toMatchObject({ skipped: 'other', message });
  });
});

describe('fragments', () => {
  const long = tcp({ from, to, payload: 'x'.repeat(600) });
  const whole = { payload: bytesOf('x'.repeat(600)), length: 600 };
  const pieces = (carried: typeof long, at: number, id = 7) => [
    ipv4(piece(carried, 0, at), { more: true, id }),
    ipv4(piece(carried, at), { offset: at, id }),
  ];
  const results = (frames: readonly Uint8Array[]) => {
    const { dissect } = createDissector();
    return frames.map((bytes) => dissect(packetOf(bytes)));
  };

  test.each<[string, ReturnType<typeof over>]>([
    ['VXLAN', udp(4789, vxlan(42, ethernet(ipv4(long))))],
    ['GRE', over(47, gre(ipv4(long)))],
    ['IP in IP', over(4, ipv4(long))],
    ['GTP-U', udp(2152, gtp(ipv4(long)))],
    ['L2TP', udp(1701, l2tp(ppp(ipv4(long))))],
    ['EtherIP', over(97, bytesOf([0x30, 0], ethernet(ipv4(long))))],
    ['MPLS in IP', over(137, bytesOf(label(16), ipv4(long)))],
  ])('of the carrying packet are put together, in any order: %s', (_name, carried) => {
    const [first, last] = pieces(carried, 304);
    expect(results([ethernet(first!), ethernet(last!)]).at(-1)).toMatchObject(whole);
    expect(results([ethernet(last!), ethernet(first!)]).at(-1)).toMatchObject(whole);
  });

  test('of the packet inside are put together, as are those of both', () => {
    const inside = pieces(long, 304).map((ip) => udp(4789, vxlan(42, ethernet(ip))));
    expect(results(inside.map(carrying)).at(-1)).toMatchObject(whole);
    const both = inside.flatMap((carried, i) => pieces(carried, 104, 20 + i).map((ip) => ethernet(ip)));
    expect(results(both).map((each) => 'flow' in each)).toEqual([false, false, false, true]);
  });

  test('of packets with the same id in two tunnels are not mixed', () => {
    const [first, last] = pieces(long, 304);
    const inside = (vni: number, ip: Uint8Array) => carrying(udp(4789, vxlan(vni, ethernet(ip))));
    const mixed = results([inside(1, first!), inside(2, last!), ethernet(first!), inside(1, last!)]);
    expect(mixed.map((each) => 'flow' in each)).toEqual([false, false, false, true]);
  });
});

test('the length of UDP ends what a tunnel carries, and padding is no part of it', () => {
  const offloaded = ipv4(tcp({ from, to, payload: 'hello' }), { totalLength: 0 });
  const padded = ethernet(ipv4(udp(4789, vxlan(42, ethernet(offloaded)))), { padTo: 200 });
  expect(read(padded)).toMatchObject({ payload: bytesOf('hello'), length: 5 });
  const gtpPadded = bytesOf(gtp(offloaded), 'padding');
  expect(read(carrying(udp(2152, gtpPadded, ENDS_6)))).toMatchObject({
    payload: bytesOf('hello'),
    length: 5,
  });
});

test('checksums are those of the packet inside', () => {
  const wrong = ipv4(tcp({ from, to, payload: 'hello', checksum: 1 }));
  const { dissect } = createDissector({ checksums: 'verify' });
  const told = dissect(packetOf(carrying(over(47, erspan2(1, ethernet(wrong))))));
  expect(told).toMatchObject({ skipped: 'checksum', message: 'TCP: wrong checksum, in ERSPAN' });
  expect(dissect(packetOf(carrying(over(47, erspan2(1, ethernet(four))))))).toMatchObject({ length: 5 });
});
