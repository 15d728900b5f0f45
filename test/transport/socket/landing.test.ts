import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { createLandingSlabs } from '../../../src/transport/socket/landing.ts';

const kib = 1024;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Reads as a socket does: into the place it was given last; and once the chunk was received, asks where to read next. */
function reader() {
  const slabs = createLandingSlabs();
  let room = slabs.room();
  return {
    slabs,
    room: () => room,
    read: (size: number, fill: number, received: (chunk: Uint8Array) => void = () => {}): Uint8Array => {
      const count = Math.min(size, room.length);
      room.fill(fill, 0, count);
      const chunk = slabs.read(count);
      received(chunk);
      room = slabs.room();
      return chunk;
    },
  };
}

test('silent sockets receive into the same memory, also those that have received something short', () => {
  const [silent, short] = [reader(), reader()];
  const chunk = short.read(100, 1);
  expect(short.room()).toBe(silent.room());
  expect(chunk.buffer).not.toBe(silent.room().buffer);
});

test('what a socket has received stays as it is when another one receives into the shared memory', () => {
  const [one, other] = [reader(), reader()];
  const chunk = one.read(100, 1);
  other.read(16 * kib, 2);
  expect(new Set(chunk)).toEqual(new Set([1]));
});

test('a socket that much comes from receives into memory of its own, until a read is short', () => {
  const [silent, busy] = [reader(), reader()];
  busy.read(busy.room().length, 1);
  expect(busy.room().buffer).not.toBe(silent.room().buffer);
  expect(busy.room().length).toBeGreaterThan(16 * kib);
  busy.read(32 * kib, 2);
  expect(busy.room().buffer).not.toBe(silent.room().buffer);
  busy.read(kib, 3);
  expect(busy.room()).toBe(silent.room());
});

test('no large slab waits for the next socket: those that were fast and then calm give them up', async () => {
  const fast = Array.from({ length: 8 }, reader);
  for (const { slabs, room, read } of fast) {
    const recycle = (chunk: Uint8Array) => slabs.recycle(chunk, chunk.length);
    for (let reads = 0; reads < 200 && room().buffer.byteLength <= 1024 * kib; reads++)
      read(room().length, 1, recycle);
    expect(room().buffer.byteLength).toBeGreaterThan(1024 * kib);
  }
  collect();
  const before = process.memoryUsage().arrayBuffers;
  // As many calm reads as it takes, and none that would need a small slab.
  for (const { slabs, read } of fast)
    for (let reads = 0; reads < 32; reads++) read(kib, 2, (chunk) => slabs.recycle(chunk, chunk.length));
  // Each had one of 2 MiB, and has left one of 64 KiB to the next. Their memory is freed some time after the collection.
  const freed = () => {
    collect();
    return before - process.memoryUsage().arrayBuffers;
  };
  await expect.poll(freed).toBeGreaterThan(8 * 1024 * kib);
});

test('a socket gives its slab to the next one once all chunks of it were recycled, and not before', () => {
  const [one, other, third] = [reader(), reader(), reader()];
  const kept = one.read(100, 1);
  const others = other.read(100, 2);
  expect(others.buffer).not.toBe(kept.buffer);
  one.slabs.recycle(kept, 99);
  expect(third.read(100, 3).buffer).not.toBe(kept.buffer);
  one.slabs.recycle(kept, 1);
  expect(reader().read(100, 4).buffer).toBe(kept.buffer);
});

const moves = fc.array(
  fc.record({
    who: fc.nat(4),
    size: fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 100 * kib })),
    back: fc.nat(),
  }),
  { maxLength: 100 },
);
property.prop([moves])('chunks of several sockets keep their bytes until they were recycled', (steps) => {
  const readers = Array.from({ length: 5 }, reader);
  const held: { readonly chunk: Uint8Array; readonly fill: number; readonly who: number }[] = [];
  steps.forEach(({ who, size, back }, i) => {
    const fill = i % 251;
    held.push({ chunk: readers[who]!.read(size, fill), fill, who });
    if (back % 3 > 0) {
      const [one] = held.splice(back % held.length, 1);
      readers[one!.who]!.slabs.recycle(one!.chunk, one!.chunk.length);
    }
    for (const { chunk, fill: expected } of held)
      if ([chunk[0], chunk[chunk.length >> 1], chunk.at(-1)].some((byte) => byte !== expected))
        expect.fail('a chunk that is still held was read into');
  });
  for (const { slabs } of readers) slabs.close();
});
