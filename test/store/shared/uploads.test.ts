/** Uploads of several processes on one root under one owner. */
import { createHash } from 'node:crypto';
import { readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { CallHandlers } from '../../../src/base/calls.ts';
import { contentOf, namesIn, pattern, refused, value } from '../../../src/store/conformance/case.ts';
import type { FileStore, PutOptions, Sink } from '../../../src/store/contract.ts';
import { crc32 } from '../../../src/store/crc32.ts';
import type { DiskStoreOptions } from '../../../src/store/disk/disk-store.ts';
import { REGISTRY_TIMES } from '../../../src/store/shared/key-states.ts';
import type { RootOwnerOptions } from '../../../src/store/shared/root-owner.ts';
import { interceptedFileSystem } from '../../support/stores/fs-intercepted.ts';
import { openSharedRoot, type SharedRoot, type SharingProcess } from '../../support/stores/shared-root.ts';
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

const content = pattern(300_000);
const none = { offset: 0, crc32: 0 };
const firstOf = (length: number) => ({ offset: length, crc32: crc32(content.subarray(0, length)) });

interface Opening {
  readonly count?: number;
  readonly options?: DiskStoreOptions;
  readonly ofOwner?: RootOwnerOptions;
  readonly stand?: (handlers: CallHandlers) => CallHandlers;
}

async function openStores({ count = 2, options, ofOwner, stand }: Opening = {}) {
  shared = await openSharedRoot(root, count, options, ofOwner, stand);
  const [one, other, third] = shared.processes.map(({ store }) => store);
  return { ...shared, one: one!, other: other!, third: third! };
}

async function begin(store: FileStore, to: number, options: Partial<PutOptions> = {}): Promise<Sink> {
  const sink = await value(store.put('file', { size: content.length, upload: 'key', ...options }));
  await value(sink.write([content.subarray(options.offset ?? 0, to)]));
  return sink;
}

const isWhole = async (store: FileStore) => Buffer.from(await contentOf(store, 'file')).equals(content);

/** A function to give as `taken`, and the number of its calls. */
function counter() {
  const calls = { count: 0, taken: () => void calls.count++ };
  return calls;
}

const foldersOfOwners = () => readdirSync(join(root, '.sluice/tmp'));

/**
 * A way to have the process of a store die, as far as others see it: its folder gets the name of a dead process, and its
 * channel closes.
 */
function mortal() {
  const deadNames = new Map<string, string>();
  const stand = (handlers: CallHandlers): CallHandlers => ({
    ...handlers,
    'root.rescue': (folder: string) => handlers['root.rescue']!((deadNames.get(folder) ?? folder) as never),
  });
  const kill = ({ cut, joined, folder }: SharingProcess) => {
    const dead = folder.replace(/^\d+-\d+/, '999999999-1');
    deadNames.set(folder, dead);
    renameSync(join(root, '.sluice/tmp', folder), join(root, '.sluice/tmp', dead));
    cut();
    joined.left();
  };
  return { stand, kill };
}

describe('an upload that a put of another process has', () => {
  it('a put in another process takes it over with all that was written, and finishes it', async () => {
    const { one, other } = await openStores();
    const older = counter();
    const first = await begin(one, 100_000, { taken: older.taken });
    const second = await begin(other, content.length, { offset: 100_000 });
    expect(older.count).toBe(1);
    await refused(first.write([content.subarray(100_000)]), 'upload-taken');
    await refused(first.commit(), 'upload-taken');
    await value(second.commit());
    expect(await isWhole(one)).toBe(true);
  });

  it('a resume in another process counts in a write that is under way', async () => {
    const { one, other } = await openStores();
    const sink = await begin(one, 50_000);
    const writing = sink.write([content.subarray(50_000, 250_000)]);
    const resumed = other.resume('key');
    await value(writing);
    expect(await value(resumed)).toEqual(firstOf(250_000));
  });

  it('a cancel in another process drops it', async () => {
    const { one, other, settle } = await openStores();
    const older = counter();
    await begin(one, 1000, { taken: older.taken });
    await value(other.cancel('key'));
    expect(older.count).toBe(1);
    await refused(other.cancel('key'), 'not-found');
    expect(await value(one.resume('key'))).toEqual(none);
    await settle();
    expect(one.unfinished()).toEqual({ count: 0, bytes: 0 });
  });

  it('a commit that is under way in another process is not taken over', async () => {
    const { one, other } = await openStores();
    const older = counter();
    const sink = await begin(one, content.length, { taken: older.taken });
    const committing = sink.commit();
    const resumed = other.resume('key');
    await value(committing);
    expect(await value(resumed)).toEqual(none);
    expect(older.count).toBe(0);
    expect(await isWhole(other)).toBe(true);
  });

  it('of puts in three processes at once one has it in the end, with what was there', async () => {
    const { processes, one, settle, owner } = await openStores({ count: 3 });
    await (await begin(one, 1000)).abort();
    const tries = Array.from({ length: 30 }, (_, i) => ({ store: processes[i % 3]!.store, is: counter() }));
    const outcomes = await Promise.all(
      tries.map(({ store, is: { taken } }) =>
        store.put('file', { size: content.length, upload: 'key', offset: 1000, taken }),
      ),
    );
    expect(tries.filter(({ is }) => is.count === 1)).toHaveLength(29);
    await settle();
    expect(owner.unfinished().count).toBe(1);
    const last = outcomes.find((outcome, i) => outcome.ok && tries[i]?.is.count === 0);
    const sink = await value(last!);
    await value(sink.write([content.subarray(1000)]));
    await value(sink.commit());
    expect(await isWhole(one)).toBe(true);
  });

  it('a put that hashes what is stored gives up when another process wants the upload', async () => {
    let onRead = () => {};
    const fs = interceptedFileSystem({
      before: ({ name }) => {
        if (name === 'read') onRead();
        return undefined;
      },
    });
    const { one, other } = await openStores({ options: { fs } });
    const large = Buffer.alloc(10_000_000, 'content');
    const sha256 = createHash('sha256').update(large).digest('hex');
    const first = await value(one.put('file', { size: large.length, upload: 'key' }));
    await value(first.write([large.subarray(0, 9_900_000)]));
    await first.abort();
    let resumed: ReturnType<FileStore['resume']> | undefined;
    onRead = () => {
      resumed ??= other.resume('key');
    };
    const again = one.put('file', { size: large.length, upload: 'key', offset: 9_900_000, sha256 });
    await refused(again, 'upload-taken');
    expect((await value(resumed!)).offset).toBe(9_900_000);
  });
});

describe('the uploads of all processes', () => {
  it('together are not more than the owner allows', async () => {
    const { processes, one, other, third } = await openStores({ count: 3, ofOwner: { maxUploads: 3 } });
    const put = (store: FileStore, upload: string) => store.put('x', { size: 10, upload });
    await value(put(one, 'a'));
    await value(put(other, 'b'));
    const both = await Promise.all([put(one, 'c'), put(third, 'd')]);
    expect(both.filter(({ ok }) => ok)).toHaveLength(1);
    for (const { store } of processes) await refused(put(store, 'e'), 'too-many-uploads');
    await value(put(third, 'a'));
    await value(other.cancel('a'));
    await value(put(other, 'e'));
  });

  it('are counted in each process, and by the owner', async () => {
    const { owner, one, other, third, settle } = await openStores({ count: 3 });
    await begin(one, 1000);
    await begin(other, 200, { upload: 'second' });
    await (await begin(third, 30, { upload: 'third' })).abort();
    await settle();
    for (const store of [one, other, third, owner])
      expect(store.unfinished()).toEqual({ count: 3, bytes: 1230 });
  });

  it('that are old are removed by one process, also those that another has stored', async () => {
    let sweep: (() => void)[] = [];
    let now = Date.now();
    const clock = {
      now: () => now,
      every: (_: number, work: () => void) => {
        sweep.push(work);
        return () => {
          sweep = sweep.filter((each) => each !== work);
        };
      },
    };
    const { owner, one, other, third, settle } = await openStores({ count: 3, options: { clock } });
    await (await begin(other, 1000)).abort();
    await (await begin(third, 1000, { upload: 'active' })).abort();
    now += 25 * 60 * 60 * 1000;
    await begin(third, 2000, { upload: 'active', offset: 1000 });
    for (const work of sweep) work();
    await vi.waitUntil(() => owner.unfinished().count === 1);
    expect(await value(one.resume('key'))).toEqual(none);
    await settle();
    expect(owner.unfinished()).toEqual({ count: 1, bytes: 2000 });
  });

  it('that were there before are known to the owner once a process has opened its store', async () => {
    const before = await openStores({ count: 1 });
    await (await begin(before.one, 1000)).abort();
    await before.close();
    const { owner, settle } = await openStores({ count: 2 });
    await settle();
    expect(owner.unfinished()).toEqual({ count: 1, bytes: 1000 });
  });
});

describe('an upload of a process that died', () => {
  it('goes to the next that asks, with at least what was acknowledged', async () => {
    const { stand, kill } = mortal();
    const { processes, one, other, settle, owner } = await openStores({ stand });
    const sink = await begin(one, 100_000);
    expect(await value(sink.sync())).toEqual(firstOf(100_000));
    kill(processes[0]!);
    expect(await value(other.resume('key'))).toEqual(firstOf(100_000));
    const second = await begin(other, content.length, { offset: 100_000 });
    await value(second.commit());
    expect(await isWhole(other)).toBe(true);
    expect(foldersOfOwners()).toHaveLength(1);
    expect(owner.unfinished()).toEqual({ count: 0, bytes: 0 });
    processes.shift();
    await settle();
    await one.close();
  });

  it('is waited for until what it has left is saved, and refused when that takes too long', async () => {
    let isRefused = true;
    const { stand, kill } = mortal();
    const times = { ...REGISTRY_TIMES, freeMs: 50, againMs: 1 };
    const { processes, one, other } = await openStores({
      ofOwner: { times },
      stand: (handlers) => {
        const mortals = stand(handlers);
        return {
          ...mortals,
          'root.rescue': (folder: string) =>
            isRefused ? { ok: true, value: false } : mortals['root.rescue']!(folder as never),
        };
      },
    });
    await value((await begin(one, 100_000)).sync());
    kill(processes[0]!);
    await refused(other.resume('key'), 'unavailable');
    await refused(other.put('file', { size: 10, upload: 'key' }), 'unavailable');
    isRefused = false;
    expect(await value(other.resume('key'))).toEqual(firstOf(100_000));
    await one.close();
  });
});

describe('a call on an upload', () => {
  it('is refused, and does not hang, when the put that has it does not let it go', async () => {
    const times = { ...REGISTRY_TIMES, freeMs: 20, againMs: 1 };
    const { one, other } = await openStores({
      ofOwner: { times },
      stand: (handlers) => ({ ...handlers, 'root.giveUp': () => new Promise(() => {}) }),
    });
    const sink = await begin(one, 100_000);
    await refused(other.resume('key'), 'unavailable');
    await value(sink.write([content.subarray(100_000)]));
    await value(sink.commit());
    expect(await value(other.resume('key'))).toEqual(none);
  });

  it('is refused when the owner is gone, and the put that has an upload goes on', async () => {
    const { processes, one, other } = await openStores();
    const sink = await begin(one, 100_000);
    const waiting = other.resume('key');
    for (const { cut } of processes) cut();
    await refused(waiting, 'unavailable');
    await refused(one.resume('other'), 'unavailable');
    await refused(one.put('x', { size: 1, upload: 'x' }), 'unavailable');
    await refused(one.cancel('key'), 'unavailable');
    await value(sink.write([content.subarray(100_000)]));
    await value(sink.commit());
    expect(await namesIn(other)).toEqual(['file']);
  });

  it('is refused when the store closes while it waits for the key', async () => {
    const { one, other } = await openStores({
      stand: (handlers) => ({ ...handlers, 'root.giveUp': () => new Promise(() => {}) }),
    });
    await begin(one, 100_000);
    const waiting = other.resume('key');
    await other.close();
    await refused(waiting, 'shutting-down');
    await one.close();
    await refused(one.resume('key'), 'shutting-down');
  });

  it('an upload of a store that was closed is there for the others', async () => {
    const { one, other } = await openStores();
    await begin(one, 100_000);
    await one.close();
    expect(await value(other.resume('key'))).toEqual(firstOf(100_000));
  });
});
