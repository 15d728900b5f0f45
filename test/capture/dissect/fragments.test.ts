/** IP packets in fragments: put together, in bounded memory, and read as TCP only then. */
import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { createDissector } from '../../../src/capture/dissect/dissect.ts';
import type { Packet } from '../../../src/capture/packet.ts';
import type { FragmentConflict } from '../../../src/capture/stream-event.ts';
import {
  bytesOf,
  type Carried,
  ethernet,
  extension,
  flowOf,
  fragment6,
  ipv4,
  ipv6,
  packetOf,
  piece,
  tcp,
} from '../../support/captures/packet-bytes.ts';

interface Cut {
  readonly from: number;
  readonly to?: number;
  readonly id?: number;
  /** Instead of whether something of the packet is behind it. */
  readonly more?: boolean;
}

type Fragmenter = (carried: Carried, cut: Cut) => Uint8Array;

const four: Fragmenter = (carried, { from, to = carried.bytes.length, id = 1, more }) =>
  ethernet(ipv4(piece(carried, from, to), { offset: from, more: more ?? to < carried.bytes.length, id }));
const six: Fragmenter = (carried, { from, to = carried.bytes.length, id = 1, more }) =>
  ethernet(
    ipv6(fragment6(piece(carried, from, to), { offset: from, more: more ?? to < carried.bytes.length, id })),
  );

const packets = (...frames: readonly Uint8Array[]): Packet[] =>
  frames.map((bytes, index) => packetOf(bytes, { number: index + 1, time: BigInt(index) }));
const kinds = (results: readonly object[]) =>
  results.map((each) => ('skipped' in each ? each.skipped : 'segment'));

const ends4 = { from: '10.0.0.1:1234', to: '10.0.0.2:80' };
const ends6 = { from: '[fd00::1]:1234', to: '[fd00::2]:80' };

describe.each([
  ['IPv4', ends4, four, 34],
  ['IPv6', ends6, six, 62],
] as const)('an %s packet in fragments', (layer, ends, fragmentOf, headers) => {
  const payload = Uint8Array.from({ length: 100 }, (_, at) => at);
  const whole = tcp({ ...ends, seq: 5, payload });
  const segment = { flow: flowOf(ends.from, ends.to), seq: 5, length: 100, payload };
  const first = fragmentOf(whole, { from: 0, to: 48 });
  const middle = fragmentOf(whole, { from: 48, to: 96 });
  const last = fragmentOf(whole, { from: 96 });

  test('an IP packet in fragments is a segment when the last of them has come, and its packet is that one', () => {
    const { dissect, end } = createDissector({ checksums: 'verify' });
    const [one, two, three] = packets(first, middle, last);
    expect(dissect(one!)).toMatchObject({
      packet: one,
      skipped: 'fragment',
      message: `${layer}: packet with id 1: bytes 0 to 48 of it`,
    });
    expect(dissect(two!)).toMatchObject({ packet: two, skipped: 'fragment' });
    expect(dissect(three!)).toMatchObject({ packet: three, ...segment });
    expect(end()).toEqual([]);
  });

  test.each([
    ['backwards', [last, middle, first]],
    ['the middle first', [middle, first, last]],
    ['some of them twice', [first, first, last, last, middle]],
  ])('an IP packet in fragments may come in any order: %s', (_name, frames) => {
    const { dissect, end } = createDissector();
    const results = packets(...frames).map(dissect);
    expect(kinds(results.slice(0, -1))).toEqual(frames.slice(1).map(() => 'fragment'));
    expect(results.at(-1)).toMatchObject(segment);
    expect(end()).toEqual([]);
  });

  test('an IP packet in fragments is never read as TCP from the middle, however much it looks like it', () => {
    const inside = tcp({ ...ends, payload: bytesOf(new Array(4).fill(0), whole.bytes) });
    const { dissect } = createDissector();
    const looksLikeTcp = fragmentOf(inside, { from: 24 });
    expect(dissect(packetOf(looksLikeTcp))).toMatchObject({ skipped: 'fragment' });
  });

  test('an IP packet in fragments is not read before it is whole, though its first fragment has all of the header', () => {
    expect(createDissector().dissect(packetOf(first))).toMatchObject({ skipped: 'fragment' });
  });

  test('an IP packet in fragments keeps the bytes that came first where fragments overlap', () => {
    const other = { ...whole, bytes: new Uint8Array(whole.bytes.length).fill(0xee) };
    const { dissect } = createDissector();
    const frames = packets(first, fragmentOf(other, { from: 24, to: 104 }), last, middle);
    const results = frames.map(dissect);
    expect(kinds(results)).toEqual(['fragment', 'fragment', 'segment', 'fragment']);
    const expected = payload.slice();
    expected.fill(0xee, 28, 84);
    expect(results[2]).toMatchObject({ ...segment, payload: expected });
  });

  describe('whose fragments overlap', () => {
    const other = { ...whole, bytes: new Uint8Array(whole.bytes.length).fill(0xee) };
    /** The conflicts of the frames, in order. */
    const conflictsOf = (...frames: readonly Packet[]) => {
      const conflicts: FragmentConflict[] = [];
      const { dissect } = createDissector({}, (conflict) => conflicts.push(conflict));
      for (const frame of frames) dissect(frame);
      return conflicts;
    };

    test('an IP packet whose fragments overlap has a conflict where they differ, with the fragment and the bytes', () => {
      const changed = { ...whole, bytes: whole.bytes.slice() };
      changed.bytes.set([0xee, changed.bytes[31]!, 0xee], 30);
      expect(conflictsOf(...packets(first, fragmentOf(changed, { from: 24, to: 72 }), last))).toEqual([
        {
          type: 'fragment-conflict',
          packet: 2,
          position: 30,
          length: 3,
          message: `${layer}: packet with id 1: fragments overlap and differ, 3 bytes from 30 on`,
        },
      ]);
    });

    test('an IP packet whose fragments overlap has a conflict for each fragment, also over several earlier ones', () => {
      const island = fragmentOf(whole, { from: 72, to: 80 });
      const over = fragmentOf(other, { from: 24, to: 88 });
      const conflicts = conflictsOf(...packets(first, island, over, over, middle));
      expect(conflicts).toMatchObject([
        { packet: 3, position: 24, length: 56 },
        { packet: 4, position: 24, length: 56 },
        { packet: 5, position: 48, length: 40 },
      ]);
    });

    test('an IP packet whose fragments overlap has a conflict of a single byte, before the packet is whole, and when it never is', () => {
      const changed = { ...whole, bytes: whole.bytes.slice() };
      changed.bytes[47]! ^= 1;
      const again = fragmentOf(changed, { from: 40, to: 56 });
      expect(conflictsOf(...packets(first, again))).toMatchObject([{ position: 47, length: 1 }]);
    });

    test('an IP packet whose fragments overlap has no conflict where they agree', () => {
      const overlapping = fragmentOf(whole, { from: 24, to: 72 });
      expect(conflictsOf(...packets(first, first, overlapping, last, middle))).toEqual([]);
    });

    test('an IP packet whose fragments overlap has no conflict where one of them was not captured', () => {
      const cut = packetOf(fragmentOf(other, { from: 0, to: 48 }), { kept: headers });
      expect(conflictsOf(cut, ...packets(first))).toEqual([]);
      expect(conflictsOf(...packets(first), cut)).toEqual([]);
    });
  });

  test('an IP packet in fragments fills the hole between two others with what of a piece belongs there', () => {
    const other = { ...whole, bytes: new Uint8Array(whole.bytes.length).fill(0xee) };
    const { dissect } = createDissector();
    const frames = packets(first, last, fragmentOf(other, { from: 0, to: 112, more: true }));
    const results = frames.map(dissect);
    const expected = payload.slice();
    expected.fill(0xee, 28, 76);
    expect(results[2]).toMatchObject({ ...segment, payload: expected });
  });

  test('an IP packet in fragments may be mixed with others that have other ids', () => {
    const second = tcp({ ...ends, seq: 6, payload: payload.toReversed() });
    const { dissect } = createDissector();
    const results = packets(
      fragmentOf(whole, { from: 0, to: 64, id: 1 }),
      fragmentOf(second, { from: 0, to: 64, id: 2 }),
      fragmentOf(second, { from: 64, id: 2 }),
      fragmentOf(whole, { from: 64, id: 1 }),
    ).map(dissect);
    expect(results[2]).toMatchObject({ seq: 6, payload: payload.toReversed() });
    expect(results[3]).toMatchObject(segment);
  });

  test('an IP packet in fragments that were cut by the snap length gives what there is before the first cut', () => {
    const { dissect } = createDissector({ checksums: 'verify' });
    const [one, two, three] = packets(first, middle, last);
    dissect(packetOf(one!.bytes, { kept: headers + 40 }));
    dissect(two!);
    expect(dissect(three!)).toMatchObject({ length: 100, payload: payload.subarray(0, 20) });
  });

  test('an IP packet in fragments is cut when not even the TCP header was captured', () => {
    const { dissect } = createDissector();
    dissect(packetOf(first, { kept: headers + 19 }));
    dissect(packetOf(middle, { kept: headers }));
    expect(dissect(packetOf(last))).toMatchObject({
      skipped: 'cut',
      message: 'TCP: header of 20 bytes, and 19 of them were captured',
    });
  });

  test('an IP packet in fragments may have its TCP header in pieces', () => {
    const { dissect } = createDissector();
    const results = packets(
      fragmentOf(whole, { from: 0, to: 8 }),
      fragmentOf(whole, { from: 8, to: 16 }),
      fragmentOf(whole, { from: 16 }),
    ).map(dissect);
    expect(results[2]).toMatchObject(segment);
  });

  test('an IP packet in fragments does not keep the blocks in which its fragments were', () => {
    const { dissect } = createDissector();
    const [one, two] = packets(fragmentOf(whole, { from: 0, to: 64 }), fragmentOf(whole, { from: 64 }));
    const block = Buffer.from(one!.bytes);
    dissect({ ...one!, bytes: block });
    block.fill(0);
    expect(dissect(two!)).toMatchObject(segment);
  });

  test.each<[string, Uint8Array, string]>([
    ['of no bytes', fragmentOf(whole, { from: 48, to: 48 }), 'a fragment without content'],
    [
      'of a length that is no multiple of 8, and not the last',
      fragmentOf(whole, { from: 0, to: 47 }),
      'a fragment of 47 bytes, and all but the last have a multiple of 8',
    ],
    [
      'behind what any packet has',
      fragmentOf({ ...whole, bytes: new Uint8Array(65_540) }, { from: 65_528 }),
      'a fragment up to byte 65540, and packets have 65535',
    ],
  ])('an IP packet in fragments is malformed with one %s', (_name, bytes, message) => {
    const { dissect, end } = createDissector();
    expect(dissect(packetOf(bytes))).toMatchObject({ skipped: 'malformed', message: `${layer}: ${message}` });
    expect(end()).toEqual([]);
  });

  test.each<[string, readonly Uint8Array[]]>([
    ['two last ones', [last, fragmentOf(whole, { from: 48, to: 96, more: false })]],
    [
      'one behind the last',
      [
        fragmentOf(whole, { from: 48, to: 72, more: false }),
        fragmentOf(whole, { from: 96, to: 104, more: true }),
      ],
    ],
    [
      'a last one before others',
      [fragmentOf(whole, { from: 72, to: 80 }), fragmentOf(whole, { from: 48, to: 64, more: false })],
    ],
  ])('an IP packet in fragments is malformed with %s', (_name, frames) => {
    const { dissect } = createDissector();
    const results = packets(...frames).map(dissect);
    expect(kinds(results)).toEqual(['fragment', 'malformed']);
    expect(results[1]).toMatchObject({
      message: `${layer}: fragments that do not agree on where their packet ends`,
    });
  });

  test('an IP packet in fragments that never becomes whole is reported at the end, once', () => {
    const { dissect, end } = createDissector();
    packets(last, first).map(dissect);
    expect(end()).toMatchObject([
      {
        packet: { number: 1 },
        skipped: 'fragment',
        message: `${layer}: packet with id 1: 2 fragments, and the others never came`,
      },
    ]);
    expect(end()).toEqual([]);
  });

  test('an IP packet in fragments is given up when the others have not come after 30 seconds of the capture', () => {
    const { dissect, end } = createDissector();
    const at = (bytes: Uint8Array, time: bigint) => packetOf(bytes, { time });
    dissect(at(fragmentOf(whole, { from: 0, to: 64, id: 1 }), 0n));
    dissect(at(fragmentOf(whole, { from: 0, to: 64, id: 2 }), 1n));
    expect(dissect(at(fragmentOf(whole, { from: 64, id: 2 }), 30_000_000_001n))).toMatchObject(segment);
    expect(dissect(at(fragmentOf(whole, { from: 64, id: 1 }), 30_000_000_001n))).toMatchObject({
      skipped: 'fragment',
    });
    expect(end()).toMatchObject([
      { message: `${layer}: packet with id 1: 1 fragment, and the others did not come within 30 seconds` },
      { message: `${layer}: packet with id 1: 1 fragment, and the others never came` },
    ]);
  });

  test('an IP packet in fragments is put together from thousands of pieces that come backwards', () => {
    const { dissect } = createDissector();
    const large = tcp({ ...ends, seq: 5, payload: new Uint8Array(63_980) });
    for (let from = 63_992; from > 0; from -= 8) {
      dissect(packetOf(fragmentOf(large, { from, ...(from < 63_992 ? { to: from + 8 } : {}) })));
    }
    expect(dissect(packetOf(fragmentOf(large, { from: 0, to: 8 })))).toMatchObject({ length: 63_980 });
  });

  test('an IP packet in fragments waits with 255 others at most: the oldest is given up for more', () => {
    const { dissect, end } = createDissector();
    for (let id = 1; id <= 257; id += 1) dissect(packetOf(fragmentOf(whole, { from: 0, to: 64, id })));
    expect(dissect(packetOf(fragmentOf(whole, { from: 64, id: 2 })))).toMatchObject(segment);
    const [gaveUp, ...others] = end();
    expect(gaveUp!.message).toBe(
      `${layer}: packet with id 1: 1 fragment, and too many waited for others to wait for theirs`,
    );
    expect(others).toHaveLength(255);
  });

  test('an IP packet in fragments waits with 4 MiB of others at most', () => {
    const { dissect, end } = createDissector();
    const large = { ...whole, bytes: new Uint8Array(60_000) };
    for (let id = 1; id <= 75; id += 1) dissect(packetOf(fragmentOf(large, { from: 0, to: 59_000, id })));
    const messages = end().map(({ message }) => message);
    expect(messages.filter((message) => message.includes('too many'))).toHaveLength(75 - 70);
  });

  test('very many IP packets in fragments that never become whole are reported by their number', () => {
    const { dissect, end } = createDissector();
    for (let id = 1; id <= 2000; id += 1) {
      dissect(packetOf(fragmentOf(whole, { from: 0, to: 64, id }), { number: id }));
    }
    const reported = end();
    expect(reported).toHaveLength(1025);
    expect(reported.at(-1)!.message).toBe('IP: fragments of 976 packets more that never became whole');
    expect(reported.every(({ packet }) => packet.bytes.length === 0)).toBe(true);
  });

  property.prop([
    fc.uint8Array({ maxLength: 400 }),
    fc.array(fc.nat({ max: 60 }), { maxLength: 12 }),
    fc.array(fc.tuple(fc.nat({ max: 60 }), fc.nat({ max: 60 })), { maxLength: 6 }),
    fc.infiniteStream(fc.nat()),
  ])('is the same however it was cut, shuffled and repeated', (bytes, cuts, repeats, random) => {
    const carried = tcp({ ...ends, payload: bytes });
    const { length } = carried.bytes;
    const places = [...new Set([0, ...cuts.map((cut) => cut * 8).filter((cut) => cut < length), length])];
    places.sort((a, b) => a - b);
    const pieces = places.slice(0, -1).map((from, index): Cut => ({ from, to: places[index + 1]! }));
    const again = repeats.map(([a, b]): Cut => ({ from: Math.min(a, b) * 8, to: Math.max(a, b) * 8 }));
    const inside = again.filter(({ from, to }) => from < to! && to! < length);
    fc.pre(pieces.length > 1);
    const mixed = [...pieces, ...inside].map((cut) => ({ cut, rank: random.next().value }));
    mixed.sort((a, b) => a.rank - b.rank);
    const { dissect } = createDissector({ checksums: 'verify' });
    const results = mixed.map(({ cut }) => dissect(packetOf(fragmentOf(carried, cut))));
    const segments = results.filter((each) => 'flow' in each);
    expect(segments).toMatchObject([{ payload: bytes, length: bytes.length }]);
  });
});

describe('of fragments', () => {
  test('fragments of what leads to no TCP are not kept', () => {
    const { dissect, end } = createDissector();
    const sctp4 = { ...tcp(ends4), protocol: 132 };
    const sctp6 = { ...tcp(ends6), protocol: 132 };
    expect(dissect(packetOf(four(sctp4, { from: 0, to: 8 })))).toMatchObject({ skipped: 'other' });
    expect(dissect(packetOf(four(sctp4, { from: 8 })))).toMatchObject({ skipped: 'other' });
    expect(dissect(packetOf(six(sctp6, { from: 0, to: 8 })))).toMatchObject({ skipped: 'other' });
    expect(end()).toEqual([]);
  });

  test('UDP, which may be a tunnel, is put together, and counts as the packets that it came in', () => {
    const { dissect, end } = createDissector();
    const udp = { ...tcp(ends4), protocol: 17 };
    expect(dissect(packetOf(four(udp, { from: 0, to: 8 })))).toMatchObject({ skipped: 'fragment' });
    expect(dissect(packetOf(four(udp, { from: 8, to: 16 })))).toMatchObject({ skipped: 'fragment' });
    const whole = dissect(packetOf(four(udp, { from: 16 })));
    expect(whole).toMatchObject({ skipped: 'other', packets: 3 });
    expect(end()).toEqual([]);
  });

  test('UDP that never becomes whole is no fault of a stream', () => {
    const { dissect, end } = createDissector();
    const udp4 = { ...tcp(ends4), protocol: 17 };
    const udp6 = { ...tcp(ends6), protocol: 17 };
    dissect(packetOf(four(udp4, { from: 0, to: 8 })));
    dissect(packetOf(six(udp6, { from: 8 })));
    expect(end()).toMatchObject([
      { skipped: 'other', reason: 'UDP, a fragment without its others' },
      { skipped: 'other', reason: 'UDP, a fragment without its first' },
    ]);
  });

  test('a wrong header checksum is reported for each fragment, when checksums are verified', () => {
    const { dissect } = createDissector({ checksums: 'verify' });
    const wrong = ipv4(piece(tcp(ends4), 0, 8), { more: true, checksum: 1 });
    expect(dissect(packetOf(ethernet(wrong)))).toMatchObject({ skipped: 'checksum' });
  });

  test('an atomic fragment is whole though others have its id', () => {
    const { dissect } = createDissector();
    const whole = tcp({ ...ends6, payload: 'hello' });
    dissect(packetOf(six(whole, { from: 0, to: 8, id: 9 })));
    expect(dissect(packetOf(six(whole, { from: 0, id: 9 })))).toMatchObject({ length: 5 });
    expect(dissect(packetOf(six(whole, { from: 8, id: 9 })))).toMatchObject({ length: 5 });
  });

  test('extension headers may be behind the fragment header, and come with the first', () => {
    const { dissect } = createDissector();
    const whole = extension(60, tcp({ ...ends6, payload: 'hello' }), new Array(14).fill(1));
    dissect(packetOf(six(whole, { from: 8, to: 24 })));
    dissect(packetOf(six(whole, { from: 24 })));
    expect(dissect(packetOf(six(whole, { from: 0, to: 8 })))).toMatchObject({ payload: bytesOf('hello') });
  });

  test('only the first fragment of an IPv6 packet names the protocol of their content', () => {
    const { dissect } = createDissector();
    const whole = tcp({ ...ends6, payload: 'hello' });
    dissect(packetOf(six(whole, { from: 0, to: 8 })));
    const last = six({ ...whole, protocol: 60 }, { from: 8 });
    expect(dissect(packetOf(last))).toMatchObject({ payload: bytesOf('hello') });
  });

  test('an authentication header in fragments may be cut as well', () => {
    const { dissect } = createDissector();
    const whole = extension(51, tcp({ ...ends4, payload: 'hello' }), new Array(22).fill(1));
    dissect(packetOf(four(whole, { from: 0, to: 16 })));
    expect(dissect(packetOf(four(whole, { from: 16 })))).toMatchObject({ payload: bytesOf('hello') });
  });
});
