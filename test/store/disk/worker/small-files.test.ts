/** Small files that a worker stores: when it does, and what becomes of them when it cannot. */
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { contentOf, pattern, put, refused, value } from '../../../../src/store/conformance/case.ts';
import type { FileStore, Sink } from '../../../../src/store/contract.ts';
import { openDiskStore } from '../../../../src/store/disk/disk-store.ts';
import { nodeFileSystem } from '../../../../src/store/disk/file-system.ts';
import { LAYOUT } from '../../../../src/store/disk/worker/slot-layout.ts';
import { createSmallFiles, type SmallFiles } from '../../../../src/store/disk/worker/small-files.ts';
import { type StartWorker, startThread } from '../../../../src/store/disk/worker/worker-thread.ts';
import { cases } from '../../../support/random/cases.ts';
import { optionsOf, smallFilesByThread, workerOfThisThread } from '../../../support/stores/disk-modes.ts';
import {
  newRoot,
  openBelow,
  removeRoot,
  rootForEachTest,
  storedIn,
  temporariesIn,
} from '../../../support/stores/store-roots.ts';

let root: string;
rootForEachTest((path) => {
  root = path;
});

/** Small files, and how many of them the worker was asked to store, and has stored. */
function counted(smallFiles: SmallFiles): SmallFiles & { asked: number; stored: number } {
  const counting = {
    ...smallFiles,
    asked: 0,
    stored: 0,
    store: ((slot, file, callback) => {
      counting.asked++;
      smallFiles.store(slot, file, (error, stored) => {
        if (stored) counting.stored++;
        callback(error, stored);
      });
    }) as SmallFiles['store'],
  };
  return counting;
}

const openWith = (smallFiles: SmallFiles): Promise<FileStore> =>
  value(openDiskStore(root, { durability: 'os', smallFiles }));

/** Begins a put, and writes all of it. */
async function begin(store: FileStore, name: string, content: Uint8Array): Promise<Sink> {
  const sink = await value(store.put(name, { size: content.length }));
  await value(sink.write([content]));
  return sink;
}

const always = { burst: 0, ofTheLoop: 0 };

describe('small files', () => {
  test.prop(
    [fc.array(fc.tuple(fc.integer({ min: 0, max: 30 }), fc.nat({ max: 70_000 })), { maxLength: 300 })],
    {
      numRuns: cases(10),
    },
  )('files of any size come back as they were sent, however many a thread stores at once', async (files) => {
    const base = newRoot();
    const smallFiles = counted(await smallFilesByThread());
    const store = await value(openDiskStore(base, { durability: 'os', smallFiles }));
    const last = new Map<string, number>();
    // A name may come several times; those calls are not under way at once, as a session has it.
    for (const [index, [at, size]] of files.entries()) last.set(`${at}-${index % 3}`, size);
    const answers = await Promise.all([...last].map(([name, size]) => put(store, name, pattern(size, size))));
    for (const [i, [name, size]] of [...last].entries()) {
      expect(answers[i]).toMatchObject({ ok: true, value: { name, size } });
      expect(Buffer.compare(await contentOf(store, name), pattern(size, size))).toBe(0);
      expect((await value(store.stat(name))).crc32).toBe((await value(answers[i]!)).crc32);
    }
    const small = [...last.values()].filter((size) => size <= LAYOUT.contentBytes).length;
    expect(smallFiles.stored).toBeGreaterThanOrEqual(Math.min(small, LAYOUT.slots));
    expect(temporariesIn(base)).toEqual([]);
    await store.close();
    removeRoot(base);
  });

  it('a file that comes alone is stored by the loop, at once; those of a burst by a worker, but for the first', async () => {
    const smallFiles = counted(createSmallFiles({ burst: 4, ofTheLoop: 1 }, workerOfThisThread()));
    const store = await openWith(smallFiles);
    for (let i = 0; i < 10; i++) {
      expect((await begin(store, 'alone', pattern(5))).commit()).not.toBeInstanceOf(Promise);
      await new Promise(setImmediate);
    }
    expect(smallFiles.asked).toBe(0);
    const sinks = await Promise.all(Array.from({ length: 5 }, (_, i) => begin(store, `${i}`, pattern(i))));
    await Promise.all(sinks.map((sink) => value(sink.commit())));
    // The fourth of a turn starts the worker, and is the first that it gets.
    expect([smallFiles.asked, smallFiles.stored]).toEqual([2, 2]);
    await store.close();
  });

  it('a file that finds no slot is stored by the loop, and a slot that was given back takes another file', async () => {
    const smallFiles = counted(createSmallFiles(always, workerOfThisThread()));
    const store = await openWith(smallFiles);
    const sinks: Sink[] = [];
    for (let i = 0; i < LAYOUT.slots; i++) sinks.push(await begin(store, `${i}`, pattern(9)));
    await value(put(store, 'more', 'x'));
    expect(smallFiles.asked).toBe(0);
    for (const sink of sinks) await sink.abort();
    for (let i = 0; i < LAYOUT.slots; i++) await value(put(store, `again ${i}`, 'x'));
    expect(smallFiles.stored).toBe(LAYOUT.slots);
    expect(storedIn(root)).toHaveLength(LAYOUT.slots + 1);
    await store.close();
  });

  it('the loop makes a folder that is missing, and takes an empty one out of the way', async () => {
    const smallFiles = counted(createSmallFiles(always, workerOfThisThread()));
    const store = await openWith(smallFiles);
    await value(put(store, 'a/b/c', 'x'));
    expect([smallFiles.asked, smallFiles.stored]).toEqual([0, 0]);
    await value(put(store, 'a/b/d', 'x'));
    await value(store.remove('a/b/c'));
    await value(store.remove('a/b/d'));
    await value(put(store, 'a/b', 'file'));
    expect([smallFiles.asked, smallFiles.stored]).toEqual([2, 1]);
    expect(storedIn(root)).toEqual(['a/b']);
    await refused(put(store, 'a/b', 'x', { ifAbsent: true }), 'exists');
    await refused(put(store, 'a', 'x'), 'name-conflict');
    await store.close();
  });

  it('the worker stores into a few folders at once, and the loop into all others', async () => {
    const smallFiles = counted(createSmallFiles(always, workerOfThisThread()));
    const store = await openWith(smallFiles);
    const names = Array.from({ length: 40 }, (_, i) => `${i}/file`);
    for (const name of names) await value(put(store, name, 'x'));
    expect(smallFiles.asked).toBe(0);
    const sinks = await Promise.all(names.map((name) => begin(store, name, pattern(3))));
    const answers = sinks.map((sink) => sink.commit());
    // The files of puts under way do not count: while the disk is slow, the loop writes them all at once.
    expect(openBelow(root).filter((path) => !path.includes('/.sluice/')).length).toBeLessThan(40);
    for (const answer of answers) await value(answer);
    expect(smallFiles.stored).toBe(16);
    await value(put(store, '39/file', 'x'));
    expect(smallFiles.stored).toBe(17);
    await store.close();
  });

  it('the loop stores what the worker could not, when the folder for unfinished files was removed', async () => {
    const smallFiles = counted(createSmallFiles(always, workerOfThisThread()));
    const store = await openWith(smallFiles);
    removeRoot(`${root}/.sluice/tmp`);
    await value(put(store, 'a', 'x'));
    await value(put(store, 'b', 'x'));
    expect([smallFiles.asked, smallFiles.stored]).toEqual([2, 1]);
    await store.close();
  });

  it('a commit that came before the close is still done, also when the worker could not', async () => {
    const store = await openWith(createSmallFiles(always, workerOfThisThread()));
    await value(put(store, 'first', 'x'));
    const sinks = [await begin(store, 'a', pattern(3)), await begin(store, 'b', pattern(3))];
    removeRoot(`${root}/.sluice/tmp`);
    const answers = sinks.map((sink) => sink.commit());
    const closed = store.close();
    for (const answer of answers) await value(answer);
    await closed;
    expect(storedIn(root).sort()).toEqual(['a', 'b', 'first']);
    expect(temporariesIn(root)).toEqual([]);
  });

  it('where folders have no descriptors as names, files are stored below a root of any long path, under their own names', async () => {
    const noDescriptors = { ...nodeFileSystem, readlinkSync: () => expect.unreachable('there is no /proc') };
    const below = join(root, '根'.repeat(80), '根'.repeat(80), '根'.repeat(20));
    const options = optionsOf('os, small files by a worker', noDescriptors);
    const store = await value(openDiskStore(below, options));
    const names = ['first', 'second', 'n'.repeat(255), `folder/${'名'.repeat(85)}`];
    for (const name of names) await value(put(store, name, name));
    for (const name of names) expect(Buffer.from(await contentOf(store, name)).toString()).toBe(name);
    expect(storedIn(below).sort()).toEqual([...names].sort());
    await store.close();
  });

  it('an announced checksum is compared before anything is stored, and so is the size', async () => {
    const store = await openWith(createSmallFiles(always, workerOfThisThread()));
    await refused(put(store, 'a', 'abc', { crc32: 1 }), 'crc-mismatch');
    await refused(put(store, 'a', 'abc', { sha256: 'f'.repeat(64) }), 'sha256-mismatch');
    await refused(put(store, 'a', 'abc', { size: 2 }), 'size-mismatch');
    await refused(put(store, 'a', 'abc', { size: 4 }), 'size-mismatch');
    expect(readdirSync(root)).toEqual(['.sluice']);
    expect(temporariesIn(root)).toEqual([]);
    await store.close();
  });

  it('calls that a worker has when it ends fail, and the loop stores what comes then', async () => {
    let end: (error: Error) => void = () => {};
    const dying: StartWorker = (_duty, { ready, ended }) => {
      end = ended;
      ready();
      return { wake: () => {}, keepsAlive: () => {} };
    };
    const store = await openWith(createSmallFiles(always, dying));
    const sinks = [await begin(store, 'a', pattern(3)), await begin(store, 'b', pattern(3))];
    const waiting = sinks.map((sink) =>
      Promise.resolve(sink.commit()).catch((thrown: Error) => thrown.message),
    );
    const open = await begin(store, 'c', pattern(3));
    end(new Error('it is gone'));
    expect(await Promise.all(waiting)).toEqual(['it is gone', 'it is gone']);
    await value(open.commit());
    await value(put(store, 'd', 'x'));
    expect(storedIn(root).sort()).toEqual(['c', 'd']);
    await store.close();
  });

  it('a process that may have no threads stores all files by the loop', async () => {
    const store = await openWith(
      createSmallFiles(always, () => {
        throw new Error('no threads');
      }),
    );
    await value(put(store, 'a', 'x'));
    await value(put(store, 'b', 'x'));
    expect(storedIn(root).sort()).toEqual(['a', 'b']);
    await store.close();
  });

  it('a process waits for what its worker stores, and then for nothing', async () => {
    const script = new URL('../../../support/processes/small-files-process.mjs', import.meta.url).pathname;
    const { stdout } = await promisify(execFile)(process.execPath, [script, root]);
    expect(storedIn(root)).toHaveLength(Number(stdout));
    expect(Number(stdout)).toBeGreaterThan(0);
    expect(Number(stdout) % 40).toBe(0);
  });

  it('a program on the command line that is a module stores its small files too', async () => {
    const script = new URL('../../../support/processes/small-files-process.mjs', import.meta.url).href;
    const flags = ['--input-type=module', '--eval', `await import('${script}')`];
    const { stdout } = await promisify(execFile)(process.execPath, [...flags, 'program', root]);
    expect(storedIn(root)).toHaveLength(Number(stdout));
    expect(Number(stdout) % 40).toBe(0);
  });

  it('a thread whose program does not run takes no file', async () => {
    const happened: string[] = [];
    let hasEnded = () => {};
    const ended = new Promise<void>((resolve) => (hasEnded = resolve));
    // Its program fails when it begins.
    const start: StartWorker = (duty, { ready, ended: end, told }) =>
      startThread(
        { ...duty, layout: null as never },
        {
          told,
          ready: () => {
            happened.push('ready');
            ready();
          },
          ended: (error) => {
            end(error);
            hasEnded();
          },
        },
      );
    const smallFiles = counted(createSmallFiles(always, start));
    const store = await openWith(smallFiles);
    await value(put(store, 'a', 'x'));
    await ended;
    expect(happened).toEqual([]);
    await value(put(store, 'b', 'x'));
    expect(smallFiles.asked).toBe(0);
    expect(storedIn(root).sort()).toEqual(['a', 'b']);
    await store.close();
  });
});
