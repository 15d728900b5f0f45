import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { createFeed } from '../../src/runtime/feed.ts';

/** What the tests before have used of a turn is over. */
const aFreshTurn = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

const moves = fc.array(
  fc.oneof(
    fc.nat(200_000).map((size) => ({ do: 'chunk' as const, size })),
    fc.boolean().map((on) => ({ do: 'want' as const, on })),
    fc.constant({ do: 'behind' as const }),
    fc.constant({ do: 'turn' as const }),
  ),
  { maxLength: 40 },
);

property.prop([moves])(
  'what is fed is taken in order, in small pieces, and only while more is wanted',
  (steps) => {
    let wanted = true;
    let later: (() => void) | null = null;
    const fed: (number | string)[] = [];
    const taken: (number | string)[] = [];
    const feed = createFeed({
      wanted: () => wanted,
      take: (bytes) => {
        expect(bytes.length).toBeLessThanOrEqual(64 * 1024);
        for (const byte of bytes) if (byte !== taken.at(-1)) taken.push(byte);
        return 0;
      },
      later: (work) => {
        later = work;
      },
      waiting: () => {},
    });
    const laterTurns = () => {
      while (later !== null) {
        const work = later;
        later = null;
        work();
      }
    };
    steps.forEach((step, i) => {
      const before = taken.length;
      if (step.do === 'chunk' && step.size > 0) {
        // Each chunk is all of one byte, unlike its neighbours'.
        fed.push(i % 251);
        feed.chunk(new Uint8Array(step.size).fill(i % 251));
      } else if (step.do === 'behind') {
        fed.push(`end ${i}`);
        feed.behind(() => taken.push(`end ${i}`));
      } else if (step.do === 'want') {
        wanted = step.on;
        if (wanted) feed.goOn();
      }
      if (step.do === 'turn') laterTurns();
      if (!wanted) expect(taken.slice(before).filter((it) => typeof it === 'number')).toEqual([]);
    });
    wanted = true;
    feed.goOn();
    laterTurns();
    expect(taken).toEqual(fed);
  },
);

test('to take a piece may be to want no more of the chunk: the rest waits as the bytes it came in', async () => {
  await aFreshTurn();
  let wanted = true;
  let taken = 0;
  const feed = createFeed({
    wanted: () => wanted,
    take: (bytes) => {
      taken += bytes.length;
      wanted = false;
      return 0;
    },
    // At once, when the machine was busy and the turn is over by then.
    later: (work) => work(),
    waiting: () => {},
  });
  feed.chunk(new Uint8Array(1_000_000));
  expect(taken).toBeLessThanOrEqual(64 * 1024);
  const before = taken;
  wanted = true;
  feed.goOn();
  expect(taken).toBeGreaterThan(before);
  expect(taken).toBeLessThanOrEqual(before + 64 * 1024);
});

test('a chunk that takes long is left for a moment, so that other connections have their turn', () => {
  let taken = 0;
  const told: boolean[] = [];
  const later: (() => void)[] = [];
  const feed = createFeed({
    wanted: () => true,
    take: (bytes) => {
      taken += bytes.length;
      for (const since = performance.now(); performance.now() - since < 3; );
      return 0;
    },
    later: (work) => later.push(work),
    waiting: (waiting) => told.push(waiting),
  });
  feed.chunk(new Uint8Array(1024 * 1024));
  expect(taken).toBeLessThan(512 * 1024);
  // Nothing else makes it go on sooner.
  const before = taken;
  feed.goOn();
  expect(taken).toBe(before);
  for (let work = later.shift(); work !== undefined; work = later.shift()) work();
  expect(taken).toBe(1024 * 1024);
  expect(told.slice(0, 2)).toEqual([true, false]);
});

test('a chunk full of requests is taken in small pieces, one of bodies in large ones', () => {
  const pieces = (requests: (bytes: number) => number) => {
    const sizes: number[] = [];
    const later: (() => void)[] = [];
    const feed = createFeed({
      wanted: () => true,
      take: (bytes) => {
        sizes.push(bytes.length);
        return requests(bytes.length);
      },
      later: (work) => later.push(work),
      waiting: () => {},
    });
    feed.chunk(new Uint8Array(512 * 1024));
    for (let work = later.shift(); work !== undefined; work = later.shift()) work();
    return sizes;
  };
  // A request of 20 bytes, and a body that fills the chunk.
  expect(Math.max(...pieces((bytes) => bytes / 20))).toBeLessThanOrEqual(4 * 1024);
  expect(Math.max(...pieces(() => 0))).toBe(64 * 1024);
});
