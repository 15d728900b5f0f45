/** The contract of `list`. */
import assert from 'node:assert/strict';
import type { Listing } from '../contract.ts';
import { type ContractCase, namesIn, put, refused, value } from './case.ts';

/** In the order of their UTF-8 bytes. Full names are compared, so `a.b` comes before the files in `a`. */
const ordered = [
  'A',
  'a b',
  'a!',
  'a-b/c',
  'a.txt',
  'a/b',
  'a/b.c',
  'a/c/d',
  'a/c/d.e',
  'a0',
  'aa',
  'b',
  'é',
  '中/文',
  '中文',
  '\uff01',
  '😀',
];

export const listCases: Readonly<Record<string, ContractCase>> = {
  'an empty store has no names': async (store) => {
    assert.deepEqual(await value(store.list({ limit: 10 })), { files: [] });
  },

  'names come in the order of their bytes': async (store) => {
    for (const name of ordered.toReversed()) await value(put(store, name, name));
    assert.deepEqual(await namesIn(store), ordered);
    const { files } = await value(store.list({ limit: 100 }));
    for (const file of files) {
      const { crc32: _, ...info } = await value(store.stat(file.name));
      assert.deepEqual(file, info);
    }
  },

  'pages of any size give every name once': async (store) => {
    for (const name of ordered) await value(put(store, name, ''));
    for (let limit = 1; limit <= ordered.length + 1; limit++) {
      assert.deepEqual(await namesIn(store, limit), ordered);
    }
    assert.equal(
      (await value(store.list({ limit: ordered.length }))).next,
      undefined,
      'no page after the last',
    );
  },

  'after need not be a name that is there': async (store) => {
    for (const name of ordered) await value(put(store, name, ''));
    for (const after of [
      '',
      'a',
      'a/',
      'a/b',
      'a/c/',
      'a/c/zzz',
      'a/zzz',
      'a0',
      'zzz',
      '中',
      '😀',
      '\u{10ffff}',
    ]) {
      const { files } = await value(store.list({ after, limit: 100 }));
      const expected = ordered.filter((name) => Buffer.compare(Buffer.from(name), Buffer.from(after)) > 0);
      assert.deepEqual(
        files.map(({ name }) => name),
        expected,
        `after ${JSON.stringify(after)}`,
      );
    }
  },

  'a prefix is a beginning of the name, not a folder': async (store) => {
    for (const name of ordered) await value(put(store, name, ''));
    for (const prefix of [
      '',
      'a',
      'a/',
      'a/c',
      'a/c/d',
      'a/c/d.e',
      'a/c/d.e/',
      'x',
      '中',
      '/',
      '../',
      'a//',
      '.',
    ]) {
      const expected = ordered.filter((name) => name.startsWith(prefix));
      assert.deepEqual(await namesIn(store, 2, prefix), expected, `prefix ${JSON.stringify(prefix)}`);
    }
  },

  'a listing ends after a removal in between': async (store) => {
    for (const name of ['a', 'b', 'c', 'd']) await value(put(store, name, ''));
    const page = await value(store.list({ limit: 2 }));
    assert.equal(page.next, 'b');
    await value(store.remove('b'));
    const rest = await value(store.list({ limit: 2, after: 'b' }));
    assert.deepEqual(
      rest.files.map(({ name }) => name),
      ['c', 'd'],
    );
    await refused(store.stat('b'), 'not-found');
  },

  'what was put or renamed is on the pages that are asked for later': async (store) => {
    const count = 300;
    const names = Array.from({ length: count }, (_, i) => `f/${String(i).padStart(3, '0')}`);
    for (const name of names) await value(put(store, name, ''));
    const page = await value(store.list({ limit: 10 }));
    assert.equal(page.next, 'f/009');
    await value(put(store, 'f/009.5', ''));
    await value(put(store, 'f/150.d/below', ''));
    await value(store.rename('f/000', 'f/zzz'));
    await value(store.remove('f/020'));
    const expected = [...names.slice(10), 'f/009.5', 'f/150.d/below', 'f/zzz'].filter(
      (name) => name !== 'f/020',
    );
    const rest: string[] = [];
    for (let after: string | undefined = page.next; after !== undefined; ) {
      const listed: Listing = await value(store.list({ limit: 10, after }));
      rest.push(...listed.files.map(({ name }) => name));
      after = listed.next;
    }
    assert.deepEqual(rest, expected.sort());
  },

  'a list that is aborted is answered, and others are not disturbed': async (store) => {
    for (const name of ordered) await value(put(store, name, ''));
    const [before, meanwhile] = [new AbortController(), new AbortController()];
    before.abort();
    const aborted = [
      store.list({ limit: 100, signal: before.signal }),
      store.list({ limit: 100, signal: meanwhile.signal }),
    ];
    const others = Array.from({ length: 5 }, () => namesIn(store, 5));
    meanwhile.abort();
    for (const answer of aborted) assert.equal(typeof (await answer).ok, 'boolean');
    for (const names of await Promise.all(others)) assert.deepEqual(names, ordered);
  },
};
