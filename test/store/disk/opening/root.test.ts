/** The roots that a disk store can be opened on, and the errors for others. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { namesIn, put, refused, textOf, value } from '../../../../src/store/conformance/case.ts';
import type { FileStore } from '../../../../src/store/contract.ts';
import { openDiskStore } from '../../../../src/store/disk/disk-store.ts';
import { interceptedFileSystem } from '../../../support/stores/fs-intercepted.ts';
import { newRoot, openBelow, removeRoot, storedIn } from '../../../support/stores/store-roots.ts';

let base: string;
beforeEach(() => {
  base = newRoot();
});
afterEach(() => {
  expect(openBelow(base)).toEqual([]);
  removeRoot(base);
});

it('a missing root is made, with what is missing above it', async () => {
  const root = join(base, 'a/b/c');
  const store = await value(openDiskStore(root));
  await value(put(store, 'file', 'x'));
  await store.close();
  expect(storedIn(root)).toEqual(['file']);
});

it('a root that cannot be made is an error that says so', async () => {
  // The kernel denies new folders there as if the parent were missing.
  const opened = await openDiskStore('/proc/no-such-folder/uploads');
  expect(opened).toMatchObject({ ok: false, error: { cause: 'ENOENT' } });
});

it('a root that is made is synced into the folder above it', async () => {
  const synced: unknown[] = [];
  const opens = new Map<unknown, unknown>();
  const fs = interceptedFileSystem({
    after: ({ name, args }, result) => {
      if (name === 'open') opens.set(result, args[0]);
      if (name === 'fsync') synced.push(opens.get(args[0]));
    },
  });
  await (await value(openDiskStore(join(base, 'a/b'), { fs }))).close();
  expect(synced.slice(0, 2)).toEqual([base, join(base, 'a')]);
});

it('the root itself may be a link', async () => {
  mkdirSync(join(base, 'real'));
  symlinkSync('real', join(base, 'link'));
  const store = await value(openDiskStore(join(base, 'link')));
  await value(put(store, 'a/file', 'x'));
  expect(await textOf(store, 'a/file')).toBe('x');
  await store.close();
  expect(storedIn(join(base, 'real'))).toEqual(['a/file']);
});

it('a root that is moved while it is open is still the root', async () => {
  const root = join(base, 'root');
  const store = await value(openDiskStore(root));
  await value(put(store, 'a/first', 'x'));
  renameSync(root, join(base, 'moved'));
  await value(put(store, 'a/second', 'x'));
  expect(await namesIn(store)).toEqual(['a/first', 'a/second']);
  await store.close();
  expect(existsSync(root)).toBe(false);
  expect(storedIn(join(base, 'moved'))).toEqual(['a/first', 'a/second']);
});

it('however many folders are used, no more than a few stay open', async () => {
  const store = await value(openDiskStore(base, { durability: 'os' }));
  const names = Array.from({ length: 300 }, (_, i) => `folder ${i}/below/file`);
  for (const name of names) await value(put(store, name, name));
  const open = openBelow(base).length;
  expect(open).toBeGreaterThan(10);
  expect(open).toBeLessThan(30);
  await Promise.all(names.map(async (name) => expect(await textOf(store, name)).toBe(name)));
  expect(openBelow(base).length).toBeLessThan(30);
  await store.close();
});

it('a folder that another call opens while a put makes it durable stays open once, and closes with the store', async () => {
  mkdirSync(join(base, 'a'));
  const reads: unknown[] = [];
  const fs = interceptedFileSystem({
    before: ({ name }) => {
      if (name === 'fsync' && store !== undefined) reads.push(store.stat('a/none'));
      return undefined;
    },
  });
  let store: FileStore | undefined;
  store = await value(openDiskStore(base, { durability: 'fsync', fs }));
  const before = openBelow(base).length;
  await value(put(store, 'a/file', 'x'));
  await Promise.all(reads);
  expect(reads.length).toBeGreaterThan(0);
  expect(openBelow(base)).toHaveLength(before + 1);
  await store.close();
});

it('a root that is a file is refused, and the error says what to do', async () => {
  writeFileSync(join(base, 'file'), 'x');
  for (const root of [join(base, 'file'), join(base, 'file/below')]) {
    const outcome = await openDiskStore(root);
    assert.ok(!outcome.ok);
    expect(outcome.error.code).toBe('name-conflict');
    expect(outcome.error.message).toContain(root);
    expect(outcome.error.message).toContain('choose another folder');
  }
});

it('a root that may not be written to is refused, and the error says what to do', async () => {
  for (const [errno, code, help] of [
    ['EACCES', 'permission-denied', 'let this user write there'],
    ['EROFS', 'read-only', 'mount it writable'],
  ]) {
    const fs = interceptedFileSystem({
      before: ({ name, args }) => (name === 'mkdir' && `${args[0]}`.includes('.sluice') ? errno : undefined),
    });
    const outcome = await openDiskStore(base, { fs });
    assert.ok(!outcome.ok);
    expect(outcome.error).toMatchObject({ code, cause: errno });
    expect(outcome.error.message).toContain(base);
    expect(outcome.error.message).toContain(help);
  }
});

describe.each(['fsync', 'os'] as const)('a root that is removed while it is open (%s)', (durability) => {
  it('a root that is removed and made again while the store is open is used again', async () => {
    const root = join(base, 'root');
    const store = await value(openDiskStore(root, { durability }));
    await value(put(store, 'a/old', 'x'));
    for (const first of ['put', 'read', 'list']) {
      rmSync(root, { recursive: true });
      mkdirSync(join(root, 'b'), { recursive: true });
      writeFileSync(join(root, 'b/restored'), 'restored');
      if (first === 'read') expect(await textOf(store, 'b/restored')).toBe('restored');
      if (first === 'list') expect(await namesIn(store)).toEqual(['b/restored']);
      await value(put(store, 'a/new', 'x'));
      expect(await namesIn(store)).toEqual(['a/new', 'b/restored']);
      await value(store.rename('b/restored', 'a/b'));
      await value(store.remove('a/b'));
      await refused(store.stat('a/old'), 'not-found');
      expect(storedIn(root)).toEqual(['a/new']);
    }
    await store.close();
  });

  it('a root that is removed while the store is open is an error with its path, until there is one again', async () => {
    const root = join(base, 'root');
    const store = await value(openDiskStore(root, { durability }));
    await value(put(store, 'a', 'x'));
    const sink = await value(store.put('under-way', { size: 0 }));
    rmSync(root, { recursive: true });
    for (let i = 0; i < 2; i++) {
      for (const ask of [
        () => store.put('b', { size: 1 }),
        () => store.stat('a'),
        () => store.list({ limit: 1 }),
      ]) {
        const outcome = await ask();
        assert.ok(!outcome.ok);
        expect(outcome.error.code).toBe('io-error');
        expect(outcome.error.message).toContain(`${root} is gone`);
      }
    }
    await refused(sink.commit(), 'io-error');
    mkdirSync(root);
    await value(put(store, 'c/d', 'x'));
    expect(await namesIn(store)).toEqual(['c/d']);
    await store.close();
  });

  it.each([
    ['a file', (root: string) => writeFileSync(root, 'x')],
    ['a link', (root: string) => symlinkSync('elsewhere', root)],
  ])(
    'a root that is removed and replaced by %s is an error that says so, and blames no name',
    async (_, replace) => {
      const root = join(base, 'root');
      mkdirSync(join(base, 'elsewhere'));
      const store = await value(openDiskStore(root, { durability }));
      rmSync(root, { recursive: true });
      replace(root);
      for (const ask of [() => store.put('b', { size: 1 }), () => store.stat('a')]) {
        const outcome = await ask();
        assert.ok(!outcome.ok);
        expect(outcome.error).toMatchObject({ code: 'io-error', cause: 'ESTALE' });
        expect(outcome.error.message).toContain(`${root} is gone, and what is in its place is not a folder`);
      }
      unlinkSync(root);
      mkdirSync(root);
      await value(put(store, 'a', 'x'));
      expect(storedIn(root)).toEqual(['a']);
      await store.close();
      expect(storedIn(join(base, 'elsewhere'))).toEqual([]);
    },
  );

  it('a reserved folder that is removed while the store is open is made again', async () => {
    const store = await value(openDiskStore(base, { durability }));
    await value(put(store, 'a', 'x'));
    rmSync(join(base, '.sluice'), { recursive: true });
    await value(put(store, 'b', 'x'));
    expect(await namesIn(store)).toEqual(['a', 'b']);
    await store.close();
  });
});
