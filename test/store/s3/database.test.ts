/** What the functions of the database refuse, whoever calls them, and whenever. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterEach, describe, test } from 'vitest';
import { pattern, put, refused, textOf, value } from '../../../src/store/conformance/case.ts';
import { statementsOf } from '../../../src/store/s3/postgres/statements.ts';
import { needEngine } from '../../support/engines/engines.ts';
import { type Engines, newSchema, openNode, sharedEngines } from '../../support/stores/s3-nodes.ts';

const SEGMENT = 256 * 1024;

describe.skipIf(!needEngine('ceph') || !needEngine('postgres'))('the database of a store', () => {
  let engines: Promise<Engines> | undefined;
  const closed: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of closed.splice(0).reverse()) await close();
  });

  async function open() {
    engines ??= sharedEngines();
    const schema = newSchema();
    const store = await openNode(await engines, schema, { segmentBytes: SEGMENT });
    const client = new pg.Client((await engines).postgres.url);
    await client.connect();
    closed.push(
      () => client.end(),
      () => store.close(),
    );
    return { store, schema, client };
  }

  test('commits no content of which it has lost a segment, as after a crash that took its last moments', async () => {
    const { store, schema, client } = await open();
    const content = pattern(3 * SEGMENT);
    const sink = await value(store.put('file', { size: content.length, upload: 'key' }));
    await value(sink.write([content.subarray(0, 2 * SEGMENT)]));
    await value(sink.sync());
    await client.query(`delete from ${schema}.segments where start = ${SEGMENT}`);
    await client.query(`update ${schema}.uploads set size = ${SEGMENT}`);
    await value(sink.write([content.subarray(2 * SEGMENT)]));
    await refused(sink.commit(), 'upload-taken');
    await refused(store.stat('file'), 'not-found');
    assert.equal((await value(store.resume('key'))).offset, SEGMENT);
  });

  test('does nothing that was asked of it long ago', async () => {
    const { store, schema, client } = await open();
    await value(put(store, 'file', 'kept'));
    const { remove, rename } = statementsOf(schema);
    const past = new Date(Date.now() - 60_000);
    assert.deepEqual((await client.query(remove.text, [randomUUID(), 'file', past])).rows, []);
    const renaming = [randomUUID(), 'file', [], 'other', [], false, [], [], past];
    assert.deepEqual((await client.query(rename.text, renaming)).rows, []);
    assert.equal(await textOf(store, 'file'), 'kept');
  });

  test('refuses again what it has refused, though nothing is in the way any more', async () => {
    const { store, schema, client } = await open();
    await value(put(store, 'file', 'there'));
    const { commit } = statementsOf(schema);
    const soon = new Date(Date.now() + 60_000);
    const began = new Date();
    const file = randomUUID();
    const segment = [[0], [1], ['deleted by then'], [0]];
    const asked = ['file', [], 1, 0, 0, true, file, null, null, began, ...segment, [], [], soon];
    const answer = async () => (await client.query(commit.text, asked)).rows[0].answer;
    assert.deepEqual(await answer(), { fault: 'exists' });
    await value(store.remove('file'));
    assert.deepEqual(await answer(), { fault: 'exists' });
    await refused(store.stat('file'), 'not-found');
  });

  test('is refused when its transactions see less than what is committed', async () => {
    engines ??= sharedEngines();
    const all = await engines;
    const url = new URL(all.postgres.url);
    url.searchParams.set('options', '-c default_transaction_isolation=serializable');
    await assert.rejects(
      openNode({ ...all, postgres: { url: url.href } }, newSchema()),
      /default_transaction_isolation is serializable, and must be read committed/,
    );
  });
});
