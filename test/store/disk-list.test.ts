/** Listings of large folders: others have their turn meanwhile, and a folder is read once for all its pages. */
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../../src/store/contract.ts';
import { namesIn, put, value } from '../../src/store/contract-case.ts';
import { openDiskStore } from '../../src/store/disk-store.ts';
import { gate } from '../../src/store/gate.ts';
import { run, wait } from '../../src/store/task.ts';
import { interceptedFileSystem } from '../support/fs-intercepted.ts';
import { newRoot, openBelow, removeRoot } from '../support/store-roots.ts';

let root: string;
beforeEach(() => {
  root = newRoot();
});
afterEach(() => {
  expect(openBelow(root)).toEqual([]);
  removeRoot(root);
});

function makeFiles(folder: string, count: number, length: number): void {
  mkdirSync(join(root, folder), { recursive: true });
  for (let i = 0; i < count; i++) writeFileSync(join(root, folder, `${i}`.padStart(length, '0')), '');
}

/** Until the folder has been left alone for long enough that its times say whether it changed. */
const untilSettled = (folder: string) =>
  expect
    .poll(() => Date.now() - statSync(join(root, folder)).ctimeMs, { timeout: 5_000 })
    .toBeGreaterThan(150);

/** A store that counts how often a folder is read. */
async function countingStore(): Promise<{ store: Store; reads: () => number }> {
  let reads = 0;
  const fs = interceptedFileSystem({
    before: ({ name }) => {
      if (name === 'readdir') reads += 1;
      return undefined;
    },
  });
  const store = await value(openDiskStore(root, { durability: 'os', fs }));
  reads = 0;
  return { store, reads: () => reads };
}

describe('many listings at once', () => {
  for (const durability of ['os', 'fsync'] as const) {
    it(`${durability}: leave the event loop to others`, async () => {
      makeFiles('many', 2000, 200);
      const store = await value(openDiskStore(root, { durability }));
      const all = Promise.all(
        Array.from({ length: 60 }, () => value(store.list({ prefix: 'many/', limit: 1000 }))),
      );
      const began = performance.now();
      let turns = 0;
      let longest = 0;
      let isOver = false;
      const watching = (async () => {
        for (let last = performance.now(); !isOver; turns++) {
          await new Promise((resolve) => setImmediate(resolve));
          const now = performance.now();
          longest = Math.max(longest, now - last);
          last = now;
        }
      })();
      for (const { files } of await all) expect(files).toHaveLength(1000);
      isOver = true;
      await watching;
      expect(turns).toBeGreaterThan(60);
      // Without turns in between it is nearly all of the time; how long that is depends on the machine.
      expect(longest).toBeLessThan(Math.max(50, (performance.now() - began) / 4));
      await store.close();
    });
  }

  it('let through a few at a time, in order', async () => {
    const two = gate(2);
    const began: number[] = [];
    const ends: (() => void)[] = [];
    const all = Array.from({ length: 5 }, (_, i) =>
      run(
        two.through(
          (function* () {
            began.push(i);
            yield* wait((back) => ends.push(() => back(i === 1 ? new Error('fails') : null)));
          })(),
        ),
      ),
    );
    const outcomes = Promise.allSettled(all);
    expect(began).toEqual([0, 1]);
    for (let i = 0; i < 5; i++) {
      await expect.poll(() => ends.length).toBeGreaterThan(i);
      ends[i]?.();
      await Promise.resolve();
      expect(began).toEqual([0, 1, 2, 3, 4].slice(0, i + 3));
    }
    expect((await outcomes).map(({ status }) => status === 'fulfilled')).toEqual([
      true,
      false,
      true,
      true,
      true,
    ]);
  });
});

describe('page by page', () => {
  it('20,000 names are read once', async () => {
    makeFiles('large', 20_000, 10);
    await untilSettled('large');
    const { store, reads } = await countingStore();
    const names = await namesIn(store, 500, 'large/');
    expect(names).toHaveLength(20_000);
    expect(names).toEqual([...names].sort());
    // Once the root, which is small, for each page; and the folder itself.
    expect(reads()).toBe(40 + 1);
    await store.close();
  });

  it('what changes in between is seen', async () => {
    makeFiles('large', 1000, 10);
    await untilSettled('large');
    const { store, reads } = await countingStore();
    const after = 'large/0000000500';
    const next = async () => (await value(store.list({ prefix: 'large/', after, limit: 2 }))).files[0]?.name;
    expect(await next()).toBe('large/0000000501');
    expect(await next()).toBe('large/0000000501');
    expect(reads()).toBe(3);
    for (let i = 9; i > 0; i--) {
      await value(put(store, `large/0000000500.${i}`, 'x'));
      expect(await next()).toBe(`large/0000000500.${i}`);
    }
    for (let i = 1; i < 9; i++) {
      await value(store.remove(`large/0000000500.${i}`));
      expect(await next()).toBe(`large/0000000500.${i + 1}`);
    }
    await store.close();
  });
});
