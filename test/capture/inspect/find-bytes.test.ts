/** Bytes are found in the sides of conversations, however they were cut into chunks. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type BytesFound, createFinder } from '../../../src/capture/inspect/find-bytes.ts';
import type { Conversation, StreamEvent } from '../../../src/capture/stream-event.ts';

const conversation: Conversation = {
  index: 0,
  client: '10.0.0.1:1',
  server: '10.0.0.2:2',
  startedAt: 0n,
  opening: 'syn',
};
const chunk = (from: 'client' | 'server', position: number, text: string): StreamEvent => ({
  type: 'chunk',
  ...{ conversation, from, position, capturedAt: BigInt(position), deliverableAt: 0n, packet: 1, seen: null },
  bytes: Buffer.from(text),
});

type Seen = Pick<BytesFound, 'from' | 'position'> & { readonly around: string };

function foundIn(needle: string, events: readonly StreamEvent[]): Seen[] {
  const seen: Seen[] = [];
  const bytes = Buffer.from(needle);
  const finder = createFinder(
    bytes,
    (all, from) => Buffer.from(all).indexOf(bytes, from),
    ({ from, position, before, bytes: match, after }) => {
      const [front, middle, behind] = [before, match, after].map((each) => Buffer.from(each).toString());
      seen.push({ from, position, around: `${front}[${middle}]${behind}` });
    },
  );
  for (const event of events) finder.take(event);
  return seen;
}

/** The positions at which `indexOf` finds it, none of which overlap. */
function positionsIn(text: string, needle: string): number[] {
  const positions: number[] = [];
  for (let at = text.indexOf(needle); at !== -1; at = text.indexOf(needle, at + needle.length)) {
    positions.push(at);
  }
  return positions;
}

test('bytes are found where they are in a side, however the side was cut', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 300 });
  const cuts = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 });
  const needles = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(letters, cuts, needles, (text, lengths, needle) => {
      const events: StreamEvent[] = [];
      for (let at = 0, turn = 0; at < text.length; turn++) {
        const piece = text.slice(at, at + lengths[turn % lengths.length]!);
        events.push(chunk('client', at, piece));
        at += piece.length;
      }
      const seen = foundIn(needle, events);
      expect(seen.map(({ position }) => position)).toEqual(positionsIn(text, needle));
      for (const { position, around } of seen) {
        expect(around).toContain(`${text.slice(Math.max(0, position - 32), position)}[${needle}]`);
      }
    }),
  );
});

test('bytes are not found across the two sides, nor across a gap', () => {
  const parts = [chunk('client', 0, 'xab'), chunk('server', 0, 'cd')];
  expect(foundIn('abc', parts)).toEqual([]);
  expect(foundIn('abc', [chunk('client', 0, 'xab'), chunk('client', 4, 'cd')])).toEqual([]);
  expect(foundIn('abc', [chunk('client', 0, 'xab'), chunk('client', 3, 'cd')])).toEqual([
    { from: 'client', position: 1, around: 'x[abc]d' },
  ]);
});
