/** Several nodes over one database and one bucket are one store. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import pg from 'pg';
import { afterEach, describe, expect, test } from 'vitest';
import {
  contentOf,
  namesIn,
  pattern,
  put,
  refused,
  textOf,
  value,
} from '../../../src/store/conformance/case.ts';
import { crc32 } from '../../../src/store/crc32.ts';
import type { S3Store } from '../../../src/store/s3/open-s3-store.ts';
import { needEngine } from '../../support/engines/engines.ts';
import { httpProxy } from '../../support/engines/http-proxy.ts';
import {
  type Engines,
  newSchema,
  openNode,
  sameBytes,
  sharedEngines,
} from '../../support/stores/s3-nodes.ts';

const SEGMENT = 256 * 1024;
const content = pattern(5 * SEGMENT + 1000);
const size = content.length;

describe.skipIf(!needEngine('ceph') || !needEngine('postgres'))('nodes of one store', () => {
  let engines: Promise<Engines> | undefined;
  const opened: Pick<S3Store, 'close'>[] = [];
  const schemas: string[] = [];
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((store) => store.close()));
  });

  async function nodes(
    count: number,
    options: Parameters<typeof openNode>[2] = {},
    through: (engines: Engines, i: number) => Engines = (all) => all,
  ): Promise<S3Store[]> {
    engines ??= sharedEngines();
    const all = await engines;
    const schema = newSchema();
    schemas.push(schema);
    // At once, so that each test has several nodes wait for one that makes the tables.
    const stores = await Promise.all(
      Array.from({ length: count }, (_, i) =>
        openNode(through(all, i), schema, { segmentBytes: SEGMENT, ...options }),
      ),
    );
    opened.push(...stores);
    return stores;
  }

  test('an upload that breaks off at one node goes on at another from all that was written', async () => {
    const [first, second] = (await nodes(2)) as [S3Store, S3Store];
    const sink = await value(first.put('file', { size, upload: 'key' }));
    await value(sink.write([content.subarray(0, SEGMENT + 7)]));
    await sink.abort();
    const at = await value(second.resume('key'));
    assert.deepEqual(at, { offset: SEGMENT + 7, crc32: crc32(content.subarray(0, SEGMENT + 7)) });
    const sha256 = createHash('sha256').update(content).digest('hex');
    const rest = await value(second.put('file', { size, upload: 'key', offset: at.offset, sha256 }));
    await value(rest.write([content.subarray(at.offset)]));
    await value(rest.commit());
    sameBytes(await contentOf(first, 'file'), content);
    assert.deepEqual(await value(first.resume('key')), { offset: 0, crc32: 0 });
  });

  test('a node that is asked for an upload flushes it, lets it go, and tells whoever was writing', async () => {
    const [first, second] = (await nodes(2)) as [S3Store, S3Store];
    let taken = 0;
    const sink = await value(first.put('file', { size, upload: 'key', taken: () => taken++ }));
    // Less than a segment: only the node itself has it.
    await value(sink.write([content.subarray(0, 1000)]));
    const at = await value(second.resume('key'));
    // It was asked: what it had not flushed would be missing, had it been fenced.
    assert.equal(at.offset, 1000);
    assert.equal(taken, 1);
    await refused(sink.write([content.subarray(1000)]), 'upload-taken');
    const rest = await value(second.put('file', { size, upload: 'key', offset: 1000 }));
    await value(rest.write([content.subarray(1000)]));
    await value(rest.commit());
    sameBytes(await contentOf(first, 'file'), content);
  });

  test('a node whose bytes arrive after the upload was taken from it changes nothing', async () => {
    engines ??= sharedEngines();
    const proxy = await httpProxy(Number(new URL((await engines).s3.endpoint).port));
    try {
      const through = (all: Engines, i: number) =>
        i === 0 ? { ...all, s3: { ...all.s3, endpoint: proxy.endpoint } } : all;
      const [slow, second] = (await nodes(2, {}, through)) as [S3Store, S3Store];
      let arrive = () => {};
      const arrived = new Promise<void>((resolve) => {
        arrive = resolve;
      });
      const sink = await value(slow.put('file', { size, upload: 'key' }));
      await value(sink.write([content.subarray(0, 2 * SEGMENT)]));
      await value(sink.sync());
      const held = proxy.inject(
        { type: 'late', until: () => arrived },
        { when: ({ method }) => method === 'PUT' },
      );
      const wrong = new Uint8Array(SEGMENT).fill(0xee);
      await value(sink.write([wrong]));
      // The slow node cannot flush in time, and loses the upload while its bytes are on their way.
      const at = await value(second.resume('key'));
      assert.equal(at.offset, 2 * SEGMENT);
      const rest = await value(second.put('file', { size, upload: 'key', offset: at.offset }));
      arrive();
      await held;
      // It lands at the very place where the upload goes on, before anything else has come.
      await refused(sink.sync(), 'upload-taken');
      await value(rest.write([content.subarray(at.offset)]));
      await value(rest.commit());
      sameBytes(await contentOf(second, 'file'), content);
      sameBytes(await contentOf(slow, 'file'), content);
    } finally {
      await proxy.close();
    }
  });

  test('of many puts that must be the first, at three nodes, exactly one wins, in every round', async () => {
    const stores = await nodes(3);
    for (let round = 0; round < 15; round++) {
      const name = `round/${round}`;
      const outcomes = await Promise.all(
        stores.flatMap((store, node) =>
          [0, 1].map((i) => put(store, name, `${node}${i}`, { ifAbsent: true })),
        ),
      );
      const winners = outcomes.flatMap((outcome, i) => (outcome.ok ? [`${Math.floor(i / 2)}${i % 2}`] : []));
      assert.equal(winners.length, 1, `round ${round}`);
      for (const store of stores) assert.equal(await textOf(store, name), winners[0]);
      for (const outcome of outcomes) if (!outcome.ok) assert.equal(outcome.error.code, 'exists');
    }
  });

  test('a file and a folder of one name never come to be, whichever nodes make them', async () => {
    const stores = await nodes(3);
    for (let round = 0; round < 15; round++) {
      const names = [`n${round}`, `n${round}/below`, `n${round}/below/deep`];
      const outcomes = await Promise.all(names.map((name, i) => put(stores[i] as S3Store, name, 'x')));
      assert.equal(outcomes.filter(({ ok }) => ok).length, 1, `round ${round}`);
      for (const outcome of outcomes) if (!outcome.ok) assert.equal(outcome.error.code, 'name-conflict');
    }
  });

  test('renames that cross at two nodes end, and one of each pair of names has each file', async () => {
    const [first, second] = (await nodes(2)) as [S3Store, S3Store];
    for (let round = 0; round < 10; round++) {
      await value(put(first, 'a', 'a'));
      await value(put(first, 'b', 'b'));
      const outcomes = await Promise.all([first.rename('a', 'b'), second.rename('b', 'a')]);
      const names = await namesIn(first);
      assert.deepEqual(await namesIn(second), names);
      assert.ok(outcomes.some(({ ok }) => ok));
      // The second of them moved what the first had moved, or found nothing.
      assert.equal(names.length, 1);
      await value(first.remove(names[0] as string));
    }
  });

  test('quotas hold over all nodes, also for uploads that are under way at another', async () => {
    const quotas = () => [{ prefix: 'a/', bytes: 1000 }];
    const [first, second] = (await nodes(2, { quotas })) as [S3Store, S3Store];
    await value(put(first, 'a/1', pattern(400)));
    const sink = await value(second.put('a/2', { size: 500, upload: 'key' }));
    await refused(first.put('a/3', { size: 101, upload: 'other' }), 'quota-exceeded');
    await refused(put(first, 'a/3', pattern(101)), 'quota-exceeded');
    await value(put(first, 'b/3', pattern(5000)));
    await value(put(first, 'a/3', pattern(100)));
    await value(sink.write([pattern(500)]));
    await value(sink.commit());
    await refused(put(first, 'a/4', pattern(1)), 'quota-exceeded');
    await value(put(second, 'a/1', pattern(399)));
    await value(put(first, 'a/4', pattern(1)));
    await refused(first.rename('b/3', 'a/5'), 'quota-exceeded');
    await value(second.rename('a/1', 'c/1'));
    await value(put(first, 'a/5', pattern(399)));
    await value(second.remove('a/5'));
    await value(put(first, 'a/5', pattern(399)));
  });

  test('of puts at three nodes that together exceed a quota no more are taken than fit', async () => {
    const quotas = () => [{ prefix: '', bytes: 1000 }];
    const stores = await nodes(3, { quotas });
    const outcomes = await Promise.all(
      Array.from({ length: 30 }, (_, i) => put(stores[i % 3] as S3Store, `f${i}`, pattern(100))),
    );
    assert.equal(outcomes.filter(({ ok }) => ok).length, 10);
    for (const outcome of outcomes) if (!outcome.ok) assert.equal(outcome.error.code, 'quota-exceeded');
  });

  test('a list at any node shows what any other has acknowledged', async () => {
    const stores = await nodes(3);
    const acknowledged: string[] = [];
    for (let i = 0; i < 30; i++) {
      const name = `d/${String(i).padStart(2, '0')}`;
      await value(put(stores[i % 3] as S3Store, name, 'x'));
      acknowledged.push(name);
      assert.deepEqual(await namesIn(stores[(i + 1) % 3] as S3Store, 10), acknowledged);
    }
    await value((stores[0] as S3Store).rename('d/00', 'e'));
    await value((stores[1] as S3Store).remove('d/01'));
    assert.deepEqual(await namesIn(stores[2] as S3Store), [...acknowledged.slice(2), 'e']);
  });

  test('no more uploads than the limit begin, whichever nodes are asked', async () => {
    const stores = await nodes(3, { maxUploads: 4 });
    const outcomes = await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        (stores[i % 3] as S3Store).put('x', { size: 10, upload: `k${i}` }),
      ),
    );
    assert.equal(outcomes.filter(({ ok }) => ok).length, 4);
    for (const outcome of outcomes) if (!outcome.ok) assert.equal(outcome.error.code, 'too-many-uploads');
  });

  test('a file that is being read stays what it was, though another node replaced it and cleans up', async () => {
    const upkeep = { graceMs: 0, everyMs: 3_600_000, heartbeatMs: 50 };
    const [first, second] = (await nodes(2, { upkeep })) as [S3Store, S3Store];
    await value(put(first, 'file', content));
    const source = await value(first.open('file'));
    assert.deepEqual(new Uint8Array(await value(source.read(0, 10))), content.subarray(0, 10));
    await value(put(second, 'file', 'new'));
    const client = new pg.Client((await engines)?.postgres.url);
    await client.connect();
    opened.push({ close: () => client.end() });
    /** What every node has said since: only then may it be asked what they read. */
    const allHeard = async () => {
      const now = (await client.query('select clock_timestamp() as now')).rows[0].now;
      const heard = async () =>
        (await client.query(`select min(heartbeat) > $1 as heard from ${schemas.at(-1)}.nodes`, [now]))
          .rows[0].heard;
      await expect.poll(heard).toBe(true);
    };
    await allHeard();
    for (const store of [first, second]) await store.upkeep();
    sameBytes(await value(source.read(0, size)), content);
    await source.close();
    await allHeard();
    for (const store of [first, second]) await store.upkeep();
    assert.deepEqual(
      [first.engines().garbage, second.engines().garbage].filter((count) => count !== null),
      [0],
    );
    assert.equal(await textOf(first, 'file'), 'new');
  });
});
