import { firstValueFrom, lastValueFrom, mergeMap, reduce, toArray } from 'rxjs';
import { describe, expect, test } from 'vitest';
import type { Content } from '../../src/client/content/content.ts';
import { bytesContent } from '../../src/client/content/content.ts';
import type { MemoryStore } from '../../src/store/memory/memory-store.ts';
import { pattern } from '../transport/connection-helpers.ts';
import { served } from './served.ts';

const fetched = (client: ReturnType<typeof served>['client'], name: string, range = {}) =>
  lastValueFrom(
    client.get(name, range).pipe(
      mergeMap(({ bytes$ }) => bytes$),
      reduce((all, bytes) => Buffer.concat([all, bytes]), Buffer.alloc(0)),
    ),
  );

/** How a request ended: the fault, or null. */
const fault = (result: Promise<unknown>) =>
  result.then(
    () => null,
    (thrown) => thrown,
  );

describe('a client of a server', () => {
  test("a client stores content, reports progress, and ends with the server's ack", async () => {
    const { client, store } = served();
    const bytes = pattern(700_000);
    const events = await lastValueFrom(client.put('a', bytesContent(bytes), { mtime: 5 }).pipe(toArray()));
    expect(events.at(-1)).toMatchObject({ type: 'stored', filename: 'a', size: 700_000, durable: false });
    const progress = events.filter((event) => event.type === 'progress').map(({ sent }) => sent);
    expect(progress.length).toBeGreaterThan(2);
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
    expect(progress.at(-1)).toBe(700_000);
    const stored = (store as MemoryStore).contents.get('a');
    expect(stored?.mtime).toBe(5);
    expect(Buffer.compare(stored!.bytes, bytes)).toBe(0);
  });

  test('a client gets back the files it put, whole and in part, empty files too', async () => {
    const { client } = served();
    const bytes = pattern(300_000);
    await lastValueFrom(client.put('a', bytesContent(bytes)));
    await lastValueFrom(client.put('empty', bytesContent(new Uint8Array(0))));
    expect(Buffer.compare(await fetched(client, 'a'), bytes)).toBe(0);
    const part = await fetched(client, 'a', { offset: 100_000, length: 5 });
    expect(Buffer.compare(part, bytes.subarray(100_000, 100_005))).toBe(0);
    expect((await fetched(client, 'empty')).length).toBe(0);
  });

  test('a client pipelines more requests than its window, and matches every answer', async () => {
    const { client } = served({ window: 7 });
    const sizes = Array.from({ length: 500 }, (_, i) => (i * 7919) % 3000);
    const stored = await Promise.all(
      sizes.map((size, i) => lastValueFrom(client.put(`f${i}`, bytesContent(pattern(size, i))))),
    );
    expect(stored.map((event) => (event.type === 'stored' ? event.size : null))).toEqual(sizes);
    const infos = await Promise.all(sizes.map((_, i) => firstValueFrom(client.stat(`f${i}`))));
    expect(infos.map(({ size }) => size)).toEqual(sizes);
  });

  test('a client lists every page', async () => {
    const { client } = served();
    const names = Array.from({ length: 1203 }, (_, i) => `d/${String(i).padStart(4, '0')}`);
    await Promise.all(names.map((name) => lastValueFrom(client.put(name, bytesContent(new Uint8Array(1))))));
    await lastValueFrom(client.put('other', bytesContent(new Uint8Array(1))));
    const listed = await lastValueFrom(client.list({ prefix: 'd/' }).pipe(toArray()));
    expect(listed.map(({ name }) => name)).toEqual(names);
    const after = await lastValueFrom(client.list({ prefix: 'd/', after: 'd/1200' }).pipe(toArray()));
    expect(after.map(({ name }) => name)).toEqual(['d/1201', 'd/1202']);
    expect((await firstValueFrom(client.page({ limit: 2 }))).next).toBe('d/0001');
  });

  test('a client removes, moves and pings', async () => {
    const { client } = served();
    const put = (name: string) => lastValueFrom(client.put(name, bytesContent(pattern(3)), { mtime: 9 }));
    await put('a');
    await put('b');
    expect(await fault(firstValueFrom(client.rename('a', 'b', { ifAbsent: true })))).toMatchObject({
      code: 'refused',
      error: { code: 'exists' },
    });
    expect(await firstValueFrom(client.rename('a', 'c'))).toEqual({ name: 'c', size: 3, mtime: 9 });
    expect(await lastValueFrom(client.delete('c').pipe(toArray()))).toEqual([]);
    expect(await fault(lastValueFrom(client.delete('c')))).toMatchObject({ error: { code: 'not-found' } });
    expect(await lastValueFrom(client.ping().pipe(toArray()))).toEqual([]);
    expect(await firstValueFrom(client.request({ cmd: 'stat', filename: 'b' }))).toMatchObject({ size: 3 });
  });

  test('a refusal reaches the client as a value, and the requests around it are served', async () => {
    const { client } = served();
    const results = await Promise.all([
      fault(lastValueFrom(client.put('a', bytesContent(pattern(10))))),
      fault(lastValueFrom(client.put('../x', bytesContent(pattern(10))))),
      fault(lastValueFrom(client.put('b', bytesContent(pattern(10))))),
    ]);
    expect(results[1]).toMatchObject({ code: 'refused', error: { code: 'bad-filename', field: 'filename' } });
    expect([results[0], results[2]]).toEqual([null, null]);
  });

  test('a request whose name is too long for a header is not sent', async () => {
    const { client } = served();
    const long = fault(firstValueFrom(client.stat('x'.repeat(70_000))));
    const next = firstValueFrom(client.request({ cmd: 'ping' }));
    expect(await long).toMatchObject({ code: 'unsendable' });
    expect(await next).toMatchObject({ ack: 'ping' });
  });

  test('a client ends in good order once every request is answered', async () => {
    const { client, store } = served();
    const put = lastValueFrom(client.put('a', async () => bytesContent(pattern(100_000))));
    client.end();
    expect(await firstValueFrom(client.closed$)).toBe(null);
    expect(await put).toMatchObject({ type: 'stored' });
    expect(await store.stat('a')).toMatchObject({ ok: true });
    expect(await fault(lastValueFrom(client.ping(), { defaultValue: 0 }))).toMatchObject({
      code: 'connection',
      sent: false,
    });
  });
});

describe('content that cannot be sent as promised', () => {
  const failing = (size: number, from: number): Content => ({
    size,
    read: async (offset, into) => {
      if (offset >= from) throw new Error('the disk is gone');
      const until = Math.min(into.length, from - offset);
      into.fill(1, 0, until);
      return until;
    },
  });

  test('a put whose content fails before any byte has left is withdrawn, and the connection goes on', async () => {
    const { client, store } = served();
    const results = await Promise.all([
      fault(lastValueFrom(client.put('before', bytesContent(pattern(100))))),
      fault(lastValueFrom(client.put('bad', failing(1000, 500)))),
      fault(lastValueFrom(client.put('short', { size: 10, read: () => 0 }))),
      fault(
        lastValueFrom(
          client.put('unopened', () => {
            throw new Error('ENOENT');
          }),
        ),
      ),
      fault(lastValueFrom(client.put('after', bytesContent(pattern(100))))),
    ]);
    expect(results.map((it) => it?.code ?? null)).toEqual([null, 'content', 'content', 'content', null]);
    expect(results[1].message).toBe('the disk is gone');
    expect([...(store as MemoryStore).contents.keys()]).toEqual(['before', 'after']);
  });

  test('a put whose content fails in its middle drops the connection: earlier requests are answered, and nothing of it is stored', async () => {
    const { client, store } = served();
    const results = await Promise.all([
      fault(lastValueFrom(client.put('before', bytesContent(pattern(100))))),
      fault(lastValueFrom(client.put('bad', failing(2_000_000, 1_000_000)))),
      fault(lastValueFrom(client.put('after', bytesContent(pattern(100))))),
    ]);
    expect(results[0]).toBe(null);
    expect(results[1]).toMatchObject({ code: 'content', message: 'the disk is gone' });
    expect(results[2]).toMatchObject({ code: 'connection', cause: { code: 'destroyed' }, sent: false });
    await firstValueFrom(client.closed$);
    expect([...(store as MemoryStore).contents.keys()]).toEqual(['before']);
  });

  test('every opened content is closed once, whatever happens', async () => {
    const { client } = served();
    let open = 0;
    const counted = (content: Content) => () => {
      open++;
      return { ...content, close: () => open-- };
    };
    await Promise.all([
      fault(lastValueFrom(client.put('a', counted(bytesContent(pattern(10)))))),
      fault(lastValueFrom(client.put('../b', counted(bytesContent(pattern(10)))))),
      fault(lastValueFrom(client.put('c', counted(failing(1000, 500))))),
      fault(lastValueFrom(client.put('d', counted(failing(3_000_000, 1_000_000))))),
      fault(lastValueFrom(client.put('e', counted(bytesContent(pattern(10)))))),
    ]);
    expect(open).toBe(0);
  });
});

describe('a put that is refused while it is being sent', () => {
  test('a put that is refused with little left sends zeros, which keep the framing, and the next requests are served', async () => {
    const { client, store } = served();
    let read = 0;
    const content: Content = {
      size: 900_000,
      read: async (_, into) => {
        // Slow enough for the refusal to come first.
        await new Promise((resolve) => setImmediate(resolve));
        read += into.length;
        return into.length;
      },
    };
    const refused = fault(lastValueFrom(client.put('../x', content)));
    const after = fault(lastValueFrom(client.put('after', bytesContent(pattern(10)))));
    expect(await refused).toMatchObject({ code: 'refused' });
    expect(await after).toBe(null);
    expect(read).toBeLessThan(900_000);
    expect([...(store as MemoryStore).contents.keys()]).toEqual(['after']);
  });

  test('a put that is refused with much left drops the connection, and the requests behind it say that they were not sent', async () => {
    const { client } = served();
    const content: Content = {
      size: 1e12,
      read: async (_, into) => {
        await new Promise((resolve) => setImmediate(resolve));
        return into.length;
      },
    };
    const refused = fault(lastValueFrom(client.put('../x', content)));
    const after = fault(lastValueFrom(client.put('after', bytesContent(pattern(10)))));
    expect(await refused).toMatchObject({ code: 'refused', error: { code: 'bad-filename' } });
    expect(await after).toMatchObject({ code: 'connection', sent: false });
  });
});

test('a download can be made a Blob, whatever memory its bytes have come in', async () => {
  const { client } = served();
  const shared = new Uint8Array(new SharedArrayBuffer(70_000)).map((_, at) => at);
  await lastValueFrom(client.put('a', bytesContent(shared)));
  const pieces = await lastValueFrom(
    client.get('a').pipe(
      mergeMap(({ bytes$ }) => bytes$),
      toArray(),
    ),
  );
  expect(new Uint8Array(await new Blob(pieces).arrayBuffer())).toEqual(new Uint8Array(shared));
});
