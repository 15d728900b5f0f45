/** What calls of the store cost in requests and statements, and what is left of them in the bucket. */
import assert from 'node:assert/strict';
import pg from 'pg';
import { afterEach, describe, expect, test } from 'vitest';
import { contentOf, namesIn, pattern, put, value } from '../../../src/store/conformance/case.ts';
import type { S3Store } from '../../../src/store/s3/open-s3-store.ts';
import { needEngine } from '../../support/engines/engines.ts';
import {
  type Engines,
  newSchema,
  openNode,
  sameBytes,
  sharedEngines,
} from '../../support/stores/s3-nodes.ts';

const SEGMENT = 256 * 1024;

describe.skipIf(!needEngine('ceph') || !needEngine('postgres'))('the store over S3 and PostgreSQL', () => {
  let engines: Promise<Engines> | undefined;
  const closed: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of closed.splice(0).reverse()) await close();
  });

  async function open(options: Parameters<typeof openNode>[2] = {}) {
    engines ??= sharedEngines();
    const schema = newSchema();
    const store = await openNode(await engines, schema, { segmentBytes: SEGMENT, ...options });
    const client = new pg.Client((await engines).postgres.url);
    await client.connect();
    closed.push(
      () => client.end(),
      () => store.close(),
    );
    return { store, schema, client };
  }

  /** The requests to S3 that a call makes. */
  async function requestsOf(store: S3Store, call: () => Promise<unknown>) {
    const before = { ...store.engines().s3.requests };
    await call();
    const after = store.engines().s3.requests;
    return Object.fromEntries(
      (['PUT', 'GET', 'DELETE', 'LIST'] as const).flatMap((method) =>
        after[method] === before[method] ? [] : [[method, after[method] - before[method]]],
      ),
    );
  }

  test('a small file is one PUT, and is read by one GET; stat and list ask nothing of S3', async () => {
    const { store } = await open();
    assert.deepEqual(await requestsOf(store, () => put(store, 'a', pattern(10_000))), { PUT: 1 });
    assert.deepEqual(await requestsOf(store, () => put(store, 'b', pattern(SEGMENT))), { PUT: 1 });
    assert.deepEqual(await requestsOf(store, () => put(store, 'empty', '')), {});
    assert.deepEqual(await requestsOf(store, () => contentOf(store, 'a')), { GET: 1 });
    assert.deepEqual(await requestsOf(store, async () => store.stat('a')), {});
    assert.deepEqual(await requestsOf(store, () => namesIn(store)), {});
    assert.deepEqual(await requestsOf(store, async () => store.rename('a', 'c')), {});
    assert.deepEqual(await requestsOf(store, async () => store.remove('c')), {});
  });

  test('a small put is one statement of the database, and so is each other call', async () => {
    const { store } = await open();
    const statements = await countStatements(async () => {
      await value(put(store, 'a', pattern(10_000)));
      await value(store.stat('a'));
      await contentOf(store, 'a');
      await value(store.list({ limit: 10 }));
      await value(store.rename('a', 'b'));
      await value(store.remove('b'));
    });
    expect(statements).toBe(6);
  });

  test('a large file that is read in pieces is one GET for each segment', async () => {
    const { store } = await open();
    const content = pattern(4 * SEGMENT + 5);
    assert.deepEqual(await requestsOf(store, () => put(store, 'large', content)), { PUT: 5 });
    const source = await value(store.open('large'));
    const read = async () => {
      for (let at = 0; at < content.length; at += 60_000) {
        const piece = await value(source.read(at, 60_000));
        assert.deepEqual(new Uint8Array(piece), content.subarray(at, at + 60_000));
      }
    };
    assert.deepEqual(await requestsOf(store, read), { GET: 5 });
    await source.close();
  });

  test('what no name stands for any more is deleted, and nothing else', async () => {
    const { store, client, schema } = await open({
      upkeep: { graceMs: 0, everyMs: 3_600_000, orphanMs: 0, heartbeatMs: 50 },
    });
    await value(put(store, 'kept', pattern(2 * SEGMENT)));
    await value(put(store, 'replaced', pattern(SEGMENT + 1)));
    await value(put(store, 'replaced', 'x'));
    await value(put(store, 'removed', 'x'));
    await value(store.remove('removed'));
    await value(put(store, 'refused', 'xyz', { crc32: 1 })).catch(() => {});
    const sink = await value(store.put('aborted', { size: 3 * SEGMENT }));
    await value(sink.write([pattern(2 * SEGMENT)]));
    await sink.abort();
    // What became garbage waits until this node has said that it reads none of it.
    await expect
      .poll(async () => {
        await store.upkeep();
        return store.engines().garbage;
      })
      .toBe(0);
    const { rows } = await client.query(`select count(*)::int as count from ${schema}.segments`);
    // Two of the file that is kept, and one of the one that replaced another.
    expect(rows[0].count).toBe(3);
    expect(await store.sweep()).toBe(0);
    sameBytes(await contentOf(store, 'kept'), pattern(2 * SEGMENT));
    assert.deepEqual(await namesIn(store), ['kept', 'replaced']);
  });

  test('an object that no row names is swept once it is old, and not before', async () => {
    const young = await open({ upkeep: { everyMs: 3_600_000 } });
    await orphan(young.store, young.client, young.schema);
    expect(await young.store.sweep()).toBe(0);
    const old = await open({ upkeep: { everyMs: 3_600_000, orphanMs: -3_600_000 } });
    await orphan(old.store, old.client, old.schema);
    await value(put(old.store, 'kept', 'x'));
    expect(await old.store.sweep()).toBe(1);
    assert.equal((await contentOf(old.store, 'kept')).length, 1);
  });

  test('readers that stand still leave the connections to puts', async () => {
    const { store } = await open({ s3: { connections: 2 }, segmentBytes: 8 * SEGMENT });
    const content = pattern(8 * SEGMENT);
    await value(put(store, 'large', content));
    const sources = await Promise.all(Array.from({ length: 8 }, () => value(store.open('large'))));
    for (const source of sources) await value(source.read(0, 10));
    for (let i = 0; i < 4; i++) await value(put(store, `small/${i}`, 'x'));
    for (const source of sources) {
      sameBytes(await value(source.read(10, content.length - 10)), content.subarray(10));
      await source.close();
    }
  });

  test('slow puts hold no more memory than the budget and one block each, and all of them end', async () => {
    const memoryBytes = 4 * SEGMENT;
    const { store } = await open({ memoryBytes, segmentBytes: 2 * SEGMENT });
    const content = pattern(4 * SEGMENT);
    const names = Array.from({ length: 20 }, (_, i) => `slow/${String(i).padStart(2, '0')}`);
    const sinks = await Promise.all(names.map((name) => value(store.put(name, { size: content.length }))));
    let most = 0;
    for (let at = 0; at < content.length; at += 100_000) {
      await Promise.all(sinks.map((sink) => value(sink.write([content.subarray(at, at + 100_000)]))));
      most = Math.max(most, store.engines().memoryBytes);
    }
    await Promise.all(sinks.map((sink) => value(sink.commit())));
    expect(most).toBeGreaterThan(memoryBytes / 2);
    expect(most).toBeLessThanOrEqual(memoryBytes + names.length * SEGMENT);
    expect(store.engines().memoryBytes).toBe(0);
    for (const name of names) sameBytes(await contentOf(store, name), content);
  });
});

/** Forgets a file in the database, and leaves its object. */
async function orphan(store: S3Store, client: pg.Client, schema: string): Promise<void> {
  await value(put(store, 'orphan', 'x'));
  await client.query(`delete from ${schema}.files`);
  await client.query(`delete from ${schema}.segments`);
}

/** The statements that are sent to the database meanwhile, without the heartbeats of nodes. */
async function countStatements(work: () => Promise<unknown>): Promise<number> {
  const original = pg.Client.prototype.query;
  let count = 0;
  pg.Client.prototype.query = function counted(this: pg.Client, ...args: unknown[]) {
    const [config] = args as [{ name?: string } | string];
    if (typeof config !== 'object' || config.name !== 'beat') count++;
    return Reflect.apply(original, this, args);
  } as typeof original;
  try {
    await work();
  } finally {
    pg.Client.prototype.query = original;
  }
  return count;
}
