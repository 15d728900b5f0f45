/** Changes of several processes on one root at the same time, to the same names and folders. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { contentOf, namesIn, put, refused, textOf, value } from '../../../src/store/conformance/case.ts';
import type { FileStore, Outcome } from '../../../src/store/contract.ts';
import { sharedQuotas } from '../../../src/store/shared/shared-quotas.ts';
import { cases, testSeed } from '../../support/random/cases.ts';
import { between, oneOf, randomFrom } from '../../support/random/seeded.ts';
import { DISK_MODES, optionsOf } from '../../support/stores/disk-modes.ts';
import { interceptedFileSystem } from '../../support/stores/fs-intercepted.ts';
import { openSharedRoot, type SharedRoot } from '../../support/stores/shared-root.ts';
import { rootForEachTest, storedIn, temporariesIn } from '../../support/stores/store-roots.ts';

let root: string;
rootForEachTest((path) => {
  root = path;
});
let shared: SharedRoot | undefined;
afterEach(async () => {
  await shared?.close();
  shared = undefined;
});

/** Few names, of which some are folders of others, so that folders come and go. */
const NAMES = ['a', 'b/c', 'b/d', 'b/e/f', 'g/h/i', 'g/h', 'b'] as const;
/** What may come of a change, when others change the same names. */
const EXPECTED = new Set(['not-found', 'exists', 'name-conflict']);
const OPERATIONS = Math.min(4000, cases(400));
const AT_ONCE = 12;

for (const mode of DISK_MODES) {
  for (const hasQuotas of [false, true]) {
    it(`${mode}${hasQuotas ? ', with quotas' : ''}: changes at once leave whole files, and no errors of the store`, async () => {
      const quotas = () => [{ prefix: '', bytes: 1e9 }];
      shared = await openSharedRoot(root, 3, optionsOf(mode), hasQuotas ? { quotas } : {});
      const { processes, owner } = shared;
      const stores = processes.map(({ store, member }) => (hasQuotas ? sharedQuotas(store, member) : store));
      const random = randomFrom(testSeed);
      const unexpected: string[] = [];
      const note = <T>(what: string, outcome: Outcome<T>) => {
        if (!outcome.ok && !EXPECTED.has(outcome.error.code))
          unexpected.push(`${what}: ${outcome.error.code} ${outcome.error.message}`);
      };
      const change = async (store: FileStore) => {
        const [name, other] = [oneOf(random, NAMES), oneOf(random, NAMES)];
        const ifAbsent = random() < 0.3;
        const kind = random();
        if (kind < 0.5)
          note(`put ${name}`, await put(store, name, 'x'.repeat(between(random, 1, 50)), { ifAbsent }));
        else if (kind < 0.75) note(`remove ${name}`, await store.remove(name));
        else note(`rename ${name} ${other}`, await store.rename(name, other, { ifAbsent }));
      };
      let left = OPERATIONS;
      const changeOn = async () => {
        while (left-- > 0) await change(oneOf(random, stores as [FileStore, ...FileStore[]]));
      };
      await Promise.all(Array.from({ length: AT_ONCE }, changeOn));
      expect(unexpected).toEqual([]);
      const names = storedIn(root).sort();
      let bytes = 0;
      for (const store of stores) {
        expect((await namesIn(store)).sort()).toEqual(names);
        bytes = 0;
        for (const name of names) {
          expect(await textOf(store, name)).toMatch(/^x+$/);
          bytes += (await contentOf(store, name)).length;
        }
      }
      expect(temporariesIn(root)).toEqual([]);
      if (!hasQuotas) return;
      // A put that asks has what is not counted counted again.
      await stores[0]!.put('last', { size: 2e9 });
      expect(owner.usage()).toEqual([{ prefix: '', bytes: 1e9, used: bytes, reserved: 0 }]);
    });
  }
}

it('a rename of a file that has become a folder meanwhile, and leads into that, finds no file', async () => {
  let swap = () => {};
  const fs = interceptedFileSystem({
    before: ({ name, args }) => {
      if (name === 'open' && String(args[0]).endsWith('/file')) swap();
      return undefined;
    },
  });
  shared = await openSharedRoot(root, 1, { fs });
  const { store } = shared.processes[0]!;
  await value(put(store, 'a/file', 'x'));
  swap = () => {
    swap = () => {};
    rmSync(join(root, 'a/file'));
    mkdirSync(join(root, 'a/file'));
  };
  await refused(store.rename('a/file', 'a/file/below'), 'not-found');
});

describe('a file that must not be there', () => {
  it('is stored by one of three processes that put it at once, and is whole', async () => {
    shared = await openSharedRoot(root, 3, { durability: 'os' });
    const { processes } = shared;
    for (let round = 0; round < 20; round++) {
      const name = `folder-${round % 3}/${round}`;
      const outcomes = await Promise.all(
        processes.map(({ store }, i) => put(store, name, `by ${i}`, { ifAbsent: true })),
      );
      const winners = outcomes.flatMap(({ ok }, i) => (ok ? [i] : []));
      expect(winners).toHaveLength(1);
      for (const outcome of outcomes) if (!outcome.ok) expect(outcome.error.code).toBe('exists');
      expect(await textOf(processes[0]!.store, name)).toBe(`by ${winners[0]}`);
    }
  });

  it('a folder that one process has removed is made again by the next put of another', async () => {
    shared = await openSharedRoot(root, 2, { durability: 'os' });
    const [one, other] = shared.processes.map(({ store }) => store);
    for (let round = 0; round < 5; round++) {
      await value(put(one!, 'a/b/c', 'one'));
      await value(one!.remove('a/b/c'));
      // Its folder is in the way, and goes.
      await value(put(other!, 'a', 'other'));
      await value(other!.remove('a'));
      await value(put(one!, 'a/b/d', 'one'));
      await value(other!.remove('a/b/d'));
    }
    expect(await namesIn(one!)).toEqual([]);
  });
});
