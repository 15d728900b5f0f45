/** A hook of a store with quotas: while it is asked about a file, nobody else waits. */
import { afterEach, describe, expect, it } from 'vitest';
import { type Accept, withAccept } from '../../../src/store/accept/with-accept.ts';
import { pattern, put, refused, value } from '../../../src/store/conformance/case.ts';
import type { FileStore } from '../../../src/store/contract.ts';
import { memoryStore } from '../../../src/store/memory/memory-store.ts';
import { type Quota, type QuotaUse, withQuotas } from '../../../src/store/quota/quotas.ts';
import { sharedQuotas } from '../../../src/store/shared/shared-quotas.ts';
import { openSharedRoot } from '../../support/stores/shared-root.ts';
import { rootForEachTest } from '../../support/stores/store-roots.ts';

let root: string;
rootForEachTest((path) => {
  root = path;
});
const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

const all: Quota = { prefix: '', bytes: 100 };

interface Opened {
  readonly store: FileStore;
  readonly usage: () => Promise<readonly QuotaUse[]>;
}

const kinds: Readonly<Record<string, (quotas: () => readonly Quota[]) => Promise<Opened>>> = {
  'of one process': async (quotas) => {
    const store = withQuotas(memoryStore(), quotas);
    ends.push(() => store.close());
    return { store, usage: async () => store.usage() };
  },
  'that another process owns': async (quotas) => {
    const shared = await openSharedRoot(root, 1, { durability: 'os' }, { quotas });
    ends.push(() => shared.close());
    const { store, member } = shared.processes[0]!;
    const usage = async () => {
      await shared.settle();
      return shared.owner.usage();
    };
    return { store: sharedQuotas(store, member), usage };
  },
};

/** A hook that answers about `held` when it is told to, and takes everything else. */
function heldHook() {
  const asked: ((answer: string | null) => void)[] = [];
  const accept: Accept = ({ name }) => (name === 'held' ? new Promise((answer) => asked.push(answer)) : null);
  return { asked, accept };
}

describe.each(Object.keys(kinds))('a hook of a store with quotas %s', (kind) => {
  it('while it is asked about a file, the name can be removed, and other puts to it begin', async () => {
    const { store, usage } = await kinds[kind]!(() => [all]);
    await value(put(store, 'held', pattern(30)));
    const { asked, accept } = heldHook();
    const asking = withAccept(store, accept);
    const waiting = put(asking, 'held', pattern(40));
    await expect.poll(() => asked.length).toBe(1);
    expect(await usage()).toEqual([{ ...all, used: 30, reserved: 10 }]);
    await value(asking.remove('held'));
    expect(await usage()).toEqual([{ ...all, used: 0, reserved: 40 }]);
    await refused(asking.put('held', { size: 101 }), 'quota-exceeded');
    await value(put(store, 'held', pattern(20)));
    asked[0]!(null);
    await value(waiting);
    expect(await usage()).toEqual([{ ...all, used: 40, reserved: 0 }]);
  });

  it('while it is asked about a file, a quota that is new is counted', async () => {
    let quotas: readonly Quota[] = [all];
    const { store, usage } = await kinds[kind]!(() => quotas);
    const { asked, accept } = heldHook();
    const asking = withAccept(store, accept);
    const waiting = put(asking, 'held', pattern(40));
    await expect.poll(() => asked.length).toBe(1);
    quotas = [all, { prefix: 'h', bytes: 90 }];
    await value(put(asking, 'hello', pattern(10)));
    asked[0]!(null);
    await value(waiting);
    expect((await usage()).map(({ used, reserved }) => [used, reserved])).toEqual([
      [50, 0],
      [50, 0],
    ]);
  });

  it('a file that it refuses frees what was reserved for it', async () => {
    const { store, usage } = await kinds[kind]!(() => [all]);
    const asking = withAccept(store, () => 'no');
    await refused(put(asking, 'a', pattern(90)), 'rejected');
    expect(await usage()).toEqual([{ ...all, used: 0, reserved: 0 }]);
    await value(put(store, 'b', pattern(100)));
  });
});
