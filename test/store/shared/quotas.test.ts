/** Quotas of several processes on one root, kept by their owner. */
import { afterEach, describe, expect, it } from 'vitest';
import { pattern, put, refused, value } from '../../../src/store/conformance/case.ts';
import type { FileStore, PutOptions, Sink } from '../../../src/store/contract.ts';
import type { Quota } from '../../../src/store/quota/quotas.ts';
import { sharedQuotas } from '../../../src/store/shared/shared-quotas.ts';
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

const small: readonly Quota[] = [
  { prefix: '', bytes: 1000 },
  { prefix: 'a/', bytes: 500 },
];

async function openStores(count: number, quotas = () => small) {
  shared = await openSharedRoot(root, count, { durability: 'os' }, { quotas });
  const { owner, processes, settle } = shared;
  const stores = processes.map(({ store, member }) => sharedQuotas(store, member));
  return { owner, processes, settle, stores, one: stores[0]!, other: stores[1]! };
}

async function begin(
  store: FileStore,
  name: string,
  size: number,
  options: Partial<PutOptions> = {},
): Promise<Sink> {
  const sink = await value(store.put(name, { size, ...options }));
  await value(sink.write([pattern(size)]));
  return sink;
}

const use = (used: number, reserved: number) => expect.objectContaining({ used, reserved });

describe('quotas of several processes', () => {
  it('the bytes that a put in one process has reserved are not free in another', async () => {
    const { owner, settle, one, other } = await openStores(2);
    const sink = await begin(one, 'a/1', 400);
    await refused(other.put('a/2', { size: 200 }), 'quota-exceeded');
    expect(owner.usage()).toEqual([use(0, 400), use(0, 400)]);
    await value(sink.commit());
    await settle();
    expect(owner.usage()).toEqual([use(400, 0), use(400, 0)]);
    await refused(put(other, 'a/2', pattern(200)), 'quota-exceeded');
    await value(other.remove('a/1'));
    await value(put(one, 'a/2', pattern(200)));
  });

  it('a file that replaces one of another process counts once', async () => {
    const { owner, settle, one, other } = await openStores(2);
    await value(put(one, 'a/1', pattern(400)));
    await value(put(other, 'a/1', pattern(450)));
    await value(other.rename('a/1', 'b'));
    await settle();
    expect(owner.usage()).toEqual([use(450, 0), use(0, 0)]);
  });

  it('of puts in all processes at once as many are stored as the quota has room for', async () => {
    const { stores, one } = await openStores(3);
    const puts = Array.from({ length: 30 }, (_, i) => put(stores[i % 3]!, `a/${i}`, pattern(100)));
    const stored = (await Promise.all(puts)).filter(({ ok }) => ok);
    expect(stored).toHaveLength(5);
    expect((await value(one.list({ limit: 100 }))).files).toHaveLength(5);
  });

  it('a put that is aborted, that fails or is taken over frees what it had reserved', async () => {
    const { owner, settle, one, other } = await openStores(2);
    await (await begin(one, 'a/1', 400)).abort();
    await refused((await begin(one, 'a/1', 400, { crc32: 1 })).commit(), 'crc-mismatch');
    await begin(one, 'x', 900, { upload: 'key' });
    await value(other.resume('key'));
    await settle();
    expect(owner.usage()).toEqual([use(0, 0), use(0, 0)]);
    await refused(other.put('y', { size: 200 }), 'quota-exceeded');
    const resumed = await value(other.put('x', { size: 900, upload: 'key', offset: 900 }));
    await value(resumed.commit());
  });

  it('a process that dies gives back what it had reserved', async () => {
    const { owner, processes, one, other } = await openStores(2);
    await begin(one, 'a/1', 400);
    processes[0]!.cut();
    processes[0]!.joined.left();
    expect(owner.usage()).toEqual([use(0, 0), use(0, 0)]);
    await value(put(other, 'a/2', pattern(400)));
  });

  it('files of a process that died during its change are counted again', async () => {
    const { owner, processes, one, other } = await openStores(2);
    await value(put(one, 'a/1', pattern(100)));
    const { store, calls, joined, cut } = processes[0]!;
    // The process gets its turn, and dies when it has made its change, before it says so.
    expect(
      await calls.toOwner.call('quota.put', { id: 77, name: 'a/2', options: { size: 300 } }),
    ).toMatchObject({ ok: true });
    expect(await calls.toOwner.call('quota.commit', { id: 77 })).toMatchObject({ ok: true });
    await value(put(store, 'a/2', pattern(300)));
    cut();
    joined.left();
    await refused(put(other, 'a/3', pattern(200)), 'quota-exceeded');
    expect(owner.usage()).toEqual([use(400, 0), use(400, 0)]);
  });

  it('changes are refused, and nothing is left of a put, when the owner is gone', async () => {
    const { processes, one } = await openStores(1);
    const sink = await begin(one, 'a/1', 400);
    processes[0]!.cut();
    await processes[0]!.calls.toOwner.closed;
    await refused(sink.commit(), 'unavailable');
    await refused(one.put('a/1', { size: 1 }), 'unavailable');
    await refused(one.remove('a/1'), 'unavailable');
    await refused(one.rename('a/1', 'b'), 'unavailable');
    expect((await value(one.list({ limit: 10 }))).files).toEqual([]);
  });
});
