/** A copy that was interrupted goes on in another process: over stores that were closed and are opened anew. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { contentOf, put, value } from '../../../src/store/conformance/case.ts';
import type { FileStore } from '../../../src/store/contract.ts';
import { openDiskStore } from '../../../src/store/disk/disk-store.ts';
import { needEngine } from '../../support/engines/engines.ts';
import { bytesFrom } from '../../support/random/seeded.ts';
import { copy, counted, interrupted } from '../../support/stores/copies.ts';
import { newSchema, openNode, sharedEngines } from '../../support/stores/s3-nodes.ts';
import { tempFolder } from '../../support/stores/temp-folder.ts';

const MiB = 1024 * 1024;
const film = bytesFrom(1, 20 * MiB + 7);

async function goesOn(openFrom: () => Promise<FileStore>, openTo: () => Promise<FileStore>) {
  let [from, to] = [await openFrom(), await openTo()];
  const closeBoth = async () => {
    await from.close();
    await to.close();
  };
  await put(from, 'film', film, { mtime: 1000 });
  expect((await interrupted(from, to, 13 * MiB)).result).toMatchObject({ kept: [{ filename: 'film' }] });
  await closeBoth();
  [from, to] = [await openFrom(), await openTo()];
  const there = counted(to);
  expect((await copy(from, there.to)).result).toMatchObject({ files: 1, failed: 0 });
  expect(there.written.bytes).toBe(film.length - 13 * MiB);
  expect(Buffer.from(await contentOf(to, 'film')).equals(film)).toBe(true);
  expect(await value(to.stat('film'))).toMatchObject({ mtime: 1000 });
  await closeBoth();
}

const folder = () => {
  const root = tempFolder();
  return (name: string) => () => value(openDiskStore(join(root, name), { durability: 'os' }));
};

test('a large file goes on from a folder to another, and only the rest is written', async () => {
  const open = folder();
  await goesOn(open('from'), open('to'));
});

describe.skipIf(!needEngine('ceph') || !needEngine('postgres'))('with a bucket', () => {
  test('a large file goes on to a bucket and from it, and only the rest is written', async () => {
    const open = folder();
    const engines = await sharedEngines();
    for (const direction of ['to', 'from']) {
      const schema = newSchema();
      const node = () => openNode(engines, schema);
      await (direction === 'to' ? goesOn(open('a'), node) : goesOn(node, open('b')));
    }
  }, 60_000);
});
