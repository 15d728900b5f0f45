import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { of, throwError } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { parseServerAddress } from '../../../src/cli/shared/server-address.ts';
import { planGet } from '../../../src/cli/transfer/get-plan.ts';
import { planPut } from '../../../src/cli/transfer/put-plan.ts';
import type { Client } from '../../../src/client/client.ts';
import { tempFolder, writeTree } from '../../support/stores/temp-folder.ts';

describe('what a put sends', () => {
  const tree = () => {
    const folder = join(tempFolder(), 'photos');
    writeTree(folder, { 'b.jpg': 'bb', 'a/空.txt': '', 'a/c': 'ccc' });
    return folder;
  };
  const names = (paths: string[], as?: string) => planPut(paths, as).files.map(({ filename }) => filename);

  test.each([
    [undefined, ['photos/a/c', 'photos/a/空.txt', 'photos/b.jpg']],
    ['backup', ['backup/a/c', 'backup/a/空.txt', 'backup/b.jpg']],
    ['old/', ['old/photos/a/c', 'old/photos/a/空.txt', 'old/photos/b.jpg']],
  ])('a put of a folder with --as %s sends its files under the right names', (as, expected) => {
    expect(names([tree()], as)).toEqual(expected);
    expect(names([`${tree()}/`], as)).toEqual(expected);
  });

  test.each([
    [undefined, 'b.jpg'],
    ['x/y', 'x/y'],
    ['x/', 'x/b.jpg'],
  ])('a put of a file with --as %s sends it under the right name', (as, expected) => {
    expect(names([join(tree(), 'b.jpg')], as)).toEqual([expected]);
  });

  test('a put follows links to files, skips links to folders and what is neither, and tells what it cannot read', () => {
    const folder = tree();
    symlinkSync('b.jpg', join(folder, 'link'));
    symlinkSync('.', join(folder, 'loop'));
    symlinkSync('nowhere', join(folder, 'dangling'));
    execFileSync('mkfifo', [join(folder, 'fifo')]);
    mkdirSync(join(folder, 'empty'));
    const plan = planPut([folder, join(folder, 'none'), join(folder, 'fifo')], undefined);
    expect(plan.files.map(({ filename }) => filename)).toContain('photos/link');
    expect(plan.skipped).toEqual([
      { path: join(folder, 'empty'), why: 'an empty folder' },
      { path: join(folder, 'fifo'), why: 'neither a file nor a folder' },
      { path: join(folder, 'loop'), why: 'a link to a folder' },
    ]);
    expect(plan.unreadable).toEqual([
      { path: join(folder, 'dangling'), why: 'it is a link that leads to nothing' },
      { path: join(folder, 'none'), why: 'there is no such file' },
      {
        path: join(folder, 'fifo'),
        why: 'it is neither a file nor a folder: send a copy of what it has',
      },
    ]);
    expect(plan.files.find(({ filename }) => filename === 'photos/a/c')?.size).toBe(3);
  });

  test('a put follows a link that is given as PATH', () => {
    const folder = tree();
    const link = `${folder}-link`;
    symlinkSync(folder, link);
    expect(names([link])[0]).toBe('photos-link/a/c');
  });
});

describe('where a get puts it', () => {
  const client = {
    stat: (name: string) => of({ name, size: 1, mtime: 0 }),
    page: ({ prefix = '', after }: { prefix?: string; after?: string }) =>
      of(
        after === undefined
          ? { files: [{ name: `${prefix}x`, size: 1, mtime: 0 }], next: `${prefix}x` }
          : { files: [{ name: `${prefix}sub/y`, size: 2, mtime: 0 }] },
      ),
  } as unknown as Client;
  const paths = async (names: string[], out: string | null, recursive = false) =>
    (await planGet(client, { names, recursive, out })).files.map(({ path }) => path);

  test('a get puts a file where --out says, or into it when it is a folder', async () => {
    const folder = tempFolder();
    expect(await paths(['a/b'], `${folder}/new`)).toEqual([`${folder}/new`]);
    expect(await paths(['a/b'], folder)).toEqual([`${folder}/b`]);
    expect(await paths(['a/b'], `${folder}/new/`)).toEqual([`${folder}/new/b`]);
    expect(await paths(['a/b', 'c'], `${folder}/new`)).toEqual([`${folder}/new/b`, `${folder}/new/c`]);
    expect(await paths(['a/b'], null)).toEqual(['']);
  });

  test('a get puts a folder where --out says, or into it when it is there', async () => {
    const folder = tempFolder();
    expect(await paths(['a/p/'], `${folder}/new`)).toEqual([`${folder}/new/x`, `${folder}/new/sub/y`]);
    expect(await paths(['a/p/'], folder)).toEqual([`${folder}/p/x`, `${folder}/p/sub/y`]);
    expect(await paths(['a/p'], folder, true)).toEqual([`${folder}/p/x`, `${folder}/p/sub/y`]);
    expect(await paths(['/'], folder)).toEqual([`${folder}/x`, `${folder}/sub/y`]);
  });

  test.each([
    [['a/f', 'b/f'], 'a/f and b/f would both be stored as OUT/f'],
    [['a/x', 'a/'], null],
    [['x', '/'], 'x is asked for twice'],
    [['f', 'f'], 'f is asked for twice'],
    [['a/p/', 'b/p/'], 'a/p/x and b/p/x would both be stored as OUT/p/x'],
    [['q/sub', 'r/p/', '/'], 'q/sub would be stored as OUT/sub, which has to be a folder for sub/y'],
    [['/', 'q/sub'], 'q/sub would be stored as OUT/sub, which has to be a folder for sub/y'],
    [['a/p', 'b/p/'], 'a/p would be stored as OUT/p, which has to be a folder for b/p/x'],
  ])('a get refuses two names that would have one place, and no others: %j', async (names, why) => {
    const out = `${tempFolder()}/new`;
    const planned = paths(names, out).then(
      () => null,
      ({ status, message }) => ({ status, message }),
    );
    expect(await planned).toEqual(
      why && { status: 2, message: expect.stringContaining(why.replace('OUT', out)) },
    );
    // One after the other.
    expect((await paths(names, null)).length).toBeGreaterThanOrEqual(names.length);
  });

  test('what is asked for twice under a name that is not there does not keep the other from being fetched', async () => {
    const half = {
      ...client,
      stat: (name: string) =>
        name === 'a/f'
          ? of({ name, size: 1, mtime: 0 })
          : throwError(() => ({ code: 'refused', error: { code: 'not-found', message: 'none' } })),
    } as unknown as Client;
    const plan = await planGet(half, { names: ['a/f', 'b/f'], recursive: false, out: 'new' });
    expect(plan.files.map(({ path }) => path)).toEqual(['new/f']);
    expect(plan.failed.map(({ name }) => name)).toEqual(['b/f']);
  });

  test.each(['../evil', '/etc/passwd', 'p/../../evil', 'other/x', 'p/a\u0000b', 'p\\..\\evil'])(
    'a server that lists %s is not believed',
    async (name) => {
      const lying = { ...client, page: () => of({ files: [{ name, size: 1, mtime: 0 }] }) } as Client;
      const plan = await planGet(lying, { names: ['p/'], recursive: false, out: 'x' });
      expect(plan.files).toEqual([]);
      expect(plan.failed).toMatchObject([{ name }]);
    },
  );
});

test.each([
  ['localhost:80', { host: 'localhost', port: 80 }],
  ['[::1]:8080', { host: '::1', port: 8080 }],
  [':9', { host: '127.0.0.1', port: 9 }],
])('the address %s is read as host and port', (text, expected) =>
  expect(parseServerAddress(text)).toEqual(expected),
);

test.each(['host:0', 'host:65536'])('the address %o has a port that there is not', (text) => {
  expect(() => parseServerAddress(text)).toThrow('The port must be 1 to 65535, and is ');
});

test.each(['', 'host', 'host:', '::1:80', 'a:b'])('%o is no address of a server', (text) => {
  expect(() => parseServerAddress(text)).toThrow('It must be HOST:PORT');
});
