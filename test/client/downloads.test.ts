import { fc, test as property } from '@fast-check/vitest';
import { of } from 'rxjs';
import { describe, expect, test } from 'vitest';
import type { ClientFault } from '../../src/client/client-fault.ts';
import {
  createDownloads,
  type DownloadProgress,
  type Downloads,
  type DownloadTarget,
  type Fetched,
} from '../../src/client/downloads.ts';
import type { LanesOptions, Retry } from '../../src/client/lanes.ts';
import type { Store } from '../../src/store/contract.ts';
import { crc32 } from '../../src/store/crc32.ts';
import type { MemoryStore } from '../../src/store/memory-store.ts';
import { memoryPair } from '../../src/transport/memory-pair.ts';
import { pattern } from '../transport/connection-helpers.ts';
import { type FlakyOptions, flaky } from './flaky.ts';

function world(options: FlakyOptions = {}, given: Partial<LanesOptions> = {}) {
  const net = flaky(options);
  const downloads = createDownloads({ connect: net.connect, crc32, backoff: { base: 0 }, ...given });
  const retries: Retry[] = [];
  downloads.retries$.subscribe((retry) => retries.push(retry));
  return { net, downloads, retries };
}

async function store(store: Store, name: string, bytes: Uint8Array, mtime = 5): Promise<void> {
  const sink = await store.put(name, { size: bytes.length, mtime });
  if (!sink.ok) throw new Error(sink.error.message);
  await sink.value.write([bytes]);
  await sink.value.commit();
}

/** A target that keeps what it is given. */
function target(kept: Fetched | null = null, before: Uint8Array = new Uint8Array(0)) {
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
const served = (net: ReturnType<typeof flaky>, cmd: string) =>
  net.events.filter((event) => event.type === 'served' && event.cmd === cmd).length;

/** A store whose CRC-32s are wrong, the first so many times that a file is opened. */
const wrong = (times: number) => (store: MemoryStore) => {
  let left = times;
  const open: Store['open'] = async (name) => {
    const opened = await store.open(name);
    if (!opened.ok || left-- <= 0) return opened;
    const { read, close } = opened.value;
    return { ok: true, value: { ...opened.value, crc32: 1, read, close } };
  };
  return new Proxy(store, { get: (it, key) => (key === 'open' ? open : it[key as keyof Store]) }) as Store;
};

describe('connections that break', () => {
  test('it goes on behind the last byte that came', async () => {
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

  test('a file that changed meanwhile is fetched from its start', async () => {
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

  test('one that is gone meanwhile is told', async () => {
    const { net, downloads } = world({ plan: (n) => (n === 0 ? { down: 500_000 } : {}) });
    await store(net.store, 'a', pattern(1_000_000));
    downloads.retries$.subscribe(() => net.store.remove('a'));
    const { fault } = await outcome(downloads, 'a', target().it);
    expect(fault).toMatchObject({ type: 'refused', error: { code: 'not-found' } });
  });

  test('it gives up after so many further tries that brought nothing', async () => {
    const { net, downloads, retries } = world({ plan: () => ({ down: 10 }) }, { retries: 2 });
    await store(net.store, 'a', pattern(1000));
    const { fault } = await outcome(downloads, 'a', target().it);
    expect(fault).toMatchObject({ type: 'connection', sent: true });
    expect(retries.length).toBe(2);
    expect(net.made.length).toBe(3);
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
    { numRuns: 40 },
  )('wherever they break, what is written is the file', async (cuts, sizes, parallel) => {
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
    expect(net.store.sources).toBe(0);
  });
});

describe('what there is from an earlier run', () => {
  const bytes = pattern(800_000);
  const state = { size: 800_000, mtime: 5, crc32: crc32(bytes, 0) };
  const keptOf = (from: Uint8Array, offset: number, file: Fetched['file'] = state): [Fetched, Uint8Array] => {
    const part = from.subarray(0, offset);
    return [{ offset, crc32: crc32(part, 0), file }, part];
  };

  test.each([
    ['some of it', 300_000, state],
    ['all of it', 800_000, state],
    ['some, and its CRC-32 is not known', 300_000, { size: 800_000, mtime: 5 }],
  ])('is gone on with: %s', async (_, offset, file) => {
    const { net, downloads } = world();
    await store(net.store, 'a', bytes);
    const to = target(...keptOf(bytes, offset, file));
    expect((await outcome(downloads, 'a', to.it)).fault).toBeNull();
    expect(to.begun).toEqual([offset]);
    expect(same(to.bytes(), bytes)).toBe(true);
  });

  test.each([
    ['another size', { ...state, size: 900_000 }],
    ['another time', { ...state, mtime: 6 }],
    ['another CRC-32', { ...state, crc32: 7 }],
  ])('is left if the file has %s', async (_, file) => {
    const { net, downloads } = world();
    await store(net.store, 'a', bytes);
    const to = target(...keptOf(pattern(800_000, 3), 300_000, file));
    expect((await outcome(downloads, 'a', to.it)).fault).toBeNull();
    expect(to.begun).toEqual([0]);
    expect(same(to.bytes(), bytes)).toBe(true);
    expect(served(net, 'get')).toBe(1);
  });

  test('that turns out to be wrong is fetched from the start', async () => {
    const { net, downloads } = world();
    await store(net.store, 'a', bytes);
    const to = target(...keptOf(pattern(800_000, 3), 300_000));
    expect((await outcome(downloads, 'a', to.it)).fault).toBeNull();
    expect(to.begun).toEqual([300_000, 0]);
    expect(same(to.bytes(), bytes)).toBe(true);
  });

  test('and of a file that became shorter just after it was looked at', async () => {
    let left = 1;
    const around = (it: MemoryStore) => {
      const stat: Store['stat'] = async (name) => {
        const found = await it.stat(name);
        if (left-- > 0) await store(it, 'a', pattern(1000));
        return found;
      };
      return new Proxy(it, { get: (it, key) => (key === 'stat' ? stat : it[key as keyof Store]) }) as Store;
    };
    const { net, downloads } = world({ around });
    await store(net.store, 'a', bytes);
    const to = target(...keptOf(bytes, 300_000));
    expect((await outcome(downloads, 'a', to.it)).fault).toBeNull();
    expect(same(to.bytes(), pattern(1000))).toBe(true);
  });
});

describe('what does not have the CRC-32 of the server', () => {
  test('is fetched once more', async () => {
    const { net, downloads } = world({ around: wrong(1) });
    await store(net.store, 'a', pattern(300_000));
    const to = target();
    expect((await outcome(downloads, 'a', to.it)).fault).toBeNull();
    expect(to.begun).toEqual([0, 0]);
    expect(same(to.bytes(), pattern(300_000))).toBe(true);
  });

  test('and then is a mismatch, which the others do not notice', async () => {
    const { net, downloads, retries } = world({ around: wrong(2) });
    await store(net.store, 'a', pattern(300_000));
    await store(net.store, 'b', pattern(1000));
    const to = target();
    const { fault } = await outcome(downloads, 'a', to.it);
    expect(fault).toMatchObject({ type: 'mismatch', message: expect.stringContaining('00000001') });
    expect(to.begun).toEqual([0, 0]);
    expect((await outcome(downloads, 'b', target().it)).fault).toBeNull();
    expect(retries).toEqual([]);
    expect(net.made.length).toBe(1);
  });
});

describe('a target', () => {
  test.each(['kept', 'begin', 'write'] as const)(
    'that throws in %s ends its own download, with that',
    async (where) => {
      const { net, downloads } = world();
      await store(net.store, 'a', pattern(300_000));
      await store(net.store, 'b', pattern(300_000));
      const thrown = new Error('no room');
      const throwing = () => {
        throw thrown;
      };
      const [{ fault }, other] = await Promise.all([
        outcome(downloads, 'a', { ...target().it, [where]: throwing }),
        outcome(downloads, 'b', target().it),
      ]);
      expect(fault).toEqual({ type: 'content', message: 'no room', thrown });
      expect(other.fault).toBeNull();
      expect(net.made.length).toBe(1);
      downloads.end();
      await expect.poll(net.open).toBe(0);
    },
  );

  test('that is slow holds the server back by pausing', async () => {
    const { net, downloads } = world();
    const bytes = pattern(2_000_000);
    await store(net.store, 'a', bytes);
    const to = target();
    let paused = 0;
    let resume = () => {};
    const slow: DownloadTarget = {
      ...to.it,
      begin: (download) => {
        to.it.begin(download);
        resume = download.resume;
        pause = download.pause;
      },
      write: (more) => {
        to.it.write(more);
        paused++;
        pause();
        setImmediate(resume);
      },
    };
    let pause = () => {};
    expect((await outcome(downloads, 'a', slow)).fault).toBeNull();
    expect(paused).toBeGreaterThan(5);
    expect(same(to.bytes(), bytes)).toBe(true);
  });
});

describe('giving up', () => {
  test('at any moment writes nothing more, and the others go on, on the same connection', async () => {
    for (const when of [0, 1, 2, 3]) {
      const { net, downloads } = world();
      for (const name of ['a', 'b']) await store(net.store, name, pattern(1_000_000));
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

  test('destroy fails what is under way', async () => {
    const { net, downloads } = world({}, { parallel: 2 });
    for (const name of ['a', 'b', 'c']) await store(net.store, name, pattern(1_000_000));
    const all = await Promise.all(
      ['a', 'b', 'c'].map((name) =>
        outcome(downloads, name, { begin: () => {}, write: () => downloads.destroy() }),
      ),
    );
    for (const { fault } of all)
      expect(fault).toMatchObject({ type: 'connection', fault: { code: 'destroyed' } });
    await expect.poll(net.open).toBe(0);
  });

  test('a server that says nothing is a broken connection', async () => {
    let made = 0;
    const connect = () => {
      made++;
      const [here, there] = memoryPair();
      there.chunks$.subscribe({ error: () => {} });
      return of(here);
    };
    const downloads = createDownloads({ connect, timeout: 20, retries: 1, backoff: { base: 0 } });
    const { fault } = await outcome(downloads, 'a', target().it);
    expect(fault).toMatchObject({ type: 'connection', fault: { code: 'timeout' } });
    expect(made).toBe(2);
  });
});
