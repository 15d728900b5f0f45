/** What lists cost: from when the store is asked until the page is written. */
import { describe, expect, test, vi } from 'vitest';
import { createBudget } from '../../../src/actor/bounds/credit.ts';
import { chargePage, NAMES_MIN } from '../../../src/files/effects/list-credit.ts';
import type { ServerLimits } from '../../../src/server/limits.ts';
import { memoryStore } from '../../../src/store/memory/memory-store.ts';
import { frame, peer } from '../../support/network/peer.ts';
import { fill, servedInMemory } from '../../support/sessions/served-in-memory.ts';

const KIB = 1024;
const FILE_BYTES = 1_000_000;

/** A server of so many empty files, and a large one. */
async function served(limits: Partial<ServerLimits>, files: number) {
  const store = memoryStore();
  await fill(store, 'large', new Uint8Array(FILE_BYTES));
  for (let i = 0; i < files; i++) await fill(store, `f${i}`, new Uint8Array(0));
  const server = servedInMemory(store, limits);
  return { ...server, unsettled: () => server.stats().unsettled };
}

describe('a page of names', () => {
  test('a page of names is paid for while it waits behind a file that the peer does not read, and no longer', async () => {
    const server = await served({}, 1000);
    const theirs = server.connect();
    const asks = [frame({ cmd: 'get', filename: 'large' }), frame({ cmd: 'list', limit: 100 })];
    theirs.write([asks[0] ?? new Uint8Array(0)], () => {});
    await vi.waitFor(() => expect(server.unsettled()).toBeGreaterThan(0));
    const before = server.unsettled();
    theirs.write([asks[1] ?? new Uint8Array(0)], () => {});
    await vi.waitFor(() => expect(server.unsettled() - before).toBeGreaterThan(100 * 512));
    const { replies } = peer(theirs);
    expect(await replies(2)).toMatchObject([{ ack: 'get' }, { ack: 'list' }]);
    await vi.waitFor(() => expect(server.unsettled()).toBe(0));
    theirs.end();
    await server.end();
  });

  test('a page of names is not paid for any more once its peer is gone', async () => {
    const server = await served({}, 1000);
    const theirs = server.connect();
    theirs.write([frame({ cmd: 'get', filename: 'large' }), frame({ cmd: 'list' })], () => {});
    await vi.waitFor(() => expect(server.unsettled()).toBeGreaterThan(192 * KIB));
    theirs.destroy();
    await vi.waitFor(() => expect(server.unsettled()).toBe(0));
    await server.end();
  });

  test('a page of names is short while the budget is used up, and the next ones have the other names', async () => {
    const budget = { high: 512 * KIB, low: 256 * KIB };
    const server = await served({ budget, headerBytes: 8 * KIB }, 100);
    const unread = Array.from({ length: 20 }, () => server.connect());
    for (const one of unread) {
      one.write([frame({ cmd: 'get', filename: 'large' }), frame({ cmd: 'list' })], () => {});
    }
    await vi.waitFor(() => expect(server.unsettled()).toBeGreaterThan(400 * KIB));
    const theirs = server.connect();
    const { send, headers$ } = peer(theirs);
    const names: string[] = [];
    const pages = new Promise<number>((resolve) => {
      let count = 0;
      headers$.subscribe(({ files, next }) => {
        const listed = (files as { name: string }[]).map(({ name }) => name);
        expect(listed.length).toBeLessThanOrEqual(NAMES_MIN);
        names.push(...listed);
        count++;
        if (next === undefined) resolve(count);
        else void send(frame({ cmd: 'list', after: String(next) }));
      });
    });
    await send(frame({ cmd: 'list' }));
    expect(await pages).toBe(Math.ceil(101 / NAMES_MIN));
    expect(new Set(names).size).toBe(101);
    for (const one of [theirs, ...unread]) one.destroy();
    await server.end();
  });
});

test('of lists that no peer reads, no more are made than a few pages hold', async () => {
  const server = await served({}, 1000);
  const theirs = server.connect();
  theirs.pause();
  theirs.write(
    Array.from({ length: 300 }, () => frame({ cmd: 'list' })),
    () => {},
  );
  await vi.waitFor(() => expect(server.stats().requests).toBeGreaterThan(1));
  for (let turns = 0; turns < 50; turns++) await new Promise(setImmediate);
  expect(server.stats().requests).toBeLessThan(10);
  theirs.resume();
  const pages = await peer(theirs).replies(300);
  expect(new Set(pages.map(({ files }) => (files as unknown[]).length)).size).toBe(1);
  theirs.destroy();
  await server.end();
});

test('a page costs at most what 48 KiB of JSON are as objects, and a short one no more than the floor', () => {
  const window = createBudget({ high: 1000 * KIB, low: 500 * KIB }).window(
    { high: 1000 * KIB, low: 500 * KIB },
    () => {},
  );
  expect(chargePage(window, 10)).toEqual({ names: 10, credit: 5 * KIB });
  expect(chargePage(window, 1000)).toEqual({ names: 1000, credit: 192 * KIB });
  expect(window.unsettled()).toBe(197 * KIB);
  const other = createBudget({ high: 100 * KIB, low: 50 * KIB });
  const marks = { high: 100 * KIB, low: 50 * KIB };
  other.window(marks, () => {}).charge(90 * KIB);
  expect(
    chargePage(
      other.window(marks, () => {}),
      1000,
    ),
  ).toEqual({ names: NAMES_MIN, credit: 16 * KIB });
});
