/** The contract of the checksums that come with files: none, or the right one. */
import assert from 'node:assert/strict';
import type { FileStore } from '../contract.ts';
import { crc32 } from '../crc32.ts';
import { type ContractCase, contentOf, pattern, put, value } from './case.ts';

/** Asserts that the checksum of a file, if there is one, is that of its content. */
async function sumIsRight(store: FileStore, name: string): Promise<void> {
  const actual = crc32(await contentOf(store, name));
  const source = await value(store.open(name));
  const summed = await value(store.stat(name, { checksum: true }));
  const said = [(await value(store.stat(name))).crc32, source.crc32, summed.crc32];
  await source.close();
  for (const sum of said) if (sum !== undefined) assert.equal(sum, actual, `the sum of ${name}`);
}

export const sumCases: Readonly<Record<string, ContractCase>> = {
  'a sum that is given is that of the content, whatever the name was used for': async (store) => {
    // All have one size and time, so these do not tell them apart.
    const same = { mtime: 1_000_000 };
    await value(put(store, 'a', pattern(1000, 1), same));
    await sumIsRight(store, 'a');
    await value(put(store, 'a', pattern(1000, 2), same));
    await sumIsRight(store, 'a');
    await value(put(store, 'b/c', pattern(1000, 3), same));
    await value(store.rename('a', 'b/c'));
    await sumIsRight(store, 'b/c');
    await value(put(store, 'a', pattern(1000, 4), same));
    await sumIsRight(store, 'a');
    await value(store.rename('b/c', 'd', { ifAbsent: true }));
    await value(store.remove('a'));
    await value(put(store, 'a', pattern(1000, 5), same));
    for (const name of ['a', 'd']) await sumIsRight(store, name);
  },

  'of puts to one name at once the sum is that of the one that is there': async (store) => {
    await Promise.all(
      Array.from({ length: 20 }, (_, i) => put(store, 'raced', pattern(500, i), { mtime: 0 })),
    );
    await sumIsRight(store, 'raced');
  },
};
