import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { createChunkSplitter, PIECE_BYTES_MAX } from '../../src/runtime/chunk-splitter.ts';

const moves = fc.array(
  fc.oneof(
    fc.integer({ min: 1, max: 200_000 }).map((size) => ({ do: 'chunk' as const, size })),
    fc.constant({ do: 'behind' as const }),
    fc.integer({ min: 1, max: 100_000 }).map((most) => ({ do: 'step' as const, most })),
  ),
  { maxLength: 40 },
);

property.prop([moves])('what is fed is taken in order, in pieces no larger than they may be', (steps) => {
  const fed: (number | string)[] = [];
  const taken: (number | string)[] = [];
  let largest = 0;
  const feed = createChunkSplitter((bytes) => {
    largest = bytes.length;
    for (const byte of bytes) if (byte !== taken.at(-1)) taken.push(byte);
    return 0;
  });
  const step = (most: number) => {
    const next = feed.next();
    if (next === null) return;
    const before = taken.length;
    largest = 0;
    feed.step(most);
    expect(largest).toBeLessThanOrEqual(Math.min(most, PIECE_BYTES_MAX));
    if (next === 'work') expect(taken.slice(before)).toEqual([expect.stringMatching(/^end/)]);
    else expect(largest).toBeGreaterThan(0);
  };
  steps.forEach((it, i) => {
    if (it.do === 'chunk') {
      // Each chunk is all of one byte, unlike its neighbours'.
      fed.push(i % 251);
      feed.chunk(new Uint8Array(it.size).fill(i % 251));
    } else if (it.do === 'behind') {
      fed.push(`end ${i}`);
      feed.enqueue(() => taken.push(`end ${i}`));
    } else step(it.most);
  });
  while (feed.next() !== null) step(PIECE_BYTES_MAX);
  expect(taken).toEqual(fed);
});

test('a chunk full of requests is taken in small pieces, and one of bodies in large ones', () => {
  const pieces = (requests: (bytes: number) => number) => {
    const sizes: number[] = [];
    const feed = createChunkSplitter((bytes) => {
      sizes.push(bytes.length);
      return requests(bytes.length);
    });
    feed.chunk(new Uint8Array(512 * 1024));
    while (feed.next() !== null) feed.step(PIECE_BYTES_MAX);
    return sizes;
  };
  // A request of 20 bytes, and a body that fills the chunk.
  expect(Math.max(...pieces((bytes) => bytes / 20))).toBeLessThanOrEqual(4 * 1024);
  expect(Math.max(...pieces(() => 0))).toBe(64 * 1024);
});

test('what comes while a piece is taken waits for its turn', () => {
  const taken: number[] = [];
  const feed = createChunkSplitter((bytes) => {
    taken.push(bytes[0]!);
    if (bytes[0] === 1) feed.chunk(Uint8Array.of(2));
    return 0;
  });
  feed.chunk(Uint8Array.of(1));
  feed.step(10);
  expect(taken).toEqual([1]);
  feed.step(10);
  expect(taken).toEqual([1, 2]);
});
