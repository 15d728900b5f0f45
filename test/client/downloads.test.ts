/** Downloads over connections that break, against a real server in memory and against one that a test plays. */
import { fc, test as property } from '@fast-check/vitest';
import { lastValueFrom, type Observable, Subject, takeUntil, tap } from 'rxjs';
import { describe, expect, test } from 'vitest';
import {
  createDownloads,
  type DownloadEvent,
  type DownloadsOptions,
  type Had,
} from '../../src/client/downloads.ts';
import { crc32 } from '../../src/store/crc32.ts';
import { memoryStore } from '../../src/store/memory-store.ts';
import { type CutOptions, cuttingLink } from '../support/cutting-link.ts';
import { type Answer, type Asked, scripted } from '../support/scripted.ts';
import { pattern } from '../transport/connection-helpers.ts';

async function storeWith(files: Readonly<Record<string, Uint8Array>>) {
  const store = memoryStore();
  for (const [name, bytes] of Object.entries(files)) {
    const sink = await store.put(name, { size: bytes.length, mtime: 5 });
    if (!sink.ok) throw new Error(sink.error.message);
    await sink.value.write([bytes]);
    await sink.value.commit();
  }
  return store;
}

function downloading(cut: CutOptions, options: Partial<DownloadsOptions> = {}) {
  const link = cuttingLink(cut);
  return {
    ...link,
    downloads: createDownloads({ connect: link.connect, crc32, backoff: { base: 1, most: 1 }, ...options }),
  };
}

/** What whoever takes a download has in the end: what came since it last began, behind what was there before. */
async function taken(download$: Observable<DownloadEvent>, before = Buffer.alloc(0)) {
  let bytes = before;
  const begun: number[] = [];
  const last = await lastValueFrom(
    download$.pipe(
      tap((event) => {
        if (event.type === 'begin') {
          begun.push(event.offset);
          bytes = bytes.subarray(0, event.offset);
        } else if (event.type === 'bytes') bytes = Buffer.concat([bytes, event.bytes]);
      }),
    ),
  ).catch((fault) => fault);
  return { bytes, begun, last };
}

property.prop(
  [fc.integer({ min: 0, max: 300_000 }), fc.array(fc.integer({ min: 0, max: 200_000 }), { maxLength: 6 })],
  { numRuns: 50 },
)(
  'whatever the bytes after which the answers break off, what comes is the file, once',
  async (size, cuts) => {
    const bytes = pattern(size);
    const { downloads } = downloading(
      { answerCuts: cuts, store: await storeWith({ a: bytes }) },
      { retries: 10 },
    );
    const got = await taken(downloads.download('a'));
    expect(got.last).toMatchObject({ type: 'received', crc32: crc32(bytes), version: { size, mtime: 5 } });
    expect(Buffer.compare(got.bytes, bytes)).toBe(0);
    expect(got.begun).toEqual([0]);
    downloads.destroy();
  },
);

test('many files over several connections all come', async () => {
  const files = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`f${i}`, pattern(i * 700, i)]));
  const { downloads } = downloading(
    { answerCuts: [5000, 100, 70_000], store: await storeWith(files) },
    { parallel: 3, window: 4 },
  );
  const got = await Promise.all(Object.keys(files).map((name) => taken(downloads.download(name))));
  for (const [i, bytes] of Object.values(files).entries())
    expect(Buffer.compare(got[i]!.bytes, bytes)).toBe(0);
});

describe('what is at hand from before', () => {
  const bytes = pattern(50_000);
  const had = (offset: number, facts: Partial<Had> = {}): Had => ({
    size: 50_000,
    mtime: 5,
    offset,
    crc32Before: crc32(bytes.subarray(0, offset)),
    ...facts,
  });

  test.each([1, 20_000, 49_999, 50_000])('is not fetched again: %i bytes', async (offset) => {
    const { downloads } = downloading({ store: await storeWith({ a: bytes }) });
    const got = await taken(downloads.download('a', had(offset)), Buffer.from(bytes.subarray(0, offset)));
    expect(got.begun).toEqual([offset]);
    expect(got.last).toMatchObject({ type: 'received', crc32: crc32(bytes) });
    expect(Buffer.compare(got.bytes, bytes)).toBe(0);
  });

  test.each([
    ['size', { size: 60_000 }],
    ['modification time', { mtime: 6 }],
  ])('is of no use when the file has another %s', async (_, facts) => {
    const { downloads } = downloading({ store: await storeWith({ a: bytes }) });
    const got = await taken(downloads.download('a', had(20_000, facts)), Buffer.alloc(20_000));
    expect(got.begun).toEqual([0]);
    expect(Buffer.compare(got.bytes, bytes)).toBe(0);
  });
});

describe('the CRC-32 that the server tells', () => {
  const bytes = pattern(1000);
  /** A server of one file, which sends what it is told to. */
  const sending = (bodies: readonly Uint8Array[], told = crc32(bytes)) => {
    let gets = 0;
    const server = scripted(({ header }: Asked): Answer => {
      const file = { filename: 'a', size: 1000, mtime: 5, crc32: told };
      if (header.cmd === 'stat') return { ack: 'stat', ...file };
      const offset = (header.offset ?? 0) as number;
      const body = bodies[Math.min(gets++, bodies.length - 1)]!.subarray(offset);
      return [{ ack: 'get', ...file, offset, body: body.length }, body];
    });
    return { ...server, downloads: createDownloads({ connect: server.connect, crc32 }) };
  };
  const wrong = pattern(1000, 1);

  test('is that of what came', async () => {
    const got = await taken(sending([bytes]).downloads.download('a'));
    expect(got.last).toMatchObject({ type: 'received', verified: true, version: { crc32: crc32(bytes) } });
  });

  test('is not: all is fetched once more', async () => {
    const got = await taken(sending([wrong, bytes]).downloads.download('a'));
    expect(got.begun).toEqual([0, 0]);
    expect(got.last).toMatchObject({ type: 'received', verified: true });
    expect(Buffer.compare(got.bytes, bytes)).toBe(0);
  });

  test('is not, twice: nothing helps', async () => {
    const { downloads, asked } = sending([wrong]);
    expect((await taken(downloads.download('a'))).last).toMatchObject({ type: 'mismatch' });
    expect(asked.length).toBe(2);
  });

  test('tells that what was at hand was spoiled', async () => {
    const { downloads } = sending([bytes]);
    const spoiled = { size: 1000, mtime: 5, offset: 400, crc32Before: crc32(wrong.subarray(0, 400)) };
    const got = await taken(downloads.download('a', spoiled), Buffer.from(wrong.subarray(0, 400)));
    expect(got.begun).toEqual([400, 0]);
    expect(Buffer.compare(got.bytes, bytes)).toBe(0);
  });
});

test('a file that is replaced between two tries begins anew', async () => {
  const first = pattern(300_000);
  const second = pattern(300_000, 1);
  const store = await storeWith({ a: first });
  const { downloads, made$ } = downloading({ answerCuts: [200_000], store });
  let made = 0;
  made$.subscribe(() => {
    if (++made !== 2) return;
    const sink = store.put('a', { size: second.length, mtime: 6 });
    if (sink instanceof Promise || !sink.ok) throw new Error('not at once');
    sink.value.write([second]);
    sink.value.commit();
  });
  const got = await taken(downloads.download('a'));
  expect(got.begun).toEqual([0, 0]);
  expect(Buffer.compare(got.bytes, second)).toBe(0);
});

test('a refusal is final', async () => {
  const { downloads } = downloading({ store: memoryStore() });
  expect((await taken(downloads.download('none'))).last).toMatchObject({ error: { code: 'not-found' } });
});

test('pausing stops what comes, over a break too', async () => {
  const bytes = pattern(3_000_000);
  const { downloads } = downloading({ answerCuts: [1_000_000], store: await storeWith({ a: bytes }) });
  let received = 0;
  let stopped = 0;
  const got = await taken(
    downloads.download('a').pipe(
      tap((event) => {
        if (event.type === 'begin') {
          event.pause();
          setImmediate(function again() {
            stopped++;
            event.resume();
            if (received < bytes.length) {
              setImmediate(() => {
                event.pause();
                setImmediate(again);
              });
            }
          });
        } else if (event.type === 'bytes') received += event.bytes.length;
      }),
    ),
  );
  expect(stopped).toBeGreaterThan(0);
  expect(Buffer.compare(got.bytes, bytes)).toBe(0);
});

test('a download that is given up does not stop the others', async () => {
  const { downloads } = downloading({ store: await storeWith({ a: pattern(2_000_000), b: pattern(10) }) });
  const stop$ = new Subject<void>();
  const given = lastValueFrom(
    downloads.download('a').pipe(
      tap(({ type }) => type === 'bytes' && stop$.next()),
      takeUntil(stop$),
    ),
    { defaultValue: null },
  );
  const other = taken(downloads.download('b'));
  await given;
  expect((await other).bytes.length).toBe(10);
});

test('a question is asked again when its connection breaks', async () => {
  const server = scripted(({ connection }) => (connection === 0 ? 'break' : { ack: 'ping' }));
  const downloads = createDownloads({ connect: server.connect, backoff: { base: 1 } });
  const ping = (client: { ping: () => Observable<never> }) =>
    lastValueFrom(client.ping(), { defaultValue: 'pong' });
  expect(await lastValueFrom(downloads.ask(ping))).toBe('pong');
  expect(server.connections()).toBe(2);
});
