import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { delimited } from '../../../src/wire/codecs/delimited.ts';
import { createDelimiterSearch } from '../../../src/wire/codecs/delimiter-search.ts';
import { cases } from '../../support/random/cases.ts';
import { ascii, concat, cutAt, cuts } from '../stream.ts';

const CHUNK = new Uint8Array(65_536).fill(97);
const repeated = (length: number) => new Uint8Array(length).fill(97);

/** The shortest of several runs, in milliseconds. */
function shortest(run: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 15; i++) {
    const since = performance.now();
    run();
    best = Math.min(best, performance.now() - since);
  }
  return best;
}

test.each([
  ['ends differently', (length: number) => concat(repeated(length - 1), ascii('b'))],
  ['begins differently', (length: number) => concat(ascii('b'), repeated(length - 1))],
  [
    'differs in the middle',
    (length: number) => concat(repeated(length / 2 - 1), ascii('b'), repeated(length / 2)),
  ],
])('a delimiter that %s costs no more per byte when it is long', (_, delimiterOf) => {
  const cost = (length: number): number => {
    const { decoder } = delimited(delimiterOf(length), { maxLength: 2 ** 20 });
    return shortest(() => decoder.step(decoder.initial(0), CHUNK, 0, 1));
  };
  cost(8);
  // A search that compares again what it has compared costs 64 times as much.
  expect(cost(1024)).toBeLessThan(8 * cost(16));
});

const fewLetters = fc.array(fc.constantFrom(...'aab'), { maxLength: 60 }).map((it) => ascii(it.join('')));
const delimiters = fc
  .array(fc.constantFrom(...'aab'), { minLength: 1, maxLength: 7 })
  .map((it) => ascii(it.join('')));

property.prop([fewLetters, delimiters, cuts], { numRuns: cases(500) })(
  'the first place of a delimiter is found however the bytes are cut',
  (stream, delimiter, places) => {
    const search = createDelimiterSearch(delimiter);
    const expected = Buffer.from(stream).indexOf(delimiter);
    let [matched, before, found] = [0, 0, -1];
    for (const chunk of cutAt(stream, places)) {
      const result = search(chunk, 0, matched);
      if (result >= 0) {
        found = before + result - delimiter.length;
        break;
      }
      matched = ~result;
      before += chunk.length;
    }
    expect(found).toBe(expected);
  },
);

property.prop([fewLetters, delimiters, cuts, fc.integer({ min: 1, max: 3 })], { numRuns: cases(500) })(
  'messages are what stands between delimiters, also where one begins in a chunk and ends in another',
  (stream, delimiter, places, most) => {
    const expected: string[] = [];
    let from = 0;
    for (let at = 0; ; from = at + delimiter.length) {
      at = Buffer.from(stream).indexOf(delimiter, from);
      if (at === -1) break;
      expected.push(String.fromCharCode(...stream.subarray(from, at)));
    }
    const { decoder } = delimited(delimiter, { maxLength: 100 });
    const messages: string[] = [];
    let state: unknown = decoder.initial(0);
    for (const chunk of cutAt(stream, places)) {
      for (let at = 0; at < chunk.length; ) {
        const step = decoder.step(state, chunk, at, most);
        // A step from the same state again is the same step: it has changed nothing.
        expect(decoder.step(state, chunk, at, most)).toEqual(step);
        for (const each of step.decoded)
          messages.push(each.type === 'message' ? String.fromCharCode(...each.message) : each.fault.code);
        ({ state, at } = step);
      }
    }
    expect(messages).toEqual(expected);
    expect(decoder.position(state)).toBe(stream.length);
    const [last] = decoder.finish(state);
    expect(last?.type === 'fault' ? last.fault.position : stream.length).toBe(from);
  },
);
