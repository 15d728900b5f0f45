/**
 * A tree into which others plant links, FIFOs and the like, before and while the store uses it. The store does
 * not read, write or wait for anything outside the root.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { namesIn, pattern, put, refused, textOf, value } from '../../../src/store/conformance/case.ts';
import type { FileStore } from '../../../src/store/contract.ts';
import { openDiskStore } from '../../../src/store/disk/disk-store.ts';
import { DISK_MODES, optionsOf } from '../../support/stores/disk-modes.ts';
import { interceptedFileSystem, type Operation } from '../../support/stores/fs-intercepted.ts';
import { filesBelow, openBelow, temporariesIn } from '../../support/stores/store-roots.ts';
import { type WalledRoot, walledRoot } from '../../support/stores/walled-root.ts';

for (const mode of DISK_MODES) {
  describe(`a hostile tree (${mode})`, () => {
    let walled: WalledRoot;
    let root: string;
    let outside: string;
    let outsideFiles: readonly string[];
    let store: FileStore;
    /** Called before each operation of the store. It does what another process does at that moment. */
    let meanwhile: (operation: Operation) => void;

    beforeEach(async () => {
      walled = walledRoot();
      ({ root, outside } = walled);
      outsideFiles = filesBelow(outside);
      meanwhile = () => {};
      const fs = interceptedFileSystem({
        before(operation) {
          meanwhile(operation);
          return undefined;
        },
      });
      store = await value(openDiskStore(root, optionsOf(mode, fs)));
    });

    afterEach(async () => {
      assert.deepEqual(temporariesIn(root), [], 'nothing unfinished is left');
      await store.close();
      assert.deepEqual(filesBelow(outside), outsideFiles, 'nothing outside was made or removed');
      for (const file of outsideFiles)
        assert.equal(readFileSync(join(outside, file), 'utf8'), 'secret', `${file} was not written`);
      assert.deepEqual(openBelow(walled.base), []);
    });

    /** Checks that every call refuses the name of a link or the like. */
    const refusedEverywhere = async (name: string) => {
      await refused(store.open(name), 'not-a-file');
      await refused(store.stat(name), 'not-a-file');
      await refused(store.remove(name), 'not-a-file');
      await refused(store.rename(name, 'moved'), 'not-a-file');
      await refused(put(store, name, 'x'), 'not-a-file');
      await refused(put(store, name, 'x', { ifAbsent: true }), 'not-a-file');
      await refused(put(store, name, pattern(200_000)), 'not-a-file');
      await value(put(store, 'from', 'x'));
      await refused(store.rename('from', name), 'not-a-file');
      await refused(store.rename('from', name, { ifAbsent: true }), 'not-a-file');
      await value(store.remove('from'));
    };

    it(`a hostile tree (${mode}): the store does not follow a link in place of a file`, async () => {
      for (const target of [
        join(outside, 'secret'),
        join(outside, 'new'),
        '../outside/secret',
        'inside',
        '/dev/null',
      ]) {
        writeFileSync(join(root, 'inside'), 'inside');
        symlinkSync(target, join(root, 'link'));
        await refusedEverywhere('link');
        expect(await namesIn(store)).toEqual(['inside']);
        assert.ok(lstatSync(join(root, 'link')).isSymbolicLink());
        unlinkSync(join(root, 'link'));
      }
    });

    it(`a hostile tree (${mode}): the store does not follow a link in place of a folder, wherever it is`, async () => {
      mkdirSync(join(root, 'a'));
      symlinkSync(outside, join(root, 'link'));
      symlinkSync(join(outside, 'folder'), join(root, 'a/link'));
      for (const name of [
        'link/secret',
        'link/new',
        'link/folder/secret',
        'a/link/secret',
        'a/link/new/new',
      ]) {
        await refusedEverywhere(name);
      }
      await refusedEverywhere('link');
      expect(await namesIn(store)).toEqual([]);
      expect(await namesIn(store, 10, 'link/')).toEqual([]);
    });

    it(`a hostile tree (${mode}): the store neither waits for nor uses a FIFO, a socket or a device`, async () => {
      execFileSync('mkfifo', [join(root, 'fifo')]);
      await refusedEverywhere('fifo');
      await refusedEverywhere('fifo/below');
      const server = createServer().listen(join(root, 'socket'));
      await new Promise((resolve) => server.once('listening', resolve));
      await refusedEverywhere('socket');
      await new Promise((resolve) => server.close(resolve));
      expect(await namesIn(store)).toEqual([]);
    });

    it(`a hostile tree (${mode}): a put replaces one name of a file with two, and leaves the other`, async () => {
      linkSync(join(outside, 'secret'), join(root, 'hard'));
      await value(put(store, 'hard', 'mine'));
      expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('secret');
      expect(await textOf(store, 'hard')).toBe('mine');
    });

    it(`a hostile tree (${mode}): a file can be renamed onto its other name`, async () => {
      await value(put(store, 'one', 'content'));
      linkSync(join(root, 'one'), join(root, 'two'));
      await refused(store.rename('one', 'two', { ifAbsent: true }), 'exists');
      await value(store.rename('one', 'two'));
      expect(await namesIn(store)).toEqual(['two']);
      expect(await textOf(store, 'two')).toBe('content');
    });

    it(`a hostile tree (${mode}): listings skip what is no file, and names that no file can have`, async () => {
      await value(put(store, 'a', 'x'));
      const odd = [Buffer.from([0x62, 0xff]), Buffer.from('new\nline'), Buffer.from('back\\slash')];
      for (const name of odd) writeFileSync(Buffer.concat([Buffer.from(`${root}/`), name]), 'x');
      // The name is what a name that is not UTF-8 looks like after decoding.
      await value(put(store, 'b\ufffd', 'real'));
      const oddFolder = Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0x63, 0xff])]);
      mkdirSync(oddFolder);
      writeFileSync(Buffer.concat([oddFolder, Buffer.from('/file')]), 'x');
      mkdirSync(join(root, 'empty/empty'), { recursive: true });
      symlinkSync('a', join(root, 'link'));
      symlinkSync('empty', join(root, 'folder-link'));
      expect(await namesIn(store)).toEqual(['a', 'b\ufffd']);
      expect(await namesIn(store, 1)).toEqual(['a', 'b\ufffd']);
    });

    it(`a hostile tree (${mode}): a listing omits a file that becomes a link meanwhile`, async () => {
      for (const name of ['a', 'b', 'c']) await value(put(store, name, 'x'));
      meanwhile = ({ name }) => {
        if (name !== 'lstat') return;
        unlinkSync(join(root, 'b'));
        symlinkSync(join(outside, 'secret'), join(root, 'b'));
        meanwhile = () => {};
      };
      expect(await namesIn(store)).toEqual(['a', 'c']);
    });

    it(`a hostile tree (${mode}): a file that is closed during a read is closed after it`, async () => {
      await value(put(store, 'large', pattern(400_000)));
      const source = await value(store.open('large'));
      const reads = [source.read(0, 400_000), source.read(1, 200_000)];
      await source.close();
      for (const read of reads) await value(read);
      expect(openBelow(join(root, 'large'))).toEqual([]);
    });

    it(`a hostile tree (${mode}): empty folders stay when a file is beside them`, async () => {
      for (const name of ['0', '1', '2', '3', '4', '5'])
        mkdirSync(join(root, 'a', name), { recursive: true });
      await value(put(store, 'a/3/file', 'x'));
      await refused(put(store, 'a', 'x'), 'name-conflict');
      expect(readdirSync(join(root, 'a'))).toHaveLength(6);
    });

    it(`a hostile tree (${mode}): a folder with a link in it is not empty`, async () => {
      mkdirSync(join(root, 'a/b'), { recursive: true });
      symlinkSync(outside, join(root, 'a/b/link'));
      await refused(put(store, 'a', 'x'), 'name-conflict');
      assert.ok(existsSync(join(root, 'a/b/link')));
    });

    it(`a hostile tree (${mode}): the store notices that a folder was moved, and does not follow it`, async () => {
      await value(put(store, 'a/b/first', 'x'));
      renameSync(join(root, 'a'), join(outside, 'moved'));
      await value(put(store, 'a/b/second', 'x'));
      expect(readdirSync(join(root, 'a/b'))).toEqual(['second']);
      expect(readdirSync(join(outside, 'moved/b'))).toEqual(['first']);
      rmSync(join(outside, 'moved'), { recursive: true });
    });

    it(`a hostile tree (${mode}): the store notices that a folder was replaced by a link, at any depth, even to the same folder`, async () => {
      await value(put(store, 'a/b/first', 'x'));
      renameSync(join(root, 'a'), join(outside, 'moved'));
      symlinkSync(join(outside, 'moved'), join(root, 'a'));
      for (const name of ['a/b/first', 'a/b/new', 'a/new']) await refusedEverywhere(name);
      expect(await namesIn(store)).toEqual([]);
      expect(readdirSync(join(outside, 'moved/b'))).toEqual(['first']);
      rmSync(join(outside, 'moved'), { recursive: true });
    });

    it(`a hostile tree (${mode}): the store notices that a folder was removed or replaced by another`, async () => {
      await value(put(store, 'a/b/first', 'x'));
      rmSync(join(root, 'a'), { recursive: true });
      await refused(store.stat('a/b/first'), 'not-found');
      await value(put(store, 'a/b/second', 'x'));
      renameSync(join(root, 'a/b'), join(root, 'a/old'));
      mkdirSync(join(root, 'a/b'));
      await value(put(store, 'a/b/third', 'x'));
      expect(await namesIn(store)).toEqual(['a/b/third', 'a/old/second']);
    });

    it(`a hostile tree (${mode}): a put follows no link that is swapped in at any moment`, async () => {
      for (let nth = 0, swapped = true; swapped; nth++) {
        await value(put(store, 'x/y/old', 'old'));
        let operations = 0;
        swapped = false;
        meanwhile = () => {
          if (operations++ !== nth) return;
          swapped = true;
          renameSync(join(root, 'x/y'), join(root, 'x/away'));
          symlinkSync(join(outside, 'folder'), join(root, 'x/y'));
        };
        const outcome = await put(store, 'x/y/old', 'new');
        meanwhile = () => {};
        if (!outcome.ok) expect(outcome.error.code).toBe('not-a-file');
        expect(filesBelow(outside)).toEqual(outsideFiles);
        if (swapped) {
          unlinkSync(join(root, 'x/y'));
          renameSync(join(root, 'x/away'), join(root, 'x/y'));
        }
        expect(await textOf(store, 'x/y/old')).toBe(outcome.ok ? 'new' : 'old');
      }
    });

    it(`a hostile tree (${mode}): a put makes its folder again when it is removed at any moment`, async () => {
      for (let nth = 0, removed = true; removed; nth++) {
        await value(put(store, 'x/y/other', 'other'));
        let operations = 0;
        removed = false;
        meanwhile = () => {
          if (operations++ !== nth) return;
          removed = true;
          rmSync(join(root, 'x'), { recursive: true });
        };
        await value(put(store, 'x/y/file', 'new'));
        meanwhile = () => {};
        // If the folder was removed after the rename, the file was removed with it.
        if (existsSync(join(root, 'x/y/file'))) expect(await textOf(store, 'x/y/file')).toBe('new');
        else expect(removed).toBe(true);
      }
    });
  });
}
