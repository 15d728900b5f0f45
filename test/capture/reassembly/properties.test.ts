/** Laws of reassembly: whatever order, copies and cuts a recording has, the bytes are the same. */
import { fc, test } from '@fast-check/vitest';
import { expect } from 'vitest';
import { type Segment, TCP_FIN, TCP_SYN } from '../../../src/capture/segment.ts';
import type { Side, StreamChunk, StreamEvent } from '../../../src/capture/stream-event.ts';
import {
  bytesOfSide,
  conversation,
  type Ends,
  reassembled,
  type Script,
} from '../../support/captures/segments.ts';
import { cases } from '../../support/random/cases.ts';

const isn = fc.oneof(
  fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  // Those that wrap within a conversation, or on its SYN.
  fc.integer({ min: 2 ** 32 - 60, max: 2 ** 32 - 1 }),
  fc.integer({ min: 2 ** 31 - 60, max: 2 ** 31 }),
);
const hosts = fc.constantFrom<Ends>(
  {},
  {
    clientHost: [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
    serverHost: [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2],
  },
);
const ends = fc
  .record({ hosts, clientIsn: isn, serverIsn: isn })
  .map((it): Ends => ({ ...it.hosts, clientIsn: it.clientIsn, serverIsn: it.serverIsn }));

interface Sending {
  readonly from: Side;
  readonly length: number;
}
const sendings = fc.array(
  fc.record({ from: fc.constantFrom<Side>('client', 'server'), length: fc.integer({ min: 1, max: 12 }) }),
  { maxLength: 10 },
);
/** A piece of what was sent, sent again as a segment of its own: it starts and ends anywhere. */
const again = fc.array(
  fc.record({
    from: fc.constantFrom<Side>('client', 'server'),
    start: fc.nat({ max: 200 }),
    length: fc.integer({ min: 1, max: 40 }),
  }),
  { maxLength: 8 },
);

/** Bytes that no other place of the streams is likely to have. */
const content = (from: Side, start: number, end: number): Uint8Array =>
  Uint8Array.from({ length: end - start }, (_, i) => ((start + i) * 7 + (from === 'client' ? 1 : 129)) & 255);

function scripted(at: Ends, sent: readonly Sending[], script = conversation(at)): Script {
  const so = { client: 0, server: 0 };
  script.handshake();
  for (const { from, length } of sent) {
    script.send(from, { data: content(from, so[from], so[from] + length) });
    so[from] += length;
  }
  return script.close();
}

const total = (sent: readonly Sending[], from: Side): number =>
  sent.reduce((sum, each) => sum + (each.from === from ? each.length : 0), 0);

function sendAgain(
  script: Script,
  sent: readonly Sending[],
  pieces: readonly { from: Side; start: number; length: number }[],
): void {
  for (const { from, start, length } of pieces) {
    const all = total(sent, from);
    if (all === 0) continue;
    const first = start % all;
    const end = Math.min(all, first + length);
    script.send(from, { position: first, data: content(from, first, end) });
  }
}

/** Numbers the packets anew, in the order in which they are now: that of the file. */
const filed = (segments: readonly Segment[]): Segment[] =>
  segments.map((segment, i) => ({ ...segment, packet: { ...segment.packet, number: i + 1 } }));

const shuffled = <T>(items: readonly T[]): fc.Arbitrary<T[]> =>
  fc.shuffledSubarray([...items], { minLength: items.length });

const permuted = fc.record({ at: ends, sent: sendings, pieces: again }).chain(({ at, sent, pieces }) => {
  const script = scripted(at, sent);
  sendAgain(script, sent, pieces);
  const { segments } = script;
  return fc
    .subarray(segments)
    .chain((twice) => shuffled([...segments, ...twice]))
    .map((order) => ({ sent, order: filed(order) }));
});

test.prop([permuted], { numRuns: cases(375) })(
  'in any order, with any copies and overlaps, each side has the same bytes, and ends once',
  ({ sent, order }) => {
    const events = reassembled(order);
    for (const side of ['client', 'server'] as const) {
      expect(bytesOfSide(events, side)).toEqual(content(side, 0, total(sent, side)));
    }
    const types = events.map(({ type }) => type).filter((type) => type !== 'chunk');
    expect(types).toEqual(['open', 'end', 'end', 'close']);
    expect(events.at(-1)).toMatchObject({ type: 'close', reason: 'ended' });
  },
);

test.prop([permuted], { numRuns: cases(300) })(
  'a byte can be delivered when the last of those up to it was captured, whatever the order of the file',
  ({ sent, order }) => {
    const events = reassembled(order);
    for (const side of ['client', 'server'] as const) {
      // Of each byte, the first packet of the file that has it counts.
      const captured = new Array<bigint | undefined>(total(sent, side));
      for (const segment of order) {
        if (!isFrom(segment, side, order)) continue;
        const first = startOf(segment, side, order);
        for (let i = 0; i < segment.payload.length; i++) captured[first + i] ??= segment.packet.time;
      }
      let latest = 0n;
      const expected = captured.map((time) => {
        if (time! > latest) latest = time!;
        return latest;
      });
      const times = chunksOf(events, side).flatMap(({ bytes, deliverableAt }) =>
        new Array<bigint>(bytes.length).fill(deliverableAt),
      );
      expect(times).toEqual(expected);
    }
  },
);

const withLosses = fc.record({ at: ends, sent: sendings, pieces: again }).chain(({ at, sent, pieces }) => {
  const script = scripted(at, sent);
  sendAgain(script, sent, pieces);
  const isKept = ({ flags }: Segment): boolean => (flags & (TCP_SYN | TCP_FIN)) !== 0;
  const fixed = script.segments.filter(isKept);
  return fc
    .subarray(script.segments.filter((segment) => !isKept(segment)))
    .chain((left) => shuffled([...fixed, ...left]))
    .map((order) => ({ sent, order: filed(order), left: order }));
});

test.prop([withLosses], { numRuns: cases(375) })(
  'with packets missing, chunks and gaps lie end to end, and every byte that was captured is in its place',
  ({ sent, order }) => {
    const events = reassembled(order);
    for (const side of ['client', 'server'] as const) {
      const all = total(sent, side);
      const had = new Set<number>();
      for (const segment of order) {
        if (!isFrom(segment, side, order)) continue;
        const first = startOf(segment, side, order);
        for (let i = 0; i < segment.payload.length; i++) had.add(first + i);
      }
      const seen = bytesOfSide(events, side);
      expect(seen.length).toBe(all);
      const whole = content(side, 0, all);
      for (const { position, bytes } of chunksOf(events, side)) {
        expect(bytes).toEqual(whole.subarray(position, position + bytes.length));
        for (let i = 0; i < bytes.length; i++) expect(had.delete(position + i)).toBe(true);
      }
      expect(had.size).toBe(0);
    }
  },
);

/** The client is who sent the SYN without ACK. */
function isFrom(segment: Segment, side: Side, all: readonly Segment[]): boolean {
  const { flow } = all.find(({ flags }) => flags === TCP_SYN)!;
  return (segment.flow === flow) === (side === 'client');
}

/** Where its bytes lie in what its side sent. */
function startOf(segment: Segment, side: Side, all: readonly Segment[]): number {
  const { seq } = all.find((each) => (each.flags & TCP_SYN) !== 0 && isFrom(each, side, all))!;
  return (segment.seq - seq - ((segment.flags & TCP_SYN) === 0 ? 1 : 0)) >>> 0;
}

const chunksOf = (events: readonly StreamEvent[], side: Side): StreamChunk[] =>
  events.filter((event): event is StreamChunk => event.type === 'chunk' && event.from === side);

const cut = fc.record({ at: ends, sent: sendings, kept: fc.nat({ max: 12 }) });

test.prop([cut], { numRuns: cases(300) })(
  'with packets cut by the snap length, what was cut off is a gap, unless another packet has it',
  ({ at, sent, kept }) => {
    const script = scripted(at, sent);
    const segments = script.segments.map((segment) => ({
      ...segment,
      payload: segment.payload.subarray(0, kept),
    }));
    const events = reassembled(segments);
    for (const side of ['client', 'server'] as const) {
      expect(bytesOfSide(events, side)).toHaveLength(total(sent, side));
    }
    const gaps = events.filter((event) => event.type === 'gap');
    const missing = sent.reduce((sum, { length }) => sum + Math.max(0, length - kept), 0);
    expect(gaps.reduce((sum, { length }) => sum + length, 0)).toBe(missing);
    for (const { reason } of gaps) expect(reason).toBe('snapped');
    const both = reassembled(filed(segments.flatMap((segment, i) => [segment, script.segments[i]!])));
    for (const side of ['client', 'server'] as const) {
      expect(bytesOfSide(both, side)).toEqual(content(side, 0, total(sent, side)));
    }
    expect(both.some(({ type }) => type === 'gap' || type === 'conflict')).toBe(false);
  },
);

const limits = fc.record({
  maxHeldBytes: fc.nat({ max: 30 }),
  maxHeldSegments: fc.nat({ max: 4 }),
  maxHeldTotal: fc.nat({ max: 2000 }),
});
/** The SYNs first: without them a limit decides where a side begins. */
const permutedAfterOpening = permuted.map(({ sent, order }) => {
  const isSyn = ({ flags }: Segment): boolean => (flags & TCP_SYN) !== 0;
  const opening = order.filter(isSyn).sort((a, b) => a.flags - b.flags);
  return { sent, order: filed([...opening, ...order.filter((segment) => !isSyn(segment))]) };
});

test.prop([permutedAfterOpening, limits], { numRuns: cases(500) })(
  'under any limits, what is handed on is what was sent, in its place and without a hole',
  ({ sent, order }, within) => {
    const events = reassembled(order, within);
    for (const side of ['client', 'server'] as const) {
      const whole = content(side, 0, total(sent, side));
      expect(bytesOfSide(events, side)).toHaveLength(whole.length);
      for (const { position, bytes } of chunksOf(events, side)) {
        expect(bytes).toEqual(whole.subarray(position, position + bytes.length));
      }
    }
    expect(events.at(-1)).toMatchObject({ type: 'close', reason: 'ended' });
  },
);
