/** For any bytes the dissector throws nothing, and reads nothing outside of the packet. */
import { fc, test as property } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { createDissector } from '../../../src/capture/dissect/dissect.ts';
import type { Packet } from '../../../src/capture/packet.ts';
import type { NoSegment, Segment } from '../../../src/capture/segment.ts';
import {
  LINK_LAYERS,
  mpls,
  OTHER_LINK_LAYERS,
  pppHead,
  pppoeSession,
} from '../../support/captures/link-layers.ts';
import {
  bytesOf,
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
import { L2TP_3, TUNNELS } from '../../support/captures/tunnel-kinds.ts';
import { cases } from '../../support/random/cases.ts';

const otherLayers = [...LINK_LAYERS, ...OTHER_LINK_LAYERS];
const linkTypes = [1, 228, 229, 147, ...new Set(otherLayers.map(([, linkType]) => linkType))];

const four = tcp({ from: '10.0.0.1:1', to: '10.0.0.2:2', options: [1, 1, 1, 1], payload: 'hello, world' });
const six = tcp({ from: '[fd00::1]:1', to: '[fd00::2]:2', payload: 'hello, world' });
const ips = [
  ipv4(four),
  ipv4(four, { options: [1, 1, 1, 1] }),
  ipv4(four, { totalLength: 0 }),
  ipv4(extension(51, four, new Array(22).fill(0))),
  ipv4(piece(four, 0, 16), { more: true }),
  ipv4(piece(four, 16), { offset: 16 }),
  ipv6(six),
  ipv6(extension(0, extension(60, extension(43, six, [4, 1, 0, 0, 0, 0, ...new Array(32).fill(1)])))),
  ipv6(fragment6(six, {})),
  ipv6(fragment6(piece(six, 0, 16), { more: true })),
  ipv6(fragment6(piece(six, 16), { offset: 16 })),
];
const layers: readonly (readonly [number, (ip: Uint8Array) => Uint8Array])[] = [
  [1, (ip) => ethernet(ip)],
  [1, (ip) => ethernet(ip, { tags: [0x88a8, 0x8100], padTo: 120 })],
  [1, (ip) => mpls([0, 1, 0, 64, 0, 2, 1, 64], ip)],
  [1, (ip) => pppoeSession(pppHead(ip), ip, { padTo: 120 })],
  [1, (ip) => ethernet(snap(ip), { etherType: 8 + ip.length, padTo: 120 })],
  ...otherLayers.map(([, linkType, wrap]) => [linkType, wrap] as const),
  ...TUNNELS.map(([, wrap]) => [1, (ip: Uint8Array) => wrap(ip)] as const),
  ...L2TP_3.map(([, wrap]) => [1, (ip: Uint8Array) => wrap(ip)] as const),
];

const anyPacket = fc.record({
  bytes: fc.uint8Array({ maxLength: 200 }),
  linkType: fc.constantFrom(...linkTypes),
  more: fc.nat({ max: 2000 }),
});
/** A packet that is right but for a few bytes, cut somewhere. */
const nearlyRight = fc
  .record({
    ip: fc.constantFrom(...ips),
    layer: fc.constantFrom(...layers),
    changes: fc.array(fc.tuple(fc.nat({ max: 260 }), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }),
    kept: fc.oneof(fc.constant(1000), fc.nat({ max: 260 })),
    more: fc.oneof(fc.constant(0), fc.nat({ max: 2000 })),
  })
  .map(({ ip, layer: [linkType, wrap], changes, kept, more }) => {
    const bytes = wrap(ip).slice();
    for (const [at, value] of changes) bytes[at % bytes.length] = value;
    return { bytes: bytes.subarray(0, kept), linkType, more };
  });

interface Given {
  readonly bytes: Uint8Array;
  readonly linkType: number;
  readonly more: number;
}

/** The packet in the middle of a block, with the same byte everywhere around it. */
function surrounded({ bytes, linkType, more }: Given, by: number): Packet {
  const around = new Array<number>(64).fill(by);
  const block = bytesOf(around, bytes, around);
  return packetOf(block.subarray(64, 64 + bytes.length), { linkType, originalLength: bytes.length + more });
}

/** A result without its packet, as the bytes around that differ. */
const withoutPacket = ({ packet: _packet, ...rest }: Segment | NoSegment) => rest;

describe.each(['ignore', 'verify'] as const)('with checksums: %s', (checksums) => {
  property.prop([fc.array(fc.oneof(anyPacket, nearlyRight), { maxLength: 20 })], { numRuns: cases(500) })(
    `with checksums: ${checksums}, the result depends on nothing around the packet, and lies within it`,
    (given) => {
      const [zeros, ones] = [createDissector({ checksums }), createDissector({ checksums })];
      for (const each of given) {
        const packet = surrounded(each, 0);
        const read = zeros.dissect(packet);
        expect(withoutPacket(ones.dissect(surrounded(each, 0xff)))).toEqual(withoutPacket(read));
        expect(read.packet).toBe(packet);
        if (!('flow' in read)) continue;
        expect([12, 16, 36, 40]).toContain(read.flow.length);
        expect(read.length).toBeGreaterThanOrEqual(read.payload.length);
        if (read.payload.buffer !== packet.bytes.buffer) continue;
        expect(read.payload.byteOffset).toBeGreaterThanOrEqual(64);
        expect(read.payload.byteOffset + read.payload.length).toBeLessThanOrEqual(64 + each.bytes.length);
      }
      expect(zeros.end().map(withoutPacket)).toEqual(ones.end().map(withoutPacket));
    },
  );
});

property.prop([fc.constantFrom(...ips), fc.constantFrom(...layers), fc.nat({ max: 260 })])(
  'a right packet is never malformed, wherever it was cut',
  (ip, [linkType, wrap], kept) => {
    const read = createDissector().dissect(packetOf(wrap(ip), { linkType, kept }));
    expect(read).not.toMatchObject({ skipped: 'malformed' });
  },
);
