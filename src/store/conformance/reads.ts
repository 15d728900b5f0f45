/** The contract of `open`, `stat` and sources. */
import assert from 'node:assert/strict';
import { type ContractCase, contentOf, pattern, put, refused, textOf, value } from './case.ts';

export const readCases: Readonly<Record<string, ContractCase>> = {
  'what is not there is not found': async (store) => {
    await value(put(store, 'folder/file', 'x'));
    for (const name of ['nothing', 'folder/nothing', 'no/folder', 'folder', 'folder/file/below']) {
      await refused(store.stat(name), 'not-found');
      await refused(store.open(name), 'not-found');
    }
  },

  'ranges can be read, in any order and at once': async (store) => {
    const content = pattern(500_000);
    await value(put(store, 'ranges', content));
    const source = await value(store.open('ranges'));
    assert.equal(source.size, content.length);
    const ranges: [number, number][] = [
      [0, 0],
      [0, 1],
      [499_999, 1],
      [100, 300_000],
      [1, 499_999],
      [250_000, 10],
    ];
    const read = await Promise.all(ranges.map(([offset, length]) => value(source.read(offset, length))));
    for (const [i, [offset, length]] of ranges.entries()) {
      assert.deepEqual(new Uint8Array(read[i] ?? []), content.subarray(offset, offset + length));
    }
    await source.close();
  },

  'a read that reaches past the end gives what there is': async (store) => {
    await value(put(store, 'short', 'abcdef'));
    const source = await value(store.open('short'));
    assert.equal(Buffer.from(await value(source.read(4, 100))).toString(), 'ef');
    assert.equal((await value(source.read(6, 100))).length, 0);
    assert.equal((await value(source.read(1e9, 100))).length, 0);
    await source.close();
  },

  'what is read is the same in memory of the caller, however long that is': async (store) => {
    const content = pattern(300_000);
    await value(put(store, 'given', content));
    const source = await value(store.open('given'));
    const memory = new Uint8Array(400_000).fill(0xaa);
    for (const [offset, length] of [
      [0, 300_000],
      [100, 200],
      [299_999, 100_000],
      [300_000, 1],
    ] as const) {
      const read = new Uint8Array(await value(source.read(offset, length, memory)));
      assert.deepEqual(read, content.subarray(offset, offset + length));
    }
    await source.close();
  },

  'what was read belongs to the caller': async (store) => {
    await value(put(store, 'mine', 'abc'));
    const source = await value(store.open('mine'));
    (await value(source.read(0, 3))).fill(0);
    await source.close();
    assert.equal(await textOf(store, 'mine'), 'abc');
  },

  'an opened file stays what it was': async (store) => {
    const old = pattern(200_000, 1);
    await value(put(store, 'replaced', old));
    await value(put(store, 'removed', old));
    await value(put(store, 'moved', old));
    const sources = await Promise.all(
      ['replaced', 'removed', 'moved'].map((name) => value(store.open(name))),
    );
    await value(put(store, 'replaced', 'new'));
    await value(store.remove('removed'));
    await value(store.rename('moved', 'elsewhere'));
    for (const source of sources) {
      assert.equal(source.size, old.length);
      assert.deepEqual(new Uint8Array(await value(source.read(0, source.size))), old);
      await source.close();
    }
    assert.equal((await contentOf(store, 'replaced')).length, 3);
  },

  'a file may be closed while it is read': async (store) => {
    await value(put(store, 'closed', pattern(400_000)));
    const source = await value(store.open('closed'));
    const reads = [source.read(0, 400_000), source.read(10, 200_000)];
    await source.close();
    for (const read of reads) assert.ok((await value(read)).length > 0);
  },
};
