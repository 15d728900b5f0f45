/** The contract of `put`: nothing is seen before the commit, everything after it, nothing after a failure. */
import assert from 'node:assert/strict';
import { crc32 } from '../crc32.ts';
import {
  bytes,
  type ContractCase,
  contentOf,
  namesIn,
  pattern,
  put,
  refused,
  textOf,
  value,
} from './case.ts';

export const putCases: Readonly<Record<string, ContractCase>> = {
  'a committed file can be read back': async (store) => {
    const content = pattern(100_000);
    const before = Date.now();
    const stored = await value(put(store, 'a.bin', content));
    assert.deepEqual(
      { ...stored, mtime: 0 },
      { name: 'a.bin', size: 100_000, mtime: 0, crc32: crc32(content), durable: store.durable, replaced: 0 },
    );
    assert.ok(Number.isInteger(stored.mtime) && Math.abs(stored.mtime - before) < 60_000, 'mtime is now');
    assert.deepEqual(await contentOf(store, 'a.bin'), content);
    const { name, size, mtime } = stored;
    const { crc32: _, ...info } = await value(store.stat('a.bin'));
    assert.deepEqual(info, { name, size, mtime }, 'stat says what the commit said');
  },

  'the name may be a path': async (store) => {
    await value(put(store, 'a/b/c/d.txt', 'deep'));
    assert.equal(await textOf(store, 'a/b/c/d.txt'), 'deep');
  },

  'a file may be empty, and be committed without a write': async (store) => {
    const sink = await value(store.put('empty', { size: 0 }));
    assert.equal((await value(sink.commit())).crc32, 0);
    assert.equal((await contentOf(store, 'empty')).length, 0);
    await value(put(store, 'also-empty', ''));
    assert.equal((await value(store.stat('also-empty'))).size, 0);
  },

  'what is written in many pieces is one content': async (store) => {
    const content = pattern(300_000);
    const sink = await value(store.put('pieces', { size: content.length }));
    await value(sink.write([]));
    await value(sink.write([content.subarray(0, 1), content.subarray(1, 1), content.subarray(1, 5000)]));
    await value(sink.write([content.subarray(5000, 290_000)]));
    // More pieces than one system call takes.
    const rest = Array.from({ length: 2000 }, (_, i) => content.subarray(290_000 + i * 5, 290_005 + i * 5));
    await value(sink.write(rest));
    assert.equal((await value(sink.commit())).crc32, crc32(content));
    assert.deepEqual(await contentOf(store, 'pieces'), content);
  },

  'chunks are only lent': async (store) => {
    const lent = bytes('abc');
    const sink = await value(store.put('lent', { size: 6 }));
    await value(sink.write([lent]));
    lent.set(bytes('def'));
    await value(sink.write([lent]));
    lent.fill(0);
    await value(sink.commit());
    assert.equal(await textOf(store, 'lent'), 'abcdef');
  },

  'nothing is seen before the commit': async (store) => {
    await value(put(store, 'old', 'old content'));
    const replacing = await value(store.put('old', { size: 3 }));
    const making = await value(store.put('new/new', { size: 3 }));
    await value(replacing.write([bytes('new')]));
    await value(making.write([bytes('new')]));
    assert.equal(await textOf(store, 'old'), 'old content');
    await refused(store.stat('new/new'), 'not-found');
    await refused(store.open('new/new'), 'not-found');
    assert.deepEqual(await namesIn(store), ['old']);
    await value(replacing.commit());
    await value(making.commit());
    assert.equal(await textOf(store, 'old'), 'new');
    assert.deepEqual(await namesIn(store), ['new/new', 'old']);
  },

  'after an abort everything is as it was': async (store) => {
    await value(put(store, 'kept', 'kept'));
    for (const name of ['kept', 'never', 'folder/never']) {
      const sink = await value(store.put(name, { size: 5 }));
      await value(sink.write([bytes('half')]));
      await sink.abort();
    }
    await (await value(store.put('unwritten', { size: 5 }))).abort();
    assert.deepEqual(await namesIn(store), ['kept']);
    assert.equal(await textOf(store, 'kept'), 'kept');
    // Not even a folder is left that a file could not replace.
    await value(put(store, 'folder', 'a file'));
  },

  'fewer bytes than were said are refused': async (store) => {
    await value(put(store, 'short', 'old'));
    const sink = await value(store.put('short', { size: 10 }));
    await value(sink.write([bytes('only')]));
    await refused(sink.commit(), 'size-mismatch');
    assert.equal(await textOf(store, 'short'), 'old');
  },

  'more bytes than were said are refused': async (store) => {
    const sink = await value(store.put('long', { size: 5 }));
    await value(sink.write([bytes('abc')]));
    await refused(sink.write([bytes('def')]), 'size-mismatch');
    assert.deepEqual(await namesIn(store), []);
  },

  'a commit says how much it replaced': async (store) => {
    assert.equal((await value(put(store, 'a/b', 'four'))).replaced, 0);
    assert.equal((await value(put(store, 'a/b', ''))).replaced, 4);
    assert.equal((await value(put(store, 'a/b', 'four'))).replaced, 0);
    await value(store.remove('a/b'));
    assert.equal((await value(put(store, 'a/b', 'x', { ifAbsent: true }))).replaced, 0);
  },

  'the last to commit wins': async (store) => {
    const first = await value(store.put('raced', { size: 5 }));
    const second = await value(store.put('raced', { size: 6 }));
    await value(second.write([bytes('second')]));
    await value(first.write([bytes('first')]));
    await value(second.commit());
    assert.equal(await textOf(store, 'raced'), 'second');
    await value(first.commit());
    assert.equal(await textOf(store, 'raced'), 'first');
    assert.deepEqual(await namesIn(store), ['raced']);
  },

  'with ifAbsent a file that is there is not replaced': async (store) => {
    await value(put(store, 'once', 'first', { ifAbsent: true }));
    await refused(put(store, 'once', 'second', { ifAbsent: true }), 'exists');
    assert.equal(await textOf(store, 'once'), 'first');
    // The commit decides, not the beginning.
    const late = await value(store.put('late', { size: 4, ifAbsent: true }));
    await value(late.write([bytes('late')]));
    await value(put(store, 'late', 'sooner'));
    await refused(late.commit(), 'exists');
    assert.equal(await textOf(store, 'late'), 'sooner');
    await value(store.remove('once'));
    await value(put(store, 'once', 'third', { ifAbsent: true }));
    assert.equal(await textOf(store, 'once'), 'third');
  },

  'of many with ifAbsent exactly one wins': async (store) => {
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, i) => put(store, 'one/prize', `${i}`.padStart(2), { ifAbsent: true })),
    );
    const winners = outcomes.flatMap((outcome, i) => (outcome.ok ? [`${i}`.padStart(2)] : []));
    assert.equal(winners.length, 1);
    assert.equal(await textOf(store, 'one/prize'), winners[0]);
    for (const outcome of outcomes) if (!outcome.ok) assert.equal(outcome.error.code, 'exists');
  },

  'a modification time that was asked for is kept': async (store) => {
    for (const mtime of [0, 1, 999, 1_234_567_890_123, 1_700_000_000_001, 4_102_444_800_999]) {
      assert.equal((await value(put(store, 'timed', 'x', { mtime }))).mtime, mtime);
      assert.equal((await value(store.stat('timed'))).mtime, mtime);
      assert.equal((await value(store.list({ limit: 1 }))).files[0]?.mtime, mtime);
    }
  },

  'many puts at once do not mix': async (store) => {
    const names = Array.from({ length: 40 }, (_, i) => `many/${i % 4}/${String(i).padStart(2, '0')}`);
    await Promise.all(names.map(async (name, i) => value(put(store, name, pattern(10_000 + i, i)))));
    for (const [i, name] of names.entries()) {
      assert.deepEqual(await contentOf(store, name), pattern(10_000 + i, i));
    }
    assert.deepEqual(await namesIn(store, 7), [...names].sort());
  },

  'puts under way when the store is closed leave nothing, and later calls are refused': async (store) => {
    const sink = await value(store.put('cut-off', { size: 5 }));
    await value(sink.write([bytes('ab')]));
    await store.close();
    await refused(sink.write([bytes('cde')]), 'shutting-down');
    await refused(store.put('later', { size: 0 }), 'shutting-down');
    await refused(store.stat('later'), 'shutting-down');
    await refused(store.list({ limit: 1 }), 'shutting-down');
    await sink.abort();
    await store.close();
  },
};
