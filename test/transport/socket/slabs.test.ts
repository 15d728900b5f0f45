import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { createSlabs } from '../../../src/transport/socket/slabs.ts';

const kib = 1024;

/** Reads as a socket does: into the place it was given last; and once the chunk was received, asks where to read next. */
function reader() {
  const slabs = createSlabs();
  let room = slabs.room();
  return {
    slabs,
    room: () => room,
    read: (count: number, fill = 0, received: (chunk: Uint8Array) => void = () => {}): Uint8Array => {
      room.fill(fill, 0, count);
      const chunk = slabs.read(count);
      received(chunk);
      room = slabs.room();
      return chunk;
    },
  };
}

describe('slabs', () => {
  test('slabs are read into one behind the other, and again from the start once everything came back', () => {
    const it = reader();
    const first = it.read(10 * kib);
    const second = it.read(10 * kib);
    expect(second.byteOffset - first.byteOffset).toBe(10 * kib);
    it.slabs.recycle(first, first.length);
    it.slabs.recycle(second, second.length);
    // The system had been given its next place before.
    const third = it.read(10 * kib, 0, (chunk) => it.slabs.recycle(chunk, chunk.length));
    expect(third.byteOffset - first.byteOffset).toBe(20 * kib);
    const fourth = it.read(10 * kib);
    expect(fourth.buffer === first.buffer).toBe(true);
    expect(fourth.byteOffset).toBe(first.byteOffset);
    it.slabs.close();
  });

  test('slabs stay small for a reader that never recycles anything', () => {
    const it = reader();
    for (let i = 0; i < 100; i++) {
      it.read(it.room().length);
      expect(it.room().length).toBeLessThanOrEqual(64 * kib);
    }
    it.slabs.close();
  });

  test('slabs grow once chunks come back and the peer fills them, and shrink when it has little to say', () => {
    const it = reader();
    const back = (chunk: Uint8Array) => it.slabs.recycle(chunk, chunk.length);
    for (let i = 0; i < 2; i++) it.read(it.room().length, 0, back);
    expect(it.room().length).toBeGreaterThan(kib * kib);
    for (let i = 0; i < 40; i++) it.read(100, 0, back);
    expect(it.room().length).toBeLessThanOrEqual(64 * kib);
    it.slabs.close();
  });

  test('slabs are large for a few connections at a time, so that idle ones do not hold much', () => {
    const busy = Array.from({ length: 40 }, () => {
      const it = reader();
      for (let i = 0; i < 2; i++)
        it.read(it.room().length, 0, (chunk) => it.slabs.recycle(chunk, chunk.length));
      return it;
    });
    const large = () => busy.filter((it) => it.room().buffer.byteLength > 64 * kib).length;
    expect(large()).toBe(16);
    for (const it of busy) it.slabs.close();
  });

  test('slabs that are large are three at the most, however little the reader keeps of each', () => {
    const it = reader();
    const kept: Uint8Array[] = [];
    const larges = () =>
      new Set([...kept, it.room()].map(({ buffer }) => buffer).filter((one) => one.byteLength > 64 * kib));
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 200; i++) {
        const chunk = it.read(it.room().length, 0, (all) => it.slabs.recycle(all, all.length - 1));
        kept.push(chunk);
        if (i === 0) it.slabs.recycle(chunk, 1);
      }
      expect(larges().size).toBe(3);
      // Once it is given back there may be others.
      for (const chunk of kept.splice(0).slice(1)) it.slabs.recycle(chunk, 1);
    }
    it.slabs.close();
  });

  test('slabs that are large count among those of all connections until the last of them was given back', () => {
    const back = (it: ReturnType<typeof reader>) => (all: Uint8Array) => it.slabs.recycle(all, all.length);
    const grow = () => {
      const it = reader();
      for (let i = 0; i < 2; i++) it.read(it.room().length, 0, back(it));
      return it;
    };
    const isLarge = (it: ReturnType<typeof reader>) => it.room().buffer.byteLength > 64 * kib;
    const all = Array.from({ length: 16 }, grow);
    const kept = all.map((it) => it.read(it.room().length, 0, (it) => it.subarray(1)));
    for (const it of all) for (let i = 0; i < 40; i++) it.read(100, 0, back(it));
    expect(all.filter(isLarge)).toEqual([]);
    const refused = grow();
    expect(isLarge(refused)).toBe(false);
    for (const [i, chunk] of kept.entries()) all[i]!.slabs.recycle(chunk, chunk.length);
    const taken = grow();
    expect(isLarge(taken)).toBe(true);
    for (const it of [...all, refused, taken]) it.slabs.close();
  });

  test('slabs say that memory is pinned while a chunk is kept of one that is not read into any more', () => {
    const it = reader();
    const kept = it.read(10 * kib);
    expect(it.slabs.pinsMemory()).toBe(false);
    const rest = it.read(it.room().length);
    expect(it.slabs.pinsMemory()).toBe(true);
    it.slabs.recycle(rest, rest.length);
    expect(it.slabs.pinsMemory()).toBe(true);
    it.slabs.recycle(kept, kept.length);
    expect(it.slabs.pinsMemory()).toBe(false);
    it.slabs.close();
  });
});

const moves = fc.array(
  fc.record({
    size: fc.oneof(fc.nat(100), fc.nat(200 * kib)),
    back: fc.nat(),
    parts: fc.integer({ min: 1, max: 3 }),
  }),
  { maxLength: 150 },
);
property.prop([moves])('a chunk keeps its bytes until all of it was given back', (steps) => {
  const it = reader();
  const held: { chunk: Uint8Array; fill: number; left: number }[] = [];
  steps.forEach(({ size, back, parts }, i) => {
    const count = Math.min(Math.max(size, 1), it.room().length);
    const fill = i % 251;
    held.push({ chunk: it.read(count, fill), fill, left: count });
    if (back % 3 > 0) {
      const at = back % held.length;
      const one = held[at]!;
      const some = Math.ceil(one.chunk.length / parts);
      const now = Math.min(some, one.left);
      it.slabs.recycle(one.chunk, now);
      one.left -= now;
      if (one.left === 0) held.splice(at, 1);
    }
    for (const { chunk, fill: expected } of held) {
      if (chunk[0] !== expected || chunk.at(-1) !== expected)
        expect.fail('a chunk that is still held was read into');
    }
  });
  it.slabs.close();
});
