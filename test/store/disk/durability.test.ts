/** The order of the operations of the disk store. It answers a change only once the change is on the disk. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import {
  bytes,
  contentOf,
  pattern,
  put,
  refused,
  textOf,
  value,
} from '../../../src/store/conformance/case.ts';
import type { FileStore } from '../../../src/store/contract.ts';
import { crc32 } from '../../../src/store/crc32.ts';
import { type DiskStoreOptions, openDiskStore } from '../../../src/store/disk/disk-store.ts';
import type { Interception, Operation } from '../../support/stores/fs-intercepted.ts';
import { expectInOrder, loggedFileSystem } from '../../support/stores/operation-log.ts';
import { newRoot, openBelow, removeRoot, storedIn } from '../../support/stores/store-roots.ts';

const opened: { store: FileStore; root: string }[] = [];
afterEach(async () => {
  for (const { store, root } of opened.splice(0)) {
    await store.close();
    removeRoot(root);
  }
});

/** A store, and the log of its operations since it was opened. */
async function loggedStore(more: Interception = {}, options: DiskStoreOptions = {}, root = newRoot()) {
  const log: string[] = [];
  const fs = loggedFileSystem(root, log, more);
  const store = await value(openDiskStore(root, { ...options, fs }));
  opened.push({ store, root });
  log.length = 0;
  return { store, root, log };
}

/** The lines of the operations that change the disk. */
const changes = (log: readonly string[]) =>
  log.filter((line) => /^(begin|end) (writev|fdatasync|fsync|rename|link|unlink|mkdir) /.test(line));

describe('what a commit does, in order', () => {
  it('a commit syncs the content, renames, syncs the folder, and only then answers', async () => {
    const { store, log } = await loggedStore();
    await value(put(store, 'file', 'x'));
    log.push('answer');
    expectInOrder(log, [
      /^end writev/,
      /^end fdatasync/,
      /^begin rename/,
      /^end rename/,
      'begin fsync .',
      'end fsync .',
      'answer',
    ]);
  });

  it('a commit syncs each new folder into the folder above it', async () => {
    const { store, log } = await loggedStore();
    await value(put(store, 'a/b/file', 'x'));
    log.push('answer');
    expectInOrder(log, [
      'end mkdir ./a',
      'begin fsync .',
      'end fsync .',
      'end mkdir ./a/b',
      'begin fsync ./a',
      'end fsync ./a',
      /^end rename/,
      'begin fsync ./a/b',
      'end fsync ./a/b',
      'answer',
    ]);
  });

  it('a commit syncs an existing path once, since the process that made it may have died before its sync', async () => {
    const root = newRoot();
    mkdirSync(join(root, 'a/b'), { recursive: true });
    const { store, log } = await loggedStore({}, {}, root);
    await value(store.list({ limit: 10 }));
    await value(put(store, 'a/b/file', 'x'));
    expect(log.filter((line) => line.startsWith('end fsync'))).toEqual([
      'end fsync .',
      'end fsync ./a',
      'end fsync ./a/b',
    ]);
    log.length = 0;
    await value(put(store, 'a/b/file', 'x'));
    expect(log.filter((line) => line.startsWith('end fsync'))).toEqual(['end fsync ./a/b']);
  });

  it('a commit syncs the times too when the put sets them', async () => {
    const { store, log } = await loggedStore();
    await value(put(store, 'file', 'x', { mtime: 1000 }));
    expectInOrder(log, [/^end futimes/, /^begin fsync/, /^begin rename/]);
  });

  it('a rename syncs the new name first, then the removal of the old one', async () => {
    const { store, log } = await loggedStore();
    await value(put(store, 'a/from', 'x'));
    await value(put(store, 'b/file', 'x'));
    log.length = 0;
    await value(store.rename('a/from', 'b/to'));
    log.push('answer');
    expect(changes(log)).toEqual([
      'begin rename ./a/from ./b/to',
      'end rename ./a/from ./b/to',
      'begin fsync ./b',
      'end fsync ./b',
      'begin fsync ./a',
      'end fsync ./a',
    ]);
    log.length = 0;
    await value(store.remove('b/to'));
    expect(changes(log)).toEqual([
      'begin unlink ./b/to',
      'end unlink ./b/to',
      'begin fsync ./b',
      'end fsync ./b',
    ]);
  });

  it('durability os syncs nothing, and answers small puts at once', async () => {
    const { store, log } = await loggedStore({}, { durability: 'os' });
    await value(put(store, 'a/first', 'x'));
    const begun = store.put('a/file', { size: 1 });
    assert.ok(!(begun instanceof Promise) && begun.ok);
    assert.ok(!(begun.value.write([bytes('x')]) instanceof Promise));
    const stored = begun.value.commit();
    assert.ok(!(stored instanceof Promise) && stored.ok);
    expect(stored.value.durable).toBe(false);
    expect(log.filter((line) => /sync/.test(line))).toEqual([]);
  });
});

describe('group commit', () => {
  it('commits share syncs of a folder, each begun after the renames that it covers', async () => {
    const files = 100;
    const { store, log } = await loggedStore();
    await Promise.all(
      Array.from({ length: files }, async (_, i) => {
        const name = `f${i}`;
        const stored = await value(put(store, name, name));
        log.push(`answer ${name}`);
        expect(stored.durable).toBe(true);
      }),
    );
    const syncs = log.filter((line) => line === 'begin fsync .').length;
    expect(syncs).toBeGreaterThan(0);
    expect(syncs).toBeLessThan(files / 2);

    const renames = log.flatMap((line, i) => (line.startsWith('end rename') ? [i] : []));
    expect(renames).toHaveLength(files);
    // Answers come in groups, each after the end of a sync. At least as many renames came before that sync began.
    for (const [i, line] of log.entries()) {
      if (!line.startsWith('answer')) continue;
      const answered = log.slice(0, i + 1).filter((other) => other.startsWith('answer')).length;
      const lastEnded = log.lastIndexOf('end fsync .', i);
      const itsBegin = log.lastIndexOf('begin fsync .', lastEnded);
      expect(renames.filter((rename) => rename < itsBegin).length).toBeGreaterThanOrEqual(answered);
    }
  });

  it('a failed sync fails the commits that waited for it, and no others', async () => {
    let failing = false;
    const { store } = await loggedStore({
      before: ({ name }) => (failing && name === 'fsync' ? 'EIO' : undefined),
    });
    failing = true;
    const outcome = await put(store, 'file', 'x');
    assert.ok(!outcome.ok);
    expect(outcome.error).toMatchObject({ code: 'io-error', cause: 'EIO' });
    failing = false;
    await value(put(store, 'file', 'y'));
    expect(await textOf(store, 'file')).toBe('y');
  });
});

describe('writing', () => {
  for (const durability of ['fsync', 'os'] as const) {
    it(`a short write is continued where the system stopped (${durability})`, async () => {
      const { store } = await loggedStore({ writeLimit: () => 777 }, { durability });
      for (const size of [1, 776, 777, 778, 5000, 300_000]) {
        const content = pattern(size);
        const first = Math.min(10, size >> 1);
        const sink = await value(store.put('file', { size }));
        await value(sink.write([content.subarray(0, first), content.subarray(first, size >> 1)]));
        await value(sink.write([content.subarray(size >> 1)]));
        expect((await value(sink.commit())).crc32).toBe(crc32(content));
        assert.deepEqual(await contentOf(store, 'file'), content);
      }
    });
  }

  it('a sink rejects a call that overlaps another', async () => {
    const { store } = await loggedStore();
    const sink = await value(store.put('file', { size: 1 }));
    const writing = sink.write([bytes('x')]);
    await expect(async () => sink.abort()).rejects.toThrow('before the last one was answered');
    await expect(async () => sink.commit()).rejects.toThrow('before the last one was answered');
    await value(writing);
    await value(sink.commit());
  });

  it('a write under way ends before the store is closed', async () => {
    const { store, root } = await loggedStore();
    const idle = await value(store.open((await value(put(store, 'opened', 'x'))).name));
    const commits = [];
    for (let i = 0; i < 20; i++) {
      const sink = await value(store.put(`a/${i}`, { size: 1 }));
      await value(sink.write([bytes('x')]));
      commits.push(sink.commit());
    }
    const closed = store.close();
    for (const commit of commits) expect((await value(commit)).durable).toBe(true);
    await closed;
    expect(storedIn(root)).toHaveLength(21);
    await refused(idle.read(0, 1), 'shutting-down');
    expect(openBelow(root)).toEqual([]);
  });

  it('a put that fails removes the folders that were made for it', async () => {
    let failing = false;
    const before = ({ name }: Operation) => (failing && name === 'rename' ? 'EIO' : undefined);
    const { store, root } = await loggedStore({ before });
    failing = true;
    await refused(put(store, 'a/b/c', 'x'), 'io-error');
    expect(readdirSync(root)).toEqual(['.sluice']);
    failing = false;
    await value(put(store, 'a/b/c', 'x'));
    failing = true;
    await refused(put(store, 'a/b/d/e', 'x'), 'io-error');
    await refused(store.rename('a/b/c', 'x/y'), 'io-error');
    expect(storedIn(root)).toEqual(['a/b/c']);
    expect(readdirSync(join(root, 'a/b'))).toEqual(['c']);
    expect(readdirSync(root)).toEqual(['.sluice', 'a']);
  });

  it('a put to a full disk is disk-full, and works again when there is space', async () => {
    let full = false;
    const { store } = await loggedStore({
      before: ({ name }) => (full && ['writev', 'mkdir', 'fdatasync'].includes(name) ? 'ENOSPC' : undefined),
    });
    full = true;
    for (const size of [10, 300_000]) {
      const outcome = await put(store, 'a/b', pattern(size));
      assert.ok(!outcome.ok);
      expect(outcome.error).toMatchObject({ code: 'disk-full', cause: 'ENOSPC' });
    }
    full = false;
    await value(put(store, 'a/b', pattern(300_000)));
  });
});
