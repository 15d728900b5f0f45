/** Lists and checksums in one process of files that another process on the root has stored. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { namesIn, pattern, put, value } from '../../../src/store/conformance/case.ts';
import type { FileStore, Listing } from '../../../src/store/contract.ts';
import { crc32 } from '../../../src/store/crc32.ts';
import { commonTime, createAddedNames } from '../../../src/store/shared/added-names.ts';
import { openSharedRoot, type SharedRoot } from '../../support/stores/shared-root.ts';
import { rootForEachTest } from '../../support/stores/store-roots.ts';

let root: string;
rootForEachTest((path) => {
  root = path;
});
let shared: SharedRoot | undefined;
afterEach(async () => {
  await shared?.close();
  shared = undefined;
});

/** Folders of more than 64 names are large, and are read once for all pages. */
const listing = { batchEntries: 16, smallBatchesMax: 4, cachedNamesMin: 16, continueMsMin: 60_000 };

async function openStores(count: number, stand?: Parameters<typeof openSharedRoot>[4]) {
  shared = await openSharedRoot(root, count, { durability: 'os', listing }, {}, stand);
  const [one, other] = shared.processes.map(({ store }) => store);
  return { ...shared, one: one!, other: other! };
}

const numbered = (count: number, suffix = '') =>
  Array.from({ length: count }, (_, i) => `f/${String(i).padStart(3, '0')}${suffix}`);

async function restOf(store: FileStore, after: string): Promise<string[]> {
  const names: string[] = [];
  for (let from: string | undefined = after; from !== undefined; ) {
    const page: Listing = await value(store.list({ limit: 50, after: from }));
    names.push(...page.files.map(({ name }) => name));
    from = page.next;
  }
  return names;
}

describe('a list in one process', () => {
  for (const count of [40, 300]) {
    it(`that goes on in a folder of ${count} names shows what another process has stored meanwhile`, async () => {
      const { one, other } = await openStores(2);
      const names = numbered(count);
      for (const name of names) await value(put(one, name, ''));
      expect((await value(one.list({ limit: 10 }))).next).toBe('f/009');
      await value(put(other, 'f/020.5', ''));
      await value(other.rename('f/000', 'f/zzz'));
      await value(put(other, 'f/030.d/below', ''));
      expect(await restOf(one, 'f/009')).toEqual(
        [...names.slice(10), 'f/020.5', 'f/030.d/below', 'f/zzz'].sort(),
      );
    });
  }

  it('that goes on reads its folder no more than once, also while another process stores files', async () => {
    let asked = 0;
    const { one, other, processes } = await openStores(2, (handlers) => ({
      ...handlers,
      'root.added': (about: never) => {
        asked += 1;
        return handlers['root.added']!(about);
      },
    }));
    expect(processes).toHaveLength(2);
    for (const name of numbered(300)) await value(put(one, name, ''));
    await value(one.list({ limit: 10 }));
    // What no store is told of is seen by those alone who read the folder again.
    writeFileSync(join(root, 'f/299.5'), '');
    const added = numbered(10, '.new').slice(1);
    let after: string | undefined = 'f/009';
    const shown: string[] = [];
    for (let i = 0; after !== undefined; i++) {
      const late = `f/2${String(i).padStart(2, '0')}.late`;
      await value(put(other, late, ''));
      added.push(late);
      const page: Listing = await value(one.list({ limit: 40, after }));
      shown.push(...page.files.map(({ name }) => name));
      after = page.next;
    }
    expect(asked).toBeGreaterThan(3);
    expect(shown).not.toContain('f/299.5');
    expect(shown.filter((name) => name.endsWith('.late')).length).toBeGreaterThan(3);
  });

  it('that goes on reads its folder again when a process has ended, of which nobody knows what it stored', async () => {
    const { one, other, processes } = await openStores(2);
    for (const name of numbered(300)) await value(put(one, name, ''));
    await value(one.list({ limit: 10 }));
    await value(put(other, 'f/299.5', ''));
    await other.close();
    processes[1]!.joined.left();
    expect(await restOf(one, 'f/009')).toContain('f/299.5');
  });

  it('begins with all that other processes have stored', async () => {
    const { one, other } = await openStores(2);
    for (const name of numbered(100)) await value(put(one, name, ''));
    await namesIn(other);
    await value(put(one, 'f/050.5', ''));
    expect(await namesIn(other)).toContain('f/050.5');
  });
});

describe('the names that a process has published', () => {
  it('are known from a time on, below a folder', () => {
    const added = createAddedNames();
    added.note('a/1');
    const time = commonTime();
    for (const name of ['a/2', 'b/1', 'a/c/3']) added.note(name);
    expect(added.since('a', time)).toEqual(['a/c/3', 'a/2']);
    expect(added.since('', time)).toHaveLength(3);
    expect(added.since('c', time)).toEqual([]);
  });

  it('are not known when they were too many', () => {
    const added = createAddedNames();
    const time = commonTime();
    for (let i = 0; i < 20_000; i++) added.note(`a/${i}`);
    expect(added.since('a', time)).toBeNull();
    expect(added.since('b', time)).toBeNull();
    expect(added.since('b', commonTime())).toEqual([]);
  });
});

describe('the checksum of a file', () => {
  it('that one process has stored is said by all, as long as the file is unchanged', async () => {
    const { one, other } = await openStores(2);
    const content = pattern(1000);
    await value(put(one, 'a', content));
    expect((await value(other.stat('a'))).crc32).toBe(crc32(content));
    const source = await value(other.open('a'));
    expect(source.crc32).toBe(crc32(content));
    await source.close();
    await value(put(other, 'a', pattern(1000, 2)));
    expect((await value(one.stat('a'))).crc32).toBe(crc32(pattern(1000, 2)));
    writeFileSync(join(root, 'a'), pattern(1000, 3));
    expect((await value(one.stat('a'))).crc32).toBeUndefined();
  });
});
