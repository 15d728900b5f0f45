/** Downloads over connections that break wherever they like, and that are given up at any moment. */
import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import type { ClientFault } from '../../../src/client/client-fault.ts';
import type { ConnectionPoolOptions, Retry } from '../../../src/client/pool/pool-options.ts';
import type {
  DownloadProgress,
  DownloadTarget,
  PartialDownload,
} from '../../../src/client/transfers/download-target.ts';
import { createDownloads, type Downloads } from '../../../src/client/transfers/downloads.ts';
import type { FileStore } from '../../../src/store/contract.ts';
import { crc32 } from '../../../src/store/crc32.ts';
import type { MemoryStore } from '../../../src/store/memory/memory-store.ts';
import { cases } from '../../support/random/cases.ts';
import { pattern } from '../../transport/connection-helpers.ts';
import { type FlakyOptions, flaky } from '../flaky.ts';

function world(options: FlakyOptions = {}, given: Partial<ConnectionPoolOptions> = {}) {
  const net = flaky(options);
  const downloads = createDownloads({ connect: net.connect, backoff: { initial: 0 }, ...given });
  const retries: Retry[] = [];
  downloads.retries$.subscribe((retry) => retries.push(retry));
  return { net, downloads, retries };
}

async function store(store: FileStore, name: string, bytes: Uint8Array, mtime = 5): Promise<void> {
  const sink = await store.put(name, { size: bytes.length, mtime });
  if (!sink.ok) throw new Error(sink.error.message);
  await sink.value.write([bytes]);
  await sink.value.commit();
}

/** A target that keeps what it is given. */
function target(kept: PartialDownload | null = null, before: Uint8Array = new Uint8Array(0)) {
  let bytes = Buffer.from(before);
  const begun: number[] = [];
  const it: DownloadTarget = {
    kept: () => kept,
    begin: ({ offset }) => {
      begun.push(offset);
      // Bytes go on exactly where they have ended.
      if (offset === 0) bytes = Buffer.alloc(0);
      else expect(offset).toBe(bytes.length);
    },
    write: (more) => {
      bytes = Buffer.concat([bytes, more]);
    },
  };
  return { it, begun, bytes: () => bytes };
}

const outcome = (downloads: Downloads, name: string, it: DownloadTarget, size?: number) =>
  new Promise<{ events: DownloadProgress[]; fault: ClientFault | null }>((resolve) => {
    const events: DownloadProgress[] = [];
    downloads.fetch(name, it, size).subscribe({
      next: (event) => events.push(event),
      error: (fault) => resolve({ events, fault }),
      complete: () => resolve({ events, fault: null }),
    });
  });

const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;

describe('connections that break', () => {
  test('a download goes on behind the last byte that arrived when its connection breaks', async () => {
    const { net, downloads, retries } = world({ plan: (n) => (n < 3 ? { down: 300_000 } : {}) });
    const bytes = pattern(1_000_000);
    await store(net.store, 'a', bytes);
    const to = target();
    const { events, fault } = await outcome(downloads, 'a', to.it);
    expect(fault).toBeNull();
    expect(same(to.bytes(), bytes)).toBe(true);
    expect(to.begun.length).toBe(4);
    expect(to.begun[0]).toBe(0);
    expect(to.begun[3]).toBeGreaterThan(850_000);
    const received = events.map(({ received }) => received);
    expect(received).toEqual(received.toSorted((a, b) => a - b));
    expect(events.at(-1)).toEqual({ received: 1_000_000, total: 1_000_000 });
    expect(retries.length).toBe(3);
    // Each achieved something.
    expect(retries.every(({ attempt }) => attempt === 1)).toBe(true);
  });

  test('a file that changed between two tries is fetched from its start', async () => {
    for (const [size, mtime] of [
      [1_000_000, 6],
      [200_000, 5],
      [1_500_000, 5],
    ] as const) {
      const { net, downloads } = world({ plan: (n) => (n === 0 ? { down: 500_000 } : {}) });
      await store(net.store, 'a', pattern(1_000_000));
      const then = pattern(size, 9);
      downloads.retries$.subscribe(() => store(net.store, 'a', then, mtime));
      const to = target();
      const { fault } = await outcome(downloads, 'a', to.it);
      expect(fault).toBeNull();
      expect(to.begun).toEqual([0, 0]);
      expect(same(to.bytes(), then)).toBe(true);
    }
  });

  test('a file that became shorter just after its stat is fetched from its start', async () => {
    let left = 1;
    const around = (it: MemoryStore) => {
      const stat: FileStore['stat'] = async (name) => {
        const found = await it.stat(name);
        if (left-- > 0) await store(it, 'a', pattern(1000));
        return found;
      };
      return new Proxy(it, {
        get: (it, key) => (key === 'stat' ? stat : it[key as keyof FileStore]),
      }) as FileStore;
    };
    const { net, downloads } = world({ around });
    const bytes = pattern(800_000);
    await store(net.store, 'a', bytes);
    const part = bytes.subarray(0, 300_000);
    const kept = { offset: 300_000, crc32: crc32(part, 0), file: { size: 800_000, mtime: 5 } };
    const to = target(kept, part);
    expect((await outcome(downloads, 'a', to.it)).fault).toBeNull();
    expect(same(to.bytes(), pattern(1000))).toBe(true);
  });

  test('a file that is removed between two tries is reported', async () => {
    const { net, downloads } = world({ plan: (n) => (n === 0 ? { down: 500_000 } : {}) });
    await store(net.store, 'a', pattern(1_000_000));
    downloads.retries$.subscribe(() => net.store.remove('a'));
    const { fault } = await outcome(downloads, 'a', target().it);
    expect(fault).toMatchObject({ code: 'refused', error: { code: 'not-found' } });
  });

  const cut = fc.oneof(
    fc.constant({ refuse: true }),
    fc.record({ up: fc.nat(200) }),
    fc.record({ down: fc.nat(400_000) }),
    fc.record({ down: fc.nat(300) }),
  );
  property.prop(
    [
      fc.array(cut, { maxLength: 5 }),
      fc.array(fc.oneof(fc.nat(10), fc.nat(700_000)), { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 3 }),
    ],
    { numRuns: cases(40) },
  )(
    'wherever connections break, the bytes that are written are those of the file',
    async (cuts, sizes, parallel) => {
      const { net, downloads } = world({ plan: (n) => cuts[n] }, { retries: 6, parallel });
      await Promise.all(
        sizes.map(async (size, i) => {
          const bytes = pattern(size, i);
          await store(net.store, `f${i}`, bytes);
          const to = target();
          const { events, fault } = await outcome(downloads, `f${i}`, to.it, i % 2 === 0 ? 1e9 : size);
          expect(fault).toBeNull();
          expect(same(to.bytes(), bytes)).toBe(true);
          for (const { received, total } of events) expect(received).toBeLessThanOrEqual(total);
        }),
      );
      expect(net.mostOpen()).toBeLessThanOrEqual(parallel);
      downloads.end();
      await expect.poll(net.open).toBe(0);
      // The server closes the file when it has found its connection broken, which may be after the client has closed.
      await expect.poll(() => net.store.sources).toBe(0);
    },
  );
});

describe('giving up', () => {
  test('a download given up at any moment writes nothing more, and the others go on, on the same connection', async () => {
    for (const when of [0, 1, 2, 3]) {
      const { net, downloads } = world();
      for (const name of ['a', 'b']) await store(net.store, name, pattern(3_000_000));
      const others = outcome(downloads, 'b', target().it);
      let writes = 0;
      const fetching = downloads
        .fetch('a', {
          begin: () => {},
          write: () => {
            expect(fetching.closed).toBe(false);
            if (++writes === when) fetching.unsubscribe();
          },
        })
        .subscribe();
      if (when === 0) fetching.unsubscribe();
      expect((await others).fault).toBeNull();
      expect((await outcome(downloads, 'b', target().it)).fault).toBeNull();
      expect(writes).toBe(when);
      expect(net.made.length).toBe(1);
      downloads.end();
      await expect.poll(net.open).toBe(0);
    }
  });

  test('destroy fails the unfinished downloads', async () => {
    const { net, downloads } = world({}, { parallel: 2 });
    for (const name of ['a', 'b', 'c']) await store(net.store, name, pattern(1_000_000));
    const all = await Promise.all(
      ['a', 'b', 'c'].map((name) =>
        outcome(downloads, name, { begin: () => {}, write: () => downloads.destroy() }),
      ),
    );
    for (const { fault } of all)
      expect(fault).toMatchObject({ code: 'connection', cause: { code: 'destroyed' } });
    await expect.poll(net.open).toBe(0);
  });
});
