import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import {
  type Chunking,
  chunkingInWords,
  createRechunker,
  rechunk,
} from '../../../src/capture/replay/rechunk.ts';

const chunks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 12 });
const chunkings: fc.Arbitrary<Chunking> = fc.oneof(
  fc.constantFrom('recorded' as const, 'bytes' as const, 'whole' as const),
  fc.record({ seed: fc.integer(), max: fc.integer({ min: 1, max: 1000 }) }),
);
const bytesOf = (pieces: Iterable<Uint8Array>): Buffer => Buffer.concat([...pieces]);
const lengths = (pieces: Iterable<Uint8Array>): number[] => [...pieces].map(({ length }) => length);

describe('bytes cut anew', () => {
  property.prop([chunks, chunkings, fc.nat(10)])(
    'rechunked bytes are the same bytes in the same order, in chunks that are never empty',
    (recorded, chunking, salt) => {
      const cut = [...rechunk(recorded, chunking, salt)];
      expect(bytesOf(cut).equals(bytesOf(recorded))).toBe(true);
      expect(cut.every(({ length }) => length > 0)).toBe(true);
    },
  );

  property.prop([chunks, fc.integer(), fc.nat(10)])(
    'rechunked bytes are cut in the same way by the same seed, however they were cut before',
    (recorded, seed, salt) => {
      const random = { seed, max: 50 };
      const whole = bytesOf(recorded);
      const once = lengths(rechunk(recorded, random, salt));
      expect(lengths(rechunk(recorded, random, salt))).toEqual(once);
      expect(lengths(rechunk(whole.length === 0 ? [] : [whole], random, salt))).toEqual(once);
      expect(once.every((length) => length <= 50)).toBe(true);
    },
  );

  property.prop([chunks])('are as recorded, one at a time, or one chunk', (recorded) => {
    expect(lengths(rechunk(recorded, 'recorded'))).toEqual(lengths(recorded));
    const all = bytesOf(recorded).length;
    expect(lengths(rechunk(recorded, 'bytes'))).toEqual(Array(all).fill(1));
    expect(lengths(rechunk(recorded, 'whole'))).toEqual(all === 0 ? [] : [all]);
  });

  test('rechunked bytes are cut otherwise by other seeds, and for other streams', () => {
    const all = [new Uint8Array(5000)];
    const cuts = [1, 2, 3].flatMap((seed) => [0, 1].map((salt) => lengths(rechunk(all, { seed }, salt))));
    expect(new Set(cuts.map(String)).size).toBe(cuts.length);
  });

  test('rechunked bytes at random come in short chunks and long ones, joined across segments', () => {
    const cut = lengths(rechunk(Array(2000).fill(new Uint8Array(1000)), { seed: 7 }));
    expect(cut.filter((length) => length <= 4).length).toBeGreaterThan(10);
    expect(cut.filter((length) => length > 4000).length).toBeGreaterThan(10);
  });

  test('rechunked bytes come no later than their last byte does: what is complete can be pulled at once', () => {
    const rechunker = createRechunker('whole');
    rechunker.push(Uint8Array.of(1));
    expect(rechunker.pull()).toBeNull();
    rechunker.push(Uint8Array.of(2));
    expect(rechunker.pull()).toBeNull();
    expect(rechunker.flush()).toEqual(Uint8Array.of(1, 2));
    expect(rechunker.flush()).toBeNull();
  });

  test('rechunked bytes are not views of what came before the chunk at hand', () => {
    const rechunker = createRechunker('whole');
    const first = Uint8Array.of(1, 2);
    rechunker.push(first);
    rechunker.pull();
    first.fill(9);
    expect(rechunker.flush()).toEqual(Uint8Array.of(1, 2));
  });

  test.each([
    [{ seed: 0.5 }, /a seed is a whole number, not 0.5/],
    [{ seed: 1, max: 0 }, /the longest chunk is 1 to 67108864 bytes, not 0/],
  ])('rechunked bytes refuse options out of bounds: %o', (chunking, message) => {
    expect(() => createRechunker(chunking)).toThrow(message);
  });

  test('each chunking has a name for people', () => {
    expect([chunkingInWords('bytes'), chunkingInWords({ seed: 3 })]).toEqual(['bytes', 'random, seed 3']);
  });
});
