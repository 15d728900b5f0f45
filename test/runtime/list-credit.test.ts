/** What lists cost: from when the store is asked until the page is written. */
import { firstValueFrom, Subject, toArray } from 'rxjs';
import { describe, expect, test, vi } from 'vitest';
import { createBudget } from '../../src/runtime/credit.ts';
import { defaultLimits, type Limits } from '../../src/runtime/limits.ts';
import { NAMES_MIN, takePage } from '../../src/runtime/list-credit.ts';
import { serve } from '../../src/server/serve.ts';
import type { ServerStats } from '../../src/server/stats.ts';
import { memoryStore } from '../../src/store/memory-store.ts';
import type { ListenEvent } from '../../src/transport/listen.ts';
import { memoryPair } from '../../src/transport/memory-pair.ts';
import { frame, peer } from '../support/peer.ts';

const KIB = 1024;
const FILE_BYTES = 1_000_000;

/** A store with so many empty files, and a large one. */
async function stored(count: number) {
  const store = memoryStore();
  const add = async (name: string, bytes: Uint8Array) => {
    const sink = await store.put(name, { size: bytes.length });
    if (!sink.ok) throw new Error(sink.error.message);
    await sink.value.write([bytes]);
    await sink.value.commit();
  };
  await add('large', new Uint8Array(FILE_BYTES));
  for (let i = 0; i < count; i++) await add(`f${i}`, new Uint8Array(0));
  return store;
}

async function served(limits: Partial<Limits>, files: number) {
  const connections$ = new Subject<ListenEvent>();
  let stats = (): ServerStats => expect.unreachable();
  const served$ = serve({
    connections$,
    store: await stored(files),
    limits: { ...defaultLimits, ...limits },
    stats: (read) => {
      stats = read;
    },
  });
  const over = firstValueFrom(served$.pipe(toArray()));
  return {
    connect: () => {
      const [theirs, ours] = memoryPair();
      connections$.next({ type: 'connection', connection: ours });
      return theirs;
    },
    unsettled: () => stats().unsettled,
    end: () => {
      connections$.complete();
      return over;
    },
  };
}

describe('a page of names', () => {
  test('is paid for while it waits behind a file that the peer does not read, and no longer', async () => {
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

  test('is not paid for any more once its peer is gone', async () => {
    const server = await served({}, 1000);
    const theirs = server.connect();
    theirs.write([frame({ cmd: 'get', filename: 'large' }), frame({ cmd: 'list' })], () => {});
    await vi.waitFor(() => expect(server.unsettled()).toBeGreaterThan(192 * KIB));
    theirs.destroy();
    await vi.waitFor(() => expect(server.unsettled()).toBe(0));
    await server.end();
  });

  test('is short while the budget is used up, and the next ones have the other names', async () => {
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

test('a page costs at most what 48 KiB of JSON are as objects, and a short one no more than the floor', () => {
  const window = createBudget({ high: 1000 * KIB, low: 500 * KIB }).window(
    { high: 1000 * KIB, low: 500 * KIB },
    () => {},
  );
  expect(takePage(window, 10)).toEqual({ names: 10, credit: 5 * KIB });
  expect(takePage(window, 1000)).toEqual({ names: 1000, credit: 192 * KIB });
  expect(window.unsettled()).toBe(197 * KIB);
  const other = createBudget({ high: 100 * KIB, low: 50 * KIB });
  const marks = { high: 100 * KIB, low: 50 * KIB };
  other.window(marks, () => {}).take(90 * KIB);
  expect(
    takePage(
      other.window(marks, () => {}),
      1000,
    ),
  ).toEqual({ names: NAMES_MIN, credit: 16 * KIB });
});
