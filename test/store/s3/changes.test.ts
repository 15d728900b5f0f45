/** Events of a store of many nodes: recorded with what happened, in its order, and delivered by one node at a time. */
import assert from 'node:assert/strict';
import pg from 'pg';
import { filter, firstValueFrom } from 'rxjs';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { acknowledgedChanges } from '../../../src/server/sinks/acknowledged-changes.ts';
import type { ChangeEvent, ChangeFeed } from '../../../src/store/changes/change-log.ts';
import { pattern, put, refused, value } from '../../../src/store/conformance/case.ts';
import type { S3Store } from '../../../src/store/s3/open-s3-store.ts';
import { fileFunctions } from '../../../src/store/s3/schema/files.ts';
import { SCHEMA_VERSION } from '../../../src/store/s3/schema/migrate.ts';
import { nameFunctions } from '../../../src/store/s3/schema/names.ts';
import { tables } from '../../../src/store/s3/schema/tables.ts';
import { uploadFunctions } from '../../../src/store/s3/schema/uploads.ts';
import { needEngine, startPostgres } from '../../support/engines/engines.ts';
import { type Engines, newSchema, openNode, sharedEngines } from '../../support/stores/s3-nodes.ts';

const MiB = 1024 ** 2;
const SINK = { sinks: ['sink'] };

describe.skipIf(!needEngine('ceph') || !needEngine('postgres'))('events of a store of many nodes', () => {
  let engines: Promise<Engines> | undefined;
  const ends: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  type Options = Parameters<typeof openNode>[2];
  async function node(schema: string, options: Options = { changes: SINK }): Promise<S3Store> {
    engines ??= sharedEngines();
    const store = await openNode(await engines, schema, { segmentBytes: 256 * 1024, ...options });
    ends.push(() => store.close());
    return store;
  }

  async function client(): Promise<pg.Client> {
    engines ??= sharedEngines();
    const client = new pg.Client((await engines).postgres.url);
    await client.connect();
    ends.push(() => client.end());
    return client;
  }

  const feedOf = ({ changes }: S3Store): ChangeFeed => {
    assert(changes !== null);
    return changes;
  };

  /** So many events, from a subscriber that acknowledges each, and is there until the node knows that it did. */
  async function delivered(store: S3Store, count: number): Promise<readonly ChangeEvent[]> {
    const feed = feedOf(store);
    const events: ChangeEvent[] = [];
    const subscription = acknowledgedChanges(feed, 'sink').subscribe(({ event, ack }) => {
      events.push(event);
      ack();
    });
    const last = () => Math.max(...events.map(({ sequence }) => sequence));
    try {
      await expect
        .poll(() => events.length >= count && feed.cursor('sink') >= last(), { timeout: 20_000 })
        .toBe(true);
      return events;
    } finally {
      subscription.unsubscribe();
    }
  }

  /** What files there are after these events. Throws when an event does not fit those before it. */
  function replayed(events: readonly ChangeEvent[]): ReadonlyMap<string, number> {
    const files = new Map<string, number>();
    for (const { type, name, from, size, sequence } of events) {
      const before = from ?? name;
      if (type !== 'stored') assert.equal(files.get(before), size, `event ${sequence} of ${before}`);
      if (type !== 'stored') files.delete(before);
      if (type !== 'removed') files.set(name, size);
    }
    return files;
  }

  test('what happened has an event with all that is known of it, and what did not has none', async () => {
    const store = await node(newSchema());
    const first = delivered(store, 3);
    await value(put(store, 'a', 'hello'));
    await refused(put(store, 'a', 'other', { ifAbsent: true }), 'exists');
    await refused(store.remove('none'), 'not-found');
    await value(store.rename('a', 'a'));
    await value(store.rename('a', 'b'));
    await value(store.remove('b'));
    const facts = { size: 5, crc32: 907060870, time: expect.any(Number) };
    const id = (sequence: number) => expect.stringMatching(new RegExp(`^[0-9a-f]{16}-${sequence}$`));
    expect(await first).toEqual([
      { id: id(1), sequence: 1, type: 'stored', name: 'a', ...facts },
      { id: id(2), sequence: 2, type: 'renamed', name: 'b', from: 'a', ...facts },
      { id: id(3), sequence: 3, type: 'removed', name: 'b', ...facts },
    ]);
  });

  test('every change of two nodes has its event, and those of a name are in their order', async () => {
    const schema = newSchema();
    const stores = [await node(schema), await node(schema)];
    let size = 0;
    let changes = 0;
    const one = async (store: S3Store, i: number) => {
      const name = `n${(i * 7) % 3}`;
      const outcome =
        i % 4 < 2
          ? await put(store, name, pattern(++size))
          : i % 4 === 2
            ? await store.rename(name, `n${(i * 5 + 1) % 3}`)
            : await store.remove(name);
      const isSame = i % 4 === 2 && (i * 7) % 3 === (i * 5 + 1) % 3;
      if (outcome.ok && !isSame) changes += 1;
    };
    const lane = async (store: S3Store, from: number) => {
      for (let i = from; i < from + 40; i++) await one(store, i);
    };
    await Promise.all([0, 1, 2, 3].flatMap((k) => stores.map((store, n) => lane(store, 40 * (2 * k + n)))));
    const events = await delivered(stores[0]!, changes);
    const sequences = events.map(({ sequence }) => sequence).sort((one, other) => one - other);
    expect(sequences).toEqual(sequences.map((_, i) => i + 1));
    assert.equal(events.length, changes);
    const { files } = await value(stores[1]!.list({ limit: 10 }));
    expect(replayed(events)).toEqual(new Map(files.map(({ name, size }) => [name, size])));
  });

  test('a change that is committed late is behind those that were read meanwhile, and is not missed', async () => {
    const schema = newSchema();
    const store = await node(schema);
    const late = await client();
    await late.query('begin');
    await late.query(`select ${schema}.record_change('record', 'removed', 'late', null, 1, 2)`);
    const first = delivered(store, 2);
    await value(put(store, 'a', '1'));
    await value(put(store, 'b', '1'));
    expect((await first).map(({ sequence, name }) => [sequence, name])).toEqual([
      [1, 'a'],
      [2, 'b'],
    ]);
    const next = delivered(store, 1);
    await late.query('commit');
    expect((await next).map(({ sequence, name }) => [sequence, name])).toEqual([[3, 'late']]);
  });

  test('without anybody who wants events nothing is written', async () => {
    const schema = newSchema();
    const store = await node(schema, {});
    assert.equal(store.changes, null);
    await value(put(store, 'a', '1'));
    await value(store.rename('a', 'b'));
    await value(store.remove('b'));
    const { rows } = await (await client()).query(
      `select is_called, (select count(*)::integer from ${schema}.changes) as count from ${schema}.change_places`,
    );
    expect(rows).toEqual([{ is_called: false, count: 0 }]);
  });

  test('a node that knows of nobody records for those of others, and a new one begins with what comes', async () => {
    const schema = newSchema();
    const plain = await node(schema, {});
    await value(put(plain, 'before', '1'));
    const store = await node(schema);
    const first = delivered(store, 1);
    await value(put(plain, 'after', '1'));
    expect((await first).map(({ name }) => name)).toEqual(['after']);
    const other = await node(schema, { changes: { sinks: ['new'] } });
    const { sinks } = await feedOf(other).status();
    expect(sinks[0]).toEqual({ sink: 'new', at: 1, pending: 0, oldest: null, deadLetters: 0 });
  });

  test('a sink is with one node, and goes to another when that one is closed', async () => {
    const schema = newSchema();
    const [first, second] = [await node(schema), await node(schema)];
    const got: string[] = [];
    const deliverFrom = (store: S3Store, where: string) =>
      acknowledgedChanges(feedOf(store), 'sink').subscribe(({ event, ack }) => {
        got.push(`${event.name} ${where}`);
        ack();
      });
    deliverFrom(first, 'first');
    await value(put(second, 'a', '1'));
    await expect.poll(() => got).toEqual(['a first']);
    deliverFrom(second, 'second');
    await value(put(second, 'b', '1'));
    await expect.poll(() => got).toEqual(['a first', 'b first']);
    await first.close();
    await value(put(second, 'c', '1'));
    await expect.poll(() => got, { timeout: 10_000 }).toEqual(['a first', 'b first', 'c second']);
  });

  test('a sink goes to another node when the one that has it says nothing more, and that one moves nothing then', async () => {
    const schema = newSchema();
    const changes = { ...SINK, holdMs: 1000 };
    const [first, second] = [await node(schema, { changes }), await node(schema, { changes })];
    const sql = await client();
    await value(put(second, 'a', '1'));
    const feed = feedOf(first);
    await firstValueFrom(feed.held!('sink').pipe(filter((isHeld) => isHeld)));
    // As if the node had stood still: the database has given the sink away.
    await sql.query(
      `update ${schema}.change_sinks set holder = gen_random_uuid(), epoch = epoch + 1, held_until = 'infinity'`,
    );
    feed.advance('sink', 1);
    await firstValueFrom(feed.held!('sink').pipe(filter((isHeld) => !isHeld)));
    expect((await feed.status()).sinks).toMatchObject([{ at: 0, pending: 1 }]);
    await first.close();
    await sql.query(`update ${schema}.change_sinks set held_until = clock_timestamp()`);
    expect(await delivered(second, 1)).toMatchObject([{ name: 'a' }]);
  });

  test('a full log refuses changes until somebody has got the events, and keeps an upload meanwhile', async () => {
    const schema = newSchema();
    const store = await node(schema, { changes: { ...SINK, maxBytes: MiB } });
    const sql = await client();
    await value(put(store, 'kept', '1'));
    await sql.query(`select setval('${schema}.change_places', 1024)`);
    await refused(put(store, 'a', '1'), 'events-full');
    await refused(store.remove('kept'), 'events-full');
    await refused(store.rename('kept', 'b'), 'events-full');
    const content = pattern(300_000);
    const sink = await value(store.put('large', { size: content.length, upload: 'key' }));
    await value(sink.write([content]));
    await refused(sink.commit(), 'events-full');
    const { offset } = await value(store.resume('key'));
    assert.equal(offset, content.length);
    expect((await value(store.list({ limit: 10 }))).files.map(({ name }) => name)).toEqual(['kept']);
    // One is enough: what was delivered makes room.
    expect(await delivered(store, 1)).toMatchObject([{ name: 'kept' }]);
    const rest = await value(store.put('large', { size: content.length, upload: 'key', offset }));
    await expect.poll(async () => (await feedOf(store).status()).sinks[0]?.at, { timeout: 5000 }).toBe(1);
    await value(rest.commit());
    await value(store.remove('kept'));
    expect(await delivered(store, 2)).toMatchObject([{ name: 'large' }, { name: 'kept', type: 'removed' }]);
  });

  test('a full log that is to drop has changes made without an event, and counts them', async () => {
    const schema = newSchema();
    const store = await node(schema, { changes: { ...SINK, maxBytes: MiB, whenFull: 'drop' } });
    await value(put(store, 'a', '1'));
    await (await client()).query(`select setval('${schema}.change_places', 1024)`);
    await value(put(store, 'b', '1'));
    await value(store.remove('a'));
    expect(await feedOf(store).status()).toMatchObject({ last: 1, dropped: 2 });
  });

  test('what everybody has got is deleted beyond the half of the log that may be replayed', async () => {
    const schema = newSchema();
    const store = await node(schema, { changes: { ...SINK, maxBytes: MiB } });
    const sql = await client();
    await sql.query(
      `select ${schema}.record_change('record', 'stored', 'n' || i, null, 1, 1) from generate_series(1, 1000) i`,
    );
    await delivered(store, 1000);
    const counted = async () =>
      (await sql.query(`select count(*)::integer as count from ${schema}.changes`)).rows[0].count;
    await expect.poll(counted, { timeout: 5000 }).toBe(512);
    await feedOf(store).move('sink', 0);
    expect((await delivered(store, 512))[0]?.sequence).toBe(489);
  });

  test('a sink that is moved back gets the events again, and one that refuses has a dead letter of it', async () => {
    const schema = newSchema();
    const [store, other] = [await node(schema), await node(schema)];
    await value(put(store, 'a', '1'));
    await value(put(store, 'b', '1'));
    const [first] = await delivered(store, 2);
    await expect.poll(async () => (await feedOf(store).status()).sinks[0]?.at).toBe(2);
    const again = delivered(store, 2);
    await value(feedOf(other).move('sink', 0));
    expect((await again)[0]).toEqual(first);
    await value(feedOf(store).bury('sink', first!, 'never'));
    expect(await feedOf(other).deadLetters('sink')).toEqual([
      { sink: 'sink', event: first, reason: 'never', time: expect.any(Number), again: false },
    ]);
    await expect.poll(async () => (await feedOf(store).status()).sinks[0]?.at).toBe(2);
    const revived = delivered(store, 1);
    assert.equal(await value(feedOf(other).revive('sink')), 1);
    expect(await revived).toEqual([first]);
    await expect.poll(async () => (await feedOf(store).status()).sinks[0]?.deadLetters).toBe(0);
  });

  test('while the database is away its state is told at once, and events go on when it is back', async () => {
    const postgres = await startPostgres();
    onTestFinished(postgres.stop);
    engines ??= sharedEngines();
    const { s3 } = await engines;
    const store = await openNode({ s3, postgres: postgres.facts }, newSchema(), { changes: SINK });
    ends.push(() => store.close());
    await value(put(store, 'a', '1'));
    await delivered(store, 1);
    const got: string[] = [];
    const subscription = acknowledgedChanges(feedOf(store), 'sink').subscribe(({ event, ack }) => {
      got.push(event.name);
      ack();
    });
    onTestFinished(() => subscription.unsubscribe());
    await postgres.kill();
    expect(await feedOf(store).status()).toMatchObject({ fault: expect.any(String) });
    await postgres.restart();
    await value(put(store, 'b', '1'));
    await expect.poll(() => got, { timeout: 15_000 }).toEqual(['b']);
    await expect.poll(async () => (await feedOf(store).status()).fault, { timeout: 15_000 }).toBeNull();
  });

  test('a database of the version before is brought to this one, with its files', async () => {
    const schema = newSchema();
    const sql = await client();
    const before = [tables, nameFunctions, fileFunctions, uploadFunctions].map((part) => part(schema));
    await sql.query(`create schema ${schema};${before.join('\n')}`);
    const { s3 } = await engines!;
    await sql.query(`insert into ${schema}.store values (gen_random_uuid(), 1, '${s3.bucket}', '')`);
    const file = '00000000-0000-4000-8000-000000000000';
    await sql.query(`insert into ${schema}.segments values ('${file}', 0, 0, '', 0, 0)`);
    await sql.query(`insert into ${schema}.files values ('old', 0, 1, 0, '${file}')`);
    const store = await node(schema);
    const { rows } = await sql.query(`select version from ${schema}.store`);
    expect(rows).toEqual([{ version: SCHEMA_VERSION }]);
    await value(store.rename('old', 'new'));
    await value(put(store, 'new', 'x'));
    expect(await delivered(store, 2)).toMatchObject([
      { type: 'renamed', name: 'new', from: 'old', size: 0 },
      { type: 'stored', name: 'new', size: 1 },
    ]);
  });
});
