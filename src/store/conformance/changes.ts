/** The contract of `remove` and `rename`. */
import assert from 'node:assert/strict';
import { type ContractCase, namesIn, put, refused, textOf, value } from './case.ts';

export const changeCases: Readonly<Record<string, ContractCase>> = {
  'a removed file is gone': async (store) => {
    await value(put(store, 'a/b', 'x'));
    await value(put(store, 'a/c', 'x'));
    assert.deepEqual(await value(store.remove('a/b')), { size: 1 });
    await refused(store.stat('a/b'), 'not-found');
    await refused(store.remove('a/b'), 'not-found');
    assert.deepEqual(await namesIn(store), ['a/c']);
  },

  'only files can be removed or renamed': async (store) => {
    await value(put(store, 'a/b', 'x'));
    for (const name of ['a', 'nothing', 'no/folder', 'a/b/c']) {
      await refused(store.remove(name), 'not-found');
      await refused(store.rename(name, 'target'), 'not-found');
    }
    assert.deepEqual(await namesIn(store), ['a/b']);
  },

  'a renamed file is at its new name only, as it was': async (store) => {
    const { size, mtime } = await value(put(store, 'from', 'content', { mtime: 1_000_000 }));
    const moved = await value(store.rename('from', 'to/some/where'));
    assert.deepEqual(moved, { name: 'to/some/where', size, mtime, replaced: 0 });
    const { crc32: _, ...info } = await value(store.stat('to/some/where'));
    assert.deepEqual({ ...info, replaced: 0 }, moved);
    assert.equal(await textOf(store, 'to/some/where'), 'content');
    assert.deepEqual(await namesIn(store), ['to/some/where']);
  },

  'a rename replaces what is there': async (store) => {
    await value(put(store, 'from', 'new'));
    await value(put(store, 'to', 'former'));
    assert.equal((await value(store.rename('from', 'to'))).replaced, 6);
    assert.equal(await textOf(store, 'to'), 'new');
    assert.deepEqual(await namesIn(store), ['to']);
  },

  'with ifAbsent a rename replaces nothing': async (store) => {
    await value(put(store, 'from', 'new'));
    await value(put(store, 'to', 'old'));
    await refused(store.rename('from', 'to', { ifAbsent: true }), 'exists');
    assert.equal(await textOf(store, 'to'), 'old');
    assert.equal(await textOf(store, 'from'), 'new');
    await value(store.rename('from', 'free', { ifAbsent: true }));
    assert.deepEqual(await namesIn(store), ['free', 'to']);
  },

  'a rename to the same name does nothing': async (store) => {
    const { name, size, mtime } = await value(put(store, 'same', 'x'));
    assert.deepEqual(await value(store.rename('same', 'same')), { name, size, mtime, replaced: 0 });
    await refused(store.rename('same', 'same', { ifAbsent: true }), 'exists');
    await refused(store.rename('nothing', 'nothing'), 'not-found');
    assert.equal(await textOf(store, 'same'), 'x');
  },
};
