/**
 * The reserved folder and the staging folders in it: their files while puts are under way, what happens when
 * they are replaced, and which staging folders of other processes a store removes.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import {
  bytes,
  namesIn,
  pattern,
  put,
  refused,
  textOf,
  value,
} from '../../../../src/store/conformance/case.ts';
import type { MaybeAsync } from '../../../../src/store/contract.ts';
import { openDiskStore } from '../../../../src/store/disk/disk-store.ts';
import { newOwner } from '../../../../src/store/disk/owner.ts';
import { openBelow, rootForEachTest, storedIn, temporariesIn } from '../../../support/stores/store-roots.ts';

let root: string;
const tmp = () => join(root, '.sluice/tmp');
const owners = () => readdirSync(tmp()).sort();

/** Leaves a staging folder with a file, as a store of that owner would have. */
function leave(owner: string): string {
  mkdirSync(join(tmp(), owner), { recursive: true });
  writeFileSync(join(tmp(), owner, '1'), 'half');
  return owner;
}

/** Opens and closes a store, which cleans up. */
async function cleanUp(): Promise<void> {
  await (await value(openDiskStore(root, { durability: 'os' }))).close();
}

rootForEachTest((path) => {
  root = path;
});

describe('the reserved folder', () => {
  it('the reserved folder is private, and contains the puts under way', async () => {
    const store = await value(openDiskStore(root));
    expect(statSync(join(root, '.sluice')).mode & 0o777).toBe(0o700);
    expect(temporariesIn(root)).toEqual([]);
    const sink = await value(store.put('a', { size: 1 }));
    expect(temporariesIn(root)).toHaveLength(1);
    await value(sink.write([bytes('x')]));
    await value(sink.commit());
    expect(temporariesIn(root)).toEqual([]);
    await store.close();
    expect(owners()).toEqual([]);
    expect(storedIn(root)).toEqual(['a']);
  });

  it('closing a store removes its puts under way from the staging folder', async () => {
    const store = await value(openDiskStore(root));
    for (const name of ['a', 'b', 'c'])
      await value((await value(store.put(name, { size: 9 }))).write([bytes('x')]));
    await store.close();
    expect(owners()).toEqual([]);
    expect(openBelow(root)).toEqual([]);
  });

  it('stores on one root share the reserved folder, each with a staging folder of its own', async () => {
    const [one, two] = [await value(openDiskStore(root)), await value(openDiskStore(root))];
    const sink = await value(one.put('one', { size: 3 }));
    const three = await value(openDiskStore(root));
    await value(put(two, 'two', 'two'));
    await value(put(three, 'three', 'three'));
    await value(sink.write([bytes('one')]));
    await value(sink.commit());
    expect(await textOf(three, 'one')).toBe('one');
    for (const store of [one, two, three]) await store.close();
    expect(owners()).toEqual([]);
  });

  it('the reserved folder may not be a link or a file', async () => {
    symlinkSync('/tmp', join(root, '.sluice'));
    const outcome = await openDiskStore(root);
    assert.ok(!outcome.ok);
    expect(outcome.error.message).toContain(root);
    expect(openBelow(root)).toEqual([]);
  });
});

describe.each(['fsync', 'os'] as const)('the reserved folder of an open store (%s)', (durability) => {
  it(`a store continues when its reserved folder is removed (${durability})`, async () => {
    const store = await value(openDiskStore(root, { durability }));
    const sink = await value(store.put('cut', { size: 1 }));
    rmSync(join(root, '.sluice'), { recursive: true });
    await value(put(store, 'a', 'x'));
    await value(sink.write([bytes('x')]));
    await refused(sink.commit(), 'io-error');
    expect(await namesIn(store)).toEqual(['a']);
    expect(temporariesIn(root)).toEqual([]);
    await store.close();
  });
});

describe('the reserved folder of an open store', () => {
  const gone = (path: string) => rmSync(path, { recursive: true });
  const moved = (path: string) => renameSync(path, join(root, 'elsewhere'));
  const nothing = () => {};
  const aFile = (path: string) => writeFileSync(path, 'x');
  const aLink = (path: string) => symlinkSync('/tmp', path);
  const ownFolder = () => join('.sluice/tmp', owners()[0]!);

  const ways = ['.sluice', '.sluice/tmp', '.sluice/parts', 'its staging folder'].flatMap((what) =>
    [gone, moved].flatMap((away) =>
      [nothing, aFile, aLink].map((instead) => ({
        what,
        away,
        instead,
        how: `${away.name}, with ${instead.name}`,
      })),
    ),
  );

  it.each(ways)(
    'a reserved folder that is replaced never blames a name, and is made again: $what is $how in its place',
    async ({ what, away, instead }) => {
      const store = await value(openDiskStore(root));
      await value(put(store, 'there', 'there'));
      // An upload is stored, so that its folder exists. Two other puts have written something.
      const kept = await value(store.put('kept', { size: 2, upload: 'kept' }));
      await value(kept.write([bytes('x')]));
      await kept.abort();
      const begun = await value(store.put('begun', { size: 1 }));
      await value(begun.write([bytes('x')]));
      const held = await value(store.put('held', { size: 2, upload: 'held', offset: 0 }));
      await value(held.write([bytes('x')]));

      const place = join(root, what === 'its staging folder' ? ownFolder() : what);
      away(place);
      instead(place);

      const calls: readonly (() => MaybeAsync<unknown>)[] = [
        () => held.sync(),
        () => begun.commit(),
        async () => ({ ok: true, value: await held.abort() }),
        () => put(store, 'small', 'x'),
        () => put(store, 'large', pattern(200_000)),
        () => put(store, 'folder/upload', 'x', { upload: 'new' }),
        () => put(store, 'resumed', 'x', { upload: 'again', offset: 0 }),
        () => store.resume('kept'),
        () => store.resume('other'),
        () => store.rename('there', 'here'),
        () => store.rename('here', 'there'),
      ];
      for (const call of calls) {
        const outcome = await call();
        if (!outcome.ok) expect(outcome.error).toMatchObject({ code: 'io-error' });
      }
      // A call that does not need the folder succeeds.
      expect(await textOf(store, 'there')).toBe('there');

      if (instead !== nothing) unlinkSync(place);
      await value(put(store, 'after', 'x'));
      await value(put(store, 'after', 'y', { upload: 'after' }));
      expect(await textOf(store, 'after')).toBe('y');
      await store.close();
      expect(openBelow(root)).toEqual([]);
    },
  );

  it('many puts at once go on when the reserved folder was removed, and leave it as one would', async () => {
    for (const durability of ['os', 'fsync'] as const) {
      const store = await value(openDiskStore(root, { durability }));
      await value(put(store, 'before', 'x'));
      rmSync(join(root, '.sluice'), { recursive: true });
      const names = Array.from({ length: 64 }, (_, at) => `many/${at}`);
      const stored = await Promise.all(names.map((name) => put(store, name, name)));
      expect(stored.filter(({ ok }) => !ok)).toEqual([]);
      expect(await textOf(store, 'many/63')).toBe('many/63');
      expect(owners()).toHaveLength(1);
      await store.close();
      expect(owners()).toEqual([]);
      expect(openBelow(root)).toEqual([]);
    }
  });

  it('a replaced reserved folder is an error that says what to do, to peers and at the start', async () => {
    const store = await value(openDiskStore(root));
    gone(join(root, '.sluice'));
    aLink(join(root, '.sluice'));
    const outcome = await store.put('a', { size: 1 });
    assert.ok(!outcome.ok);
    const advice = /'\.sluice' in the root.* was replaced; move away what is in its place/;
    expect(outcome.error).toMatchObject({ code: 'io-error', cause: 'ENOTDIR' });
    expect(outcome.error.message).toMatch(advice);
    await store.close();
    const again = await openDiskStore(root);
    assert.ok(!again.ok);
    expect(again.error.message).toMatch(advice);
    expect(again.error.message).toContain(root);
  });
});

describe('a staging folder that a process left', () => {
  let child: ChildProcess | undefined;
  afterEach(() => child?.kill('SIGKILL'));

  /** Starts another process, which stays in the middle of a put until it is killed. */
  async function otherProcess(): Promise<ChildProcess> {
    const owner = newOwner().replace(/^\d+-\d+/, 'PID-0');
    const script = new URL('../../../support/processes/store-process.mjs', import.meta.url).pathname;
    child = spawn(process.execPath, [script, root, owner], { stdio: ['ignore', 'pipe', 'inherit'] });
    const { stdout } = child;
    assert.ok(stdout);
    await once(stdout, 'data');
    return child;
  }

  it('the staging folder of another process stays while it lives, and is removed when it is dead', async () => {
    const other = await otherProcess();
    await cleanUp();
    expect(owners()).toHaveLength(1);
    expect(temporariesIn(root)).toHaveLength(1);
    other.kill('SIGKILL');
    await once(other, 'exit');
    await cleanUp();
    expect(owners()).toEqual([]);
  });

  it('a staging folder is removed when its process number belongs to a process that started later', async () => {
    const owner = leave(newOwner().replace(/^\d+-\d+/, `${process.ppid}-1`));
    expect(owners()).toEqual([owner]);
    await cleanUp();
    expect(owners()).toEqual([]);
  });

  it('a staging folder is removed when its process number is now that of this process', async () => {
    leave(newOwner().replace(/\.[0-9a-f]{16}\./, '.0123456789abcdef.'));
    await cleanUp();
    expect(owners()).toEqual([]);
  });

  it('the staging folder of another thread of this process stays', async () => {
    const owner = newOwner().replace(/\.[0-9a-f]{16}\./, '.fedcba9876543210.');
    leave(owner);
    const code = `const { openSync } = require('node:fs');
      const { parentPort, workerData } = require('node:worker_threads');
      parentPort.postMessage(openSync(workerData, 'r'));
      setInterval(() => {}, 1000);`;
    const worker = new Worker(code, { eval: true, workerData: join(tmp(), owner) });
    try {
      await once(worker, 'message');
      await cleanUp();
      expect(owners()).toEqual([owner]);
    } finally {
      await worker.terminate();
    }
  });

  it('the staging folder of another host stays for a day', async () => {
    const owner = leave(newOwner().replace(/[0-9a-f]+$/, 'abc'));
    await cleanUp();
    expect(owners()).toEqual([owner]);
    const dayAgo = Date.now() / 1000 - 25 * 60 * 60;
    utimesSync(join(tmp(), owner), dayAgo, dayAgo);
    await cleanUp();
    expect(owners()).toEqual([owner]);
    utimesSync(join(tmp(), owner, '1'), dayAgo, dayAgo);
    utimesSync(join(tmp(), owner), dayAgo, dayAgo);
    await cleanUp();
    expect(owners()).toEqual([]);
  });

  it('a folder that no store made stays in the reserved folder', async () => {
    leave('notes');
    await cleanUp();
    expect(existsSync(join(tmp(), 'notes/1'))).toBe(true);
  });
});
