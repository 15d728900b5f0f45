/** tshark and the dissector read the same in packets of every kind. */
import { describe, expect, test } from 'vitest';
import { createDissector } from '../../../src/capture/dissect/dissect.ts';
import { LINK_LAYERS, mpls, pppoeSession } from '../../support/captures/link-layers.ts';
import {
  bytesOf,
  type Carried,
  ethernet,
  extension,
  fragment6,
  ipv4,
  ipv6,
  packetOf,
  piece,
  snap,
  tcp,
} from '../../support/captures/packet-bytes.ts';
import { lineOf, linesOfTshark } from '../../support/captures/tshark-segments.ts';
import { need } from '../../support/install-tools.ts';

const ends4 = { from: '10.0.0.1:40001', to: '10.0.0.2:40002' };
const ends6 = { from: '[2001:db8::1]:40001', to: '[2001:db8::2]:40002' };
const hello = { seq: 0xffff_fff0, ack: 77, flags: 'PA', payload: 'hello' };
const four = tcp({ ...ends4, ...hello });
const six = tcp({ ...ends6, ...hello });
const long4 = tcp({ ...ends4, ...hello, payload: 'x'.repeat(1000) });
const long6 = tcp({ ...ends6, ...hello, payload: 'x'.repeat(1000) });
const udp = (carried: Carried): Carried => ({ ...carried, protocol: 17 });

/** A jumbogram with a payload of 100,000 bytes, whose option says `length`. */
function jumbogram(length: number): Uint8Array {
  const carried = tcp({ ...ends6, ...hello, payload: new Uint8Array(100_000 - 28) });
  const option = [length >>> 24, (length >>> 16) & 255, (length >>> 8) & 255, length & 255];
  return ethernet(ipv6(extension(0, carried, [0xc2, 4, ...option]), { payloadLength: 0 }));
}

type Kind = readonly [name: string, frame: Uint8Array, kept?: number];

const onEthernet: readonly Kind[] = [
  ['IPv4', ethernet(ipv4(four))],
  ['IPv6', ethernet(ipv6(six))],
  ['VLAN', ethernet(ipv4(four), { tags: [0x8100] })],
  ['stacked VLANs', ethernet(ipv6(six), { tags: [0x88a8, 0x8100, 0x8100] })],
  ['padding', ethernet(ipv4(tcp({ ...ends4, flags: 'SA', options: [2, 4, 5, 180] })), { padTo: 64 })],
  ['padding with a byte of payload', ethernet(ipv4(tcp({ ...ends4, payload: 'x' })), { padTo: 64 })],
  ['padding behind IPv6', ethernet(ipv6(tcp({ ...ends6, payload: 'x' })), { padTo: 90 })],
  ['IPv4 options', ethernet(ipv4(four, { options: [1, 1, 1, 1] }))],
  [
    'TCP options',
    ethernet(ipv4(tcp({ ...ends4, ...hello, options: [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2] }))),
  ],
  ['total length 0', ethernet(ipv4(long4, { totalLength: 0 }))],
  ['cut in the payload', ethernet(ipv4(long4)), 96],
  ['cut behind the TCP header', ethernet(ipv4(long4)), 54],
  ['cut in the payload, IPv6', ethernet(ipv6(long6)), 96],
  ['a wrong TCP checksum', ethernet(ipv4(tcp({ ...ends4, ...hello, checksum: 0x1234 })))],
  ['a wrong TCP checksum, IPv6', ethernet(ipv6(tcp({ ...ends6, ...hello, checksum: 0x1234 })))],
  ['a routing header that has been followed', ethernet(ipv6(extension(43, six, [0, 0, 0, 0, 0, 0])))],
  ['an authentication header', ethernet(ipv4(extension(51, four, new Array(10).fill(9))))],
  ['SNAP', ethernet(snap(ipv4(four)), { etherType: 53 })],
  ['UDP', ethernet(ipv4(udp(four)))],
  ['UDP, IPv6', ethernet(ipv6(udp(six)))],
  ['ARP', ethernet(ipv4(four), { etherType: 0x0806 })],
  ['hop-by-hop options', ethernet(ipv6(extension(0, six, [1, 4, 0, 0, 0, 0])))],
  ['destination options', ethernet(ipv6(extension(60, six, [1, 4, 0, 0, 0, 0])))],
  ['an atomic fragment', ethernet(ipv6(fragment6(six, { id: 5 })))],
  ['a first fragment', ethernet(ipv4(piece(long4, 0, 504), { more: true, id: 7 }))],
  ['a last fragment', ethernet(ipv4(piece(long4, 504), { offset: 504, id: 7 }))],
  ['a last fragment that is first', ethernet(ipv6(fragment6(piece(long6, 504), { offset: 504, id: 8 })))],
  ['a first fragment that is last', ethernet(ipv6(fragment6(piece(long6, 0, 504), { more: true, id: 8 })))],
  ['a lonely fragment', ethernet(ipv4(piece(long4, 504), { offset: 504, id: 9 }))],
  ['MPLS', mpls([0, 1, 0x41, 64], ipv4(four))],
  ['PPPoE', pppoeSession([0, 0x21], ipv4(four))],
  ['PPPoE, IPv6', pppoeSession([0, 0x57], ipv6(six))],
  ['PPPoE, a protocol of one byte', pppoeSession([0x21], ipv4(four))],
  ['PPPoE, a protocol of one byte, IPv6', pppoeSession([0x57], ipv6(six))],
  ['PPPoE, MPLS', pppoeSession([2, 0x81, 0, 1, 0x41, 64], ipv4(four))],
  ['PPPoE, LCP', pppoeSession([0xc0, 0x21], ipv4(four))],
  ['PPPoE, address and control', pppoeSession([0xff, 3, 0, 0x21], ipv4(four))],
  ['PPPoE with padding', bytesOf(pppoeSession([0x21], ipv4(four, { totalLength: 0 })), 'padding')],
  ['PPPoE shorter than IP', pppoeSession([0x21], ipv4(four), { longer: -3 })],
  ['PPPoE shorter than IPv6', pppoeSession([0x57], ipv6(six), { longer: -3 })],
  ['PPPoE longer than its frame', pppoeSession([0x21], ipv4(four), { longer: 100 })],
  ['PPPoE of length 0', pppoeSession([0x21], ipv4(four), { longer: -46 })],
  ['PPPoE that was cut', pppoeSession([0x21], ipv4(long4)), 96],
  ['a total length beyond the frame', ethernet(ipv4(four, { totalLength: 60 }))],
  ['a payload length beyond the frame', ethernet(ipv6(six, { payloadLength: 60 }))],
  ['802.3 with padding', ethernet(snap(ipv4(four, { totalLength: 0 })), { etherType: 53, padTo: 80 })],
  ['802.3 shorter than IP', ethernet(snap(ipv4(four)), { etherType: 50 })],
  ['802.3 longer than its frame', ethernet(snap(ipv4(four)), { etherType: 500 })],
  ['802.3 in a VLAN', ethernet(snap(ipv4(four)), { etherType: 50, tags: [0x8100] })],
  ['a jumbogram', jumbogram(100_000)],
  ['a jumbogram shorter than its frame', jumbogram(90_000)],
  ['a jumbogram longer than its frame', jumbogram(110_000)],
];
const both = (wrap: (ip: Uint8Array) => Uint8Array): readonly Kind[] => [
  ['IPv4', wrap(ipv4(four))],
  ['IPv6', wrap(ipv6(six))],
];

const all: readonly (readonly [string, number, readonly Kind[]])[] = [
  ['Ethernet', 1, onEthernet],
  ...LINK_LAYERS.map(([name, linkType, wrap]) => [name, linkType, both(wrap)] as const),
  ['IPV4', 228, [['IPv4', ipv4(four)]]],
  ['IPV6', 229, [['IPv6', ipv6(six)]]],
];

/** The packets of each link type, which are numbered on from one to the next: they are in one file. */
const lists = all.map(([, linkType, kinds], at) => {
  const before = all.slice(0, at).reduce((sum, [, , { length }]) => sum + length, 0);
  return kinds.map(([, bytes, kept = bytes.length], index) =>
    packetOf(bytes, { linkType, kept, number: before + index + 1 }),
  );
});

describe.skipIf(!need('tshark'))('as tshark does', () => {
  let read: Promise<string[]> | undefined;

  test.each(all.map(([name, , kinds], i) => [name, kinds, lists[i]!] as const))(
    'packets of %s are read as tshark reads them',
    async (_name, kinds, packets) => {
      // One run reads them all.
      read ??= linesOfTshark(lists);
      const theirs = await read;
      const [reading, verifying] = [createDissector(), createDissector({ checksums: 'verify' })];
      const named = (lines: readonly string[]) => lines.map((line, index) => `${kinds[index]?.[0]}: ${line}`);
      const mine = packets.map((packet) => lineOf(reading.dissect(packet), verifying.dissect(packet)));
      const first = packets[0]!.number - 1;
      expect(named(mine)).toEqual(named(theirs.slice(first, first + packets.length)));
    },
  );
});
