/** Listings of large folders: their cost, by count, and that they let other work run meanwhile. */
import { mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { namesIn, put, refused, value } from '../../../src/store/conformance/case.ts';
import type { FileStore, Listing } from '../../../src/store/contract.ts';
import { createDirectories } from '../../../src/store/disk/directories/directories.ts';
import type { DiskListings } from '../../../src/store/disk/disk.ts';
import { createDiskIo } from '../../../src/store/disk/disk-io.ts';
import { openDiskStore } from '../../../src/store/disk/disk-store.ts';
import { type FileSystem, nodeFileSystem, type OpenFolder } from '../../../src/store/disk/file-system.ts';
import { createDiskListings } from '../../../src/store/disk/list.ts';
import { openRoot } from '../../../src/store/disk/opening/root.ts';
import { LISTING_BOUNDS, type ListingBounds } from '../../../src/store/listing/bounds.ts';
import { createSemaphore } from '../../../src/store/semaphore.ts';
import { run, type Task, together, wait } from '../../../src/store/task.ts';
import { interceptedFileSystem } from '../../support/stores/fs-intercepted.ts';
import { newRoot, openBelow, removeRoot } from '../../support/stores/store-roots.ts';

let root: string;
beforeEach(() => {
  root = newRoot();
});
afterEach(() => {
  expect(openBelow(root)).toEqual([]);
  removeRoot(root);
});

function makeFiles(folder: string, count: number, length: number): void {
  mkdirSync(join(root, folder), { recursive: true });
  for (let i = 0; i < count; i++) writeFileSync(join(root, folder, `${i}`.padStart(length, '0')), '');
}

/** Waits until the folder has been unchanged for so long that its times show the next change. */
const untilSettled = (folder: string) =>
  expect
    .poll(() => Date.now() - statSync(join(root, folder)).ctimeMs, { timeout: 5_000 })
    .toBeGreaterThan(150);

interface Counts {
  /** Entries of folders that were read. */
  entries: number;
  /** Files whose stats were read. */
  looks: number;
}

/** A file system that counts; `entry` is called for each entry of a folder that is read. */
function counting(entry: () => void = () => {}): { fs: FileSystem; counts: Counts } {
  const counts = { entries: 0, looks: 0 };
  const fs = interceptedFileSystem({
    before: ({ name }) => {
      if (name === 'lstat') counts.looks += 1;
      return undefined;
    },
    beforeEntry: () => {
      counts.entries += 1;
      entry();
    },
  });
  return { fs, counts };
}

async function countingStore(listing: Partial<ListingBounds> = {}, durability: 'os' | 'fsync' = 'os') {
  const { fs, counts } = counting();
  const store = await value(openDiskStore(root, { durability, fs, listing }));
  counts.entries = 0;
  counts.looks = 0;
  return { store, counts };
}

/** Polls at short intervals: a listing proceeds in many small steps. */
const soon = (look: () => number) => expect.poll(look, { interval: 1, timeout: 10_000 });

/** A folder of more files than this is large: one scan serves all requests for it. */
const SMALL = LISTING_BOUNDS.smallBatchesMax * LISTING_BOUNDS.batchEntries;

describe('many listings at once', () => {
  it.each(['os', 'fsync'] as const)(
    'many listings at once (%s) do bounded work in each turn of the event loop',
    async (durability) => {
      makeFiles('many', SMALL + 2000, 60);
      const { store, counts } = await countingStore({}, durability);
      let isOver = false;
      const all = Promise.all(
        Array.from({ length: 40 }, (_, i) =>
          value(store.list({ prefix: 'many/', after: `many/${i % 7}`.padEnd(65, '0'), limit: 1000 })),
        ),
      ).then(() => (isOver = true));
      const most = { entries: 0, looks: 0 };
      while (!isOver) {
        const before = { ...counts };
        await new Promise((resolve) => setImmediate(resolve));
        most.entries = Math.max(most.entries, counts.entries - before.entries);
        most.looks = Math.max(most.looks, counts.looks - before.looks);
      }
      await all;
      // Few reads end in the same turn. Each listing under way reads the stats of one run of files.
      expect(most.entries).toBeGreaterThan(0);
      expect(most.entries).toBeLessThanOrEqual(6 * LISTING_BOUNDS.batchEntries);
      expect(most.looks).toBeLessThanOrEqual(16 * 64);
      await store.close();
    },
  );

  it('many listings share one scan of a large folder, wherever in it they are', async () => {
    const count = 3000;
    makeFiles('large', count, 10);
    // The names that are selected from one position do not reach the next position.
    const { store, counts } = await countingStore({
      smallBatchesMax: 1,
      batchEntries: 64,
      blockNamesMax: 32,
      scanBytesMax: 60_000,
    });
    const listers = 12;
    const pages = await Promise.all(
      Array.from({ length: listers }, (_, i) => {
        const after = `large/${String(Math.floor((i * count) / listers)).padStart(10, '0')}.`;
        return value(store.list({ after, prefix: 'large/', limit: 10 }));
      }),
    );
    for (const [i, { files }] of pages.entries())
      expect(files[0]?.name).toBe(`large/${String(Math.floor((i * count) / listers) + 1).padStart(10, '0')}`);
    // Each listing reads a batch to see that the folder is large. The scans are shared, although the folder
    // changed just now.
    expect(counts.entries).toBeLessThanOrEqual(listers * 65 + 3 * (count + 1));
    await store.close();
  });

  it('a few listings walk at a time, in the order of their requests', async () => {
    const two = createSemaphore(2);
    const began: number[] = [];
    const ends: (() => void)[] = [];
    const all = Array.from({ length: 5 }, (_, i) =>
      run(
        two.run(
          (function* () {
            began.push(i);
            yield* wait((back) => ends.push(() => back(i === 1 ? new Error('fails') : null)));
          })(),
        ),
      ),
    );
    const outcomes = Promise.allSettled(all);
    expect(began).toEqual([0, 1]);
    for (let i = 0; i < 5; i++) {
      await expect.poll(() => ends.length).toBeGreaterThan(i);
      ends[i]?.();
      await Promise.resolve();
      expect(began).toEqual([0, 1, 2, 3, 4].slice(0, i + 3));
    }
    expect((await outcomes).map(({ status }) => status === 'fulfilled')).toEqual([
      true,
      false,
      true,
      true,
      true,
    ]);
  });

  it('a listing that takes long gives up its place, and no more listings do than may', async () => {
    const one = createSemaphore(1, { afterMs: 1, overdueMax: 2 });
    const began: number[] = [];
    const ends: (() => void)[] = [];
    const stays = (i: number): Task<void> =>
      one.run(
        (function* () {
          began.push(i);
          yield* wait((back) => (ends[i] = () => back(null)));
        })(),
      );
    const all = Promise.all([0, 1, 2, 3, 4].map((i) => run(stays(i))));
    await expect.poll(() => began).toEqual([0, 1, 2]);
    ends[0]?.();
    await expect.poll(() => began).toEqual([0, 1, 2, 3]);
    for (const i of [1, 2, 3]) ends[i]?.();
    await expect.poll(() => began).toEqual([0, 1, 2, 3, 4]);
    ends[4]?.();
    await all;
  });

  it('thousands of listings without work are answered', async () => {
    const one = createSemaphore(1);
    let end = () => {};
    const first = run(one.run(wait<void>((back) => (end = () => back(null)))));
    const others = Array.from({ length: 20_000 }, () => run(one.run(together([]))));
    end();
    await first;
    expect(await Promise.all(others)).toHaveLength(20_000);
  });
});

describe('page by page', () => {
  it('all pages of a folder share one scan', async () => {
    const count = SMALL + 1000;
    makeFiles('large', count, 10);
    await untilSettled('large');
    const { store, counts } = await countingStore();
    const names = await namesIn(store, 500, 'large/');
    expect(names).toHaveLength(count);
    expect(names).toEqual([...names].sort());
    // One read finds that the folder is large, and one scan reads all of it.
    expect(counts.entries).toBeLessThanOrEqual(SMALL + count + 1);
    await store.close();
  });

  it('a page shows the changes since the page before', async () => {
    makeFiles('large', 1000, 10);
    await untilSettled('large');
    const { store, counts } = await countingStore();
    const after = 'large/0000000500';
    const next = async () => (await value(store.list({ prefix: 'large/', after, limit: 2 }))).files[0]?.name;
    expect(await next()).toBe('large/0000000501');
    expect(await next()).toBe('large/0000000501');
    expect(counts.entries).toBe(1001);
    for (let i = 9; i > 0; i--) {
      await value(put(store, `large/0000000500.${i}`, 'x'));
      expect(await next()).toBe(`large/0000000500.${i}`);
    }
    for (let i = 1; i < 9; i++) {
      await value(store.remove(`large/0000000500.${i}`));
      expect(await next()).toBe(`large/0000000500.${i + 1}`);
    }
    await store.close();
  });

  it('the pages of a folder cost in proportion to its names, even if others change it before each page', async () => {
    const cost = async (count: number): Promise<number> => {
      const folder = `of-${count}`;
      makeFiles(folder, count, 10);
      const { store, counts } = await countingStore({
        continueMsMin: 1e9,
        smallBatchesMax: 1,
        batchEntries: 50,
      });
      const shown: string[] = [];
      for (let after: string | undefined = ''; after !== undefined; ) {
        writeFileSync(join(root, folder, `new-${after.slice(-10)}`), '');
        rmSync(join(root, folder, `new-${after.slice(-10)}`));
        const listed: Listing = await value(store.list({ prefix: `${folder}/`, after, limit: 50 }));
        shown.push(...listed.files.map(({ name }) => name));
        after = listed.next;
      }
      await store.close();
      expect(shown).toHaveLength(count);
      expect(counts.looks).toBeLessThanOrEqual(2 * count);
      return counts.entries;
    };
    const [small, large] = [await cost(600), await cost(2400)];
    expect(small).toBeLessThanOrEqual(2 * 600);
    expect(large / small).toBeLessThanOrEqual(4);
  });

  it('a listing continues without another scan when another listing has scanned the changed folder', async () => {
    const count = 2000;
    makeFiles('large', count, 10);
    const { store, counts } = await countingStore({ smallBatchesMax: 1, batchEntries: 64 });
    const page = (after?: string) =>
      value(store.list({ prefix: 'large/', limit: 10, ...(after === undefined ? {} : { after }) }));
    const first = await page((await page()).next);
    writeFileSync(join(root, 'large/0000000000.new'), '');
    const second = await page();
    expect(second.files.map(({ name }) => name)).toContain('large/0000000000.new');
    // The first listing had a scan, and the second has another one, since it has not been where the first is.
    expect(counts.entries).toBeGreaterThan(2 * count);
    const before = counts.entries;
    const [ofFirst, ofSecond] = [await page(first.next), await page(second.next)];
    expect(ofFirst.files[0]?.name).toBe('large/0000000020');
    expect(ofSecond.files[0]?.name).toBe('large/0000000009');
    expect(counts.entries).toBe(before);
    // A position that no page has shown begins a listing, which shows the present files.
    writeFileSync(join(root, 'large/0000000100.new'), '');
    expect((await page('large/0000000100.')).files[0]?.name).toBe('large/0000000100.new');
    expect(counts.entries).toBeGreaterThan(before + count);
    await store.close();
  });

  it('a listing shows the files of a folder that has replaced the one it has scanned', async () => {
    makeFiles('large', 1000, 10);
    makeFiles('other', 1000, 11);
    const { store } = await countingStore({ smallBatchesMax: 1, batchEntries: 64 });
    const { next } = await value(store.list({ prefix: 'large/', limit: 10 }));
    renameSync(join(root, 'large'), join(root, 'old'));
    renameSync(join(root, 'other'), join(root, 'large'));
    const { files } = await value(store.list({ prefix: 'large/', limit: 1, after: next! }));
    expect(files[0]?.name).toBe('large/00000000090');
    await store.close();
  });

  it('a listing opens the folder that its prefix or its last page names, and reads none on the way', async () => {
    makeFiles('a/b/c', 3, 3);
    makeFiles('a/b', 500, 4);
    makeFiles('', 500, 5);
    const { store, counts } = await countingStore();
    expect(await namesIn(store, 10, 'a/b/c/')).toEqual(['a/b/c/000', 'a/b/c/001', 'a/b/c/002']);
    expect((await value(store.list({ after: 'a/b/c/000', limit: 1 }))).files[0]?.name).toBe('a/b/c/001');
    expect(counts.entries).toBeLessThanOrEqual(8);
    for (const after of ['../x', 'a/../b', '.sluice/tmp/x', 'a//b', 'a/b/c/000/x', '/'])
      expect((await value(store.list({ after, limit: 1000 }))).files.every(({ name }) => name > after)).toBe(
        true,
      );
    await store.close();
  });
});

/** The listings of a root without a store, so that a test sees their memory at each entry that is read. */
async function listingsOf(
  bounds: ListingBounds,
  entry: (listings: DiskListings) => void = () => {},
): Promise<{
  listings: DiskListings;
  counts: Counts;
  most: () => number;
  close: () => Promise<void>;
}> {
  let most = 0;
  let listings: DiskListings | undefined;
  const { fs, counts } = counting(() => {
    if (listings === undefined) return;
    entry(listings);
    most = Math.max(most, listings.bytes);
  });
  const io = createDiskIo(fs, false);
  const below = createDirectories(io, await run(openRoot(io, root, false)), false);
  listings = createDiskListings({ io, directories: below }, bounds);
  const close = async () => {
    listings?.stop();
    await run(listings!.close());
    below.close();
  };
  return { listings, counts, most: () => most, close };
}

describe('memory', () => {
  it('the memory of listings is bounded, however large the folders and however many list them', async () => {
    const bounds: ListingBounds = {
      ...LISTING_BOUNDS,
      bytesMax: 200_000,
      scanBytesMax: 100_000,
      blockNamesMax: 64,
      smallBatchesMax: 1,
      continueMsMin: 1e9,
    };
    const count = 1500;
    for (const folder of ['a', 'b', 'c']) makeFiles(folder, count, 100);
    const { listings, counts, most, close } = await listingsOf(bounds);
    const all = async (folder: string): Promise<number> => {
      let shown = 0;
      for (let after: string | undefined = ''; after !== undefined; ) {
        const listed: Listing = await value(run(listings.list({ prefix: `${folder}/`, after, limit: 100 })));
        shown += listed.files.length;
        after = listed.next;
        expect(listings.bytes).toBeLessThanOrEqual(bounds.bytesMax);
      }
      return shown;
    };
    const listed = await Promise.all(['a', 'b', 'c', 'a'].map(all));
    expect(listed).toEqual([count, count, count, count]);
    // At most one batch of names arrives before the cache fits its names into the bounds again.
    expect(most()).toBeLessThanOrEqual(bounds.bytesMax + 4 * bounds.batchEntries * 200);
    expect(most()).toBeGreaterThan(bounds.scanBytesMax / 2);
    // A scan collects as many names as fit into its share of the memory. So a folder takes this many scans,
    // and not one for each page.
    const share = bounds.scanBytesMax / 3 / 2;
    const scans = (count * 100) / share + 4;
    expect(counts.entries).toBeLessThanOrEqual(4 * scans * (count + 1 + bounds.batchEntries));
    await close();
    expect(listings.bytes).toBe(0);
  });
});

describe('memory while names are added', () => {
  it('the memory of listings is bounded however many names are added during a scan and after it', async () => {
    const bounds: ListingBounds = {
      ...LISTING_BOUNDS,
      bytesMax: 100_000,
      scanBytesMax: 60_000,
      blockNamesMax: 64,
      smallBatchesMax: 2,
      batchEntries: 64,
      continueMsMin: 1e9,
    };
    makeFiles('large', 1000, 20);
    makeFiles('small', 100, 20);
    let came = 0;
    const come = (listings: DiskListings) => {
      for (let i = 0; i < 20; i++) listings.noteAdded(`${i % 2 === 0 ? 'large' : 'small'}/new-${came++}`);
    };
    const { listings, most, close } = await listingsOf(bounds, come);
    for (const prefix of ['large/', 'small/', '']) {
      const { files } = await value(run(listings.list({ prefix, limit: 50 })));
      expect(files).toHaveLength(50);
    }
    expect(came).toBeGreaterThan(20_000);
    for (let i = 0; i < 1000; i++) {
      come(listings);
      expect(listings.bytes).toBeLessThanOrEqual(bounds.bytesMax);
    }
    expect(most()).toBeLessThanOrEqual(bounds.bytesMax + 2 * bounds.batchEntries * 200);
    await close();
  });
});

describe('a large folder that is being read', () => {
  /** A store whose reads of entries wait, in folders that `isHeld` picks, until `letGo` is called. */
  async function heldStore(isHeld: (path: string) => boolean, listing: Partial<ListingBounds>) {
    const waiting: (() => void)[] = [];
    let isOpen = false;
    let entries = 0;
    const fs: FileSystem = new Proxy(nodeFileSystem, {
      get(target, key: keyof FileSystem) {
        if (key !== 'opendirSync') return target[key];
        const opendirSync: FileSystem['opendirSync'] = (path, options) => {
          const folder = target.opendirSync(path, options);
          if (!isHeld(target.realpathSync(path))) return folder;
          return {
            read(back) {
              const read = () => {
                entries += 1;
                folder.read(back);
              };
              if (isOpen) read();
              else waiting.push(read);
            },
            readSync() {
              entries += 1;
              return folder.readSync();
            },
            closeSync: () => folder.closeSync(),
          };
        };
        return opendirSync;
      },
    });
    const store = await value(openDiskStore(root, { durability: 'os', fs, listing }));
    return {
      store,
      waiting: () => waiting.length,
      entries: () => entries,
      /** Continues the reads that wait now; with `all`, later reads do not wait either. */
      letGo(all = false) {
        isOpen = all;
        for (const read of waiting.splice(0)) read();
      },
    };
  }

  const listing = { batchEntries: 16, smallBatchesMax: 1 };

  it('a scan delays no listing of another folder, not even when two folders do not answer', async () => {
    makeFiles('slow-1', 100, 5);
    makeFiles('slow-2', 100, 5);
    makeFiles('large', 100, 5);
    makeFiles('small', 3, 5);
    const { store, waiting, letGo } = await heldStore((path) => path.includes('slow'), listing);
    const slow = ['slow-1/', 'slow-2/'].map((prefix) => namesIn(store, 100, prefix));
    await expect.poll(waiting).toBe(2);
    expect(await namesIn(store, 100, 'small/')).toHaveLength(3);
    expect(await namesIn(store, 100, 'large/')).toHaveLength(100);
    letGo(true);
    for (const names of await Promise.all(slow)) expect(names).toHaveLength(100);
    await store.close();
  });

  it('a scan ends when no listing waits for it', async () => {
    makeFiles('large', 2000, 5);
    const { store, waiting, entries, letGo } = await heldStore((path) => path.endsWith('large'), listing);
    const [first, second] = [new AbortController(), new AbortController()];
    const warnings: unknown[] = [];
    const warned = (warning: Error) => void warnings.push(warning);
    process.on('warning', warned);
    const answers = [first, ...Array.from({ length: 20 }, () => second)].map(({ signal }) =>
      store.list({ prefix: 'large/', limit: 10, signal }),
    );
    // Until all listings have found that the folder is large, and its scan has begun.
    while (entries() < 21 * 17 + 40) {
      await soon(waiting).toBeGreaterThan(0);
      letGo();
    }
    first.abort();
    expect((await answers[0])?.ok).toBe(false);
    await expect.poll(waiting).toBeGreaterThan(0);
    second.abort();
    for (const answer of answers) expect((await answer).ok).toBe(false);
    const before = entries();
    letGo(true);
    await expect.poll(() => openBelow(join(root, 'large'))).toHaveLength(1);
    expect(entries()).toBeLessThanOrEqual(before + 3 * listing.batchEntries);
    expect(warnings).toEqual([]);
    process.off('warning', warned);
    expect(await namesIn(store, 1000, 'large/')).toHaveLength(2000);
    await store.close();
  });

  it('a scan continues for the remaining listings when one of them is aborted', async () => {
    makeFiles('large', 200, 5);
    const { store, waiting, entries, letGo } = await heldStore((path) => path.endsWith('large'), listing);
    const gone = new AbortController();
    const leaves = store.list({ prefix: 'large/', limit: 10, signal: gone.signal });
    const stays = value(store.list({ prefix: 'large/', limit: 10 }));
    while (entries() < 60) {
      await soon(waiting).toBeGreaterThan(0);
      letGo();
    }
    gone.abort();
    await leaves;
    letGo(true);
    expect((await stays).files).toHaveLength(10);
    expect(entries()).toBeLessThanOrEqual(3 * 17 + 2 * 201);
    await store.close();
  });

  it('a listing that is requested during the scan of an unchanged folder needs no scan of its own', async () => {
    const count = 1000;
    makeFiles('large', count, 5);
    await untilSettled('large');
    const { store, waiting, entries, letGo } = await heldStore((path) => path.endsWith('large'), listing);
    const first = value(store.list({ prefix: 'large/', limit: 10 }));
    while (entries() < 60) {
      await soon(waiting).toBeGreaterThan(0);
      letGo();
    }
    const second = value(store.list({ prefix: 'large/', limit: 10 }));
    letGo(true);
    expect((await first).files).toHaveLength(10);
    expect((await second).files).toHaveLength(10);
    // The first listing reads a batch to see that the folder is large; the scan reads the whole folder.
    expect(entries()).toBeLessThanOrEqual(listing.batchEntries + 2 + count + 1);
    await store.close();
  });

  it('a scan ends when the store is closed, and the waiting listings are refused', async () => {
    makeFiles('large', 200, 5);
    const { store, waiting, letGo } = await heldStore((path) => path.endsWith('large'), listing);
    const answers = [1, 2, 3].map(() => store.list({ prefix: 'large/', limit: 10 }));
    await expect.poll(waiting).toBeGreaterThan(0);
    const closed = store.close();
    letGo(true);
    for (const answer of answers) await refused(answer, 'shutting-down');
    await closed;
  });

  it('a failed scan fails the waiting listings, and the next listing scans again', async () => {
    makeFiles('large', 200, 5);
    let fails = true;
    let entries = 0;
    const fs = interceptedFileSystem({
      before: ({ name }) => (name === 'readEntries' && fails && entries > 20 ? 'EIO' : undefined),
      beforeEntry: () => (entries += 1),
    });
    const store = await value(openDiskStore(root, { durability: 'os', fs, listing }));
    const answers = [1, 2].map(() => store.list({ prefix: 'large/', limit: 10 }));
    for (const answer of answers) await refused(answer, 'io-error');
    fails = false;
    expect(await namesIn(store, 100, 'large/')).toHaveLength(200);
    await store.close();
  });

  it('a folder is listed whole where the system reports no types and an entry disappears during the scan', async () => {
    makeFiles('odd', 40, 5);
    let failures = 0;
    const fs: FileSystem = new Proxy(nodeFileSystem, {
      get(target, key: keyof FileSystem) {
        if (key !== 'opendirSync') return target[key];
        const opendirSync: FileSystem['opendirSync'] = (path, options) => {
          const folder = target.opendirSync(path, options);
          let left = 2;
          const read: OpenFolder['read'] = (back) => {
            left -= 1;
            if (left !== 0) return folder.read(back);
            failures += 1;
            const gone = Object.assign(new Error('gone'), { code: 'ENOENT', syscall: 'lstat' });
            // As in Node, the entries that were read together with that entry are lost.
            if (options.bufferSize === 1) back(gone, null);
            else folder.read(() => back(gone, null));
          };
          return { read, readSync: () => folder.readSync(), closeSync: () => folder.closeSync() };
        };
        return opendirSync;
      },
    });
    const store = await value(openDiskStore(root, { durability: 'os', fs, listing: { batchEntries: 16 } }));
    expect(await namesIn(store, 100, 'odd/')).toHaveLength(40);
    expect(failures).toBe(2);
    await store.close();
  });
});

describe('a tree of many folders', () => {
  it('a tree of many folders is listed whole, though the walk holds few names and yields', async () => {
    const expected: string[] = [];
    for (let i = 0; i < 60; i++)
      for (let k = 0; k < 3; k++) {
        mkdirSync(join(root, `${i}/empty-${k}/deep`), { recursive: true });
        mkdirSync(join(root, `${i}/full-${k}`), { recursive: true });
        writeFileSync(join(root, `${i}/full-${k}/file`), '');
        expected.push(`${i}/full-${k}/file`);
      }
    const store: FileStore = await value(openDiskStore(root, { durability: 'os' }));
    expect(await namesIn(store, 7)).toEqual(expected.sort());
    expect(await namesIn(store, 1000)).toEqual(expected);
    await store.close();
  });
});
