/** The contract about names: which are refused, and that a file and a folder cannot share one. */
import assert from 'node:assert/strict';
import { type ContractCase, namesIn, put, refused, textOf, value } from './case.ts';

const forbidden = [
  '',
  '.',
  '..',
  '/etc/passwd',
  '../outside',
  'a/../../outside',
  'a/./b',
  'a//b',
  'a/',
  'a\\b',
  'C:a',
  'nul\0byte',
  'line\nbreak',
  '\ud800',
  '.sluice',
  '.sluice/tmp/x',
  '.SLUICE/x',
  'x'.repeat(256),
  'x/'.repeat(600),
];

export const nameCases: Readonly<Record<string, ContractCase>> = {
  'names that are not allowed are refused everywhere': async (store) => {
    await value(put(store, 'fine', 'x'));
    for (const name of forbidden) {
      await refused(store.put(name, { size: 0 }), 'bad-filename');
      await refused(store.open(name), 'bad-filename');
      await refused(store.stat(name), 'bad-filename');
      await refused(store.remove(name), 'bad-filename');
      await refused(store.rename(name, 'to'), 'bad-filename');
      await refused(store.rename('fine', name), 'bad-filename');
    }
    assert.deepEqual(await namesIn(store), ['fine']);
  },

  'every allowed name can be put': async (store) => {
    const segment = `${'中'.repeat(80)}.txt`;
    const names = [
      'x'.repeat(255),
      Array(4).fill(segment).join('/'),
      '%2e%2e/%00',
      '-rf',
      '~',
      'ab:c',
      ' ',
      '...',
    ];
    for (const name of names) await value(put(store, name, name));
    for (const name of names) assert.equal(await textOf(store, name), name);
    assert.equal((await namesIn(store)).length, names.length);
  },

  'below a file nothing can be put': async (store) => {
    await value(put(store, 'a', 'file'));
    await value(put(store, 'b', 'other'));
    await refused(put(store, 'a/b', 'x'), 'name-conflict');
    await refused(put(store, 'a/b/c', 'x', { ifAbsent: true }), 'name-conflict');
    await refused(store.rename('b', 'a/b'), 'name-conflict');
    await refused(store.rename('a', 'a/b'), 'name-conflict');
    assert.deepEqual(await namesIn(store), ['a', 'b']);
    assert.equal(await textOf(store, 'a'), 'file');
  },

  'a folder with files in it cannot be replaced': async (store) => {
    await value(put(store, 'a/b/c', 'file'));
    await value(put(store, 'x', 'other'));
    for (const name of ['a', 'a/b']) {
      await refused(put(store, name, 'x'), 'name-conflict');
      await refused(put(store, name, 'x', { ifAbsent: true }), 'name-conflict');
      await refused(store.rename('x', name), 'name-conflict');
      await refused(store.rename('x', name, { ifAbsent: true }), 'name-conflict');
      await refused(store.rename('a/b/c', name), 'name-conflict');
    }
    // The body is large enough to be worth refusing before it comes; it may be, and must be in the end.
    await refused(put(store, 'a', new Uint8Array(200_000)), 'name-conflict');
    await refused(put(store, 'x/y', new Uint8Array(200_000)), 'name-conflict');
    assert.deepEqual(await namesIn(store), ['a/b/c', 'x']);
  },

  'a folder without files is no obstacle': async (store) => {
    await value(put(store, 'a/b/c', 'file'));
    await value(put(store, 'a/b/c', 'replaced'));
    await value(put(store, 'a/d/e', 'file'));
    await value(store.remove('a/b/c'));
    await value(store.rename('a/d/e', 'moved'));
    await value(put(store, 'a', 'now a file'));
    await value(store.remove('a'));
    await value(put(store, 'a/b', 'a folder again'));
    await value(store.remove('a/b'));
    await value(store.rename('moved', 'a', { ifAbsent: true }));
    assert.deepEqual(await namesIn(store), ['a']);
  },

  'a conflict that arises during a put is found at its commit': async (store) => {
    const below = await value(store.put('late/below', { size: 0 }));
    const above = await value(store.put('late', { size: 0 }));
    await value(below.commit());
    await refused(above.commit(), 'name-conflict');
    await value(store.remove('late/below'));
    const again = await value(store.put('late/below', { size: 0 }));
    await value(put(store, 'late', 'a file'));
    await refused(again.commit(), 'name-conflict');
    assert.deepEqual(await namesIn(store), ['late']);
  },
};
