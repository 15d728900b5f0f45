/** Many names at once: patterns, folders, sums, `cat`, and `--dry-run` where something would change. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { endAll, jsonLines, shareServe, sluiceInRunner } from '../../support/processes/cli.ts';
import { readStored, readTree, writeTree } from '../../support/stores/temp-folder.ts';

afterEach(endAll);

const share = shareServe();

const stored = {
  'photos/a.jpg': 'a',
  'photos/b.png': 'bb',
  'photos/2023/c.jpg': 'ccc',
  'photos/2023/deep/d.jpg': 'dddd',
  'photos-old': 'old',
  'star*': 'star',
  starfish: 'fish',
};

let served: ReturnType<typeof share>;
const run = (...args: string[]) =>
  sluiceInRunner(args, { cwd: served.folder, env: { SLUICE_SERVER: served.server } });
const names = () => Object.keys(readStored(served.root)).sort();

beforeEach(() => {
  served = share();
  writeTree(served.root, stored);
});

describe('patterns', () => {
  test('get fetches what fits, into a folder, and "**" goes over folders', async () => {
    expect(await run('get', 'photos/*.jpg', 'photos/*/deep/', '--out', 'out')).toMatchObject({
      ...{ status: 0, stderr: '' },
    });
    expect(readTree(join(served.folder, 'out'))).toEqual({ 'a.jpg': 'a', 'deep/d.jpg': 'dddd' });
  });

  test('get keeps the folders below the fixed part of a pattern with "**", so that names of one pattern never meet', async () => {
    writeTree(served.root, { 'photos/2023/a.jpg': 'second', 'other/a.jpg': 'third' });
    expect(await run('get', 'photos/**/*.jpg', '--out', 'all')).toMatchObject({ status: 0, stderr: '' });
    expect(readTree(join(served.folder, 'all'))).toEqual({
      ...{ 'a.jpg': 'a', '2023/a.jpg': 'second', '2023/c.jpg': 'ccc', '2023/deep/d.jpg': 'dddd' },
    });
    await run('get', 'pho*/**/deep/', '--out', 'folders');
    expect(readTree(join(served.folder, 'folders'))).toEqual({ 'photos/2023/deep/d.jpg': 'dddd' });
    await run('get', '**', '--out', 'some', '--exclude', '/photos/2023/deep/', '--exclude', 'star*');
    expect(Object.keys(readTree(join(served.folder, 'some'))).sort()).toEqual([
      ...[
        'other/a.jpg',
        'photos-old',
        'photos/2023/a.jpg',
        'photos/2023/c.jpg',
        'photos/a.jpg',
        'photos/b.png',
      ],
    ]);
    const met = await run('get', 'photos/**', 'other/*', '--out', 'met');
    expect(met).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('would both be stored as met/a.jpg'),
    });
    expect((await run('get', '*/a.jpg', '--out', 'met')).stderr).toContain(
      'would both be stored as met/a.jpg',
    );
    expect(existsSync(join(served.folder, 'met'))).toBe(false);
  });

  test('a file of exactly that name is meant before what the pattern means', async () => {
    expect((await run('cat', 'star*')).stdout).toBe('star');
    await run('rm', 'star*');
    expect(names()).toContain('starfish');
    expect((await run('cat', 'star*')).stdout).toBe('fish');
    // A backslash takes the meaning away.
    expect(await run('rm', 'star\\*')).toMatchObject({ status: 1 });
  });

  test('rm removes what fits, folders only with -r, and says what fits nothing', async () => {
    const { status, stderr } = await run('rm', 'photos/*.jpg', 'nothing*', 'photos/2023/');
    expect(status).toBe(1);
    expect(stderr).toContain('nothing*: no name fits');
    expect(stderr).toContain('-r removes all that is below it');
    expect(names()).toEqual([
      'photos-old',
      'photos/2023/c.jpg',
      'photos/2023/deep/d.jpg',
      'photos/b.png',
      'star*',
      'starfish',
    ]);
    await run('rm', '-r', 'photos/20*');
    expect(names()).toEqual(['photos-old', 'photos/b.png', 'star*', 'starfish']);
  });

  test('ls lists what fits', async () => {
    expect(jsonLines((await run('ls', 'photos/**/*.jpg', '--json')).stdout).map(({ name }) => name)).toEqual([
      ...['photos/2023/c.jpg', 'photos/2023/deep/d.jpg', 'photos/a.jpg'],
    ]);
    expect(await run('ls', 'x?')).toMatchObject({ status: 1, stderr: 'sluice: x?: no name fits\n' });
  });
});

describe('folders', () => {
  test('ls -l has a line for each folder with the sum of it, and -R one for each file', async () => {
    const lines = async (...args: string[]) =>
      (await run('ls', ...args)).stdout.replace(/ *\d{4}-\d\d-\d\d \d\d:\d\d */g, ' | ');
    expect(await lines('-l')).toMatch(
      /^ +3 \| photos-old\n +10 \| photos\/ {2}\(4 files\)\n +4 \| star\*\n +4 \| starfish\n +21 {2}7 files\n$/m,
    );
    expect(await lines('-l', 'photos/')).toMatch(
      /^ +7 \| 2023\/ {2}\(2 files\)\n +1 \| a\.jpg\n +2 \| b\.png\n +10 {2}4 files\n$/,
    );
    expect((await lines('-lR', 'photos/')).split('\n')).toHaveLength(6);
    expect(await lines('-lh', 'photos/')).toBe(await lines('-l', '--human', 'photos/'));
    const [folder] = jsonLines((await run('ls', '-l', 'photos/', '--json')).stdout);
    expect(folder).toMatchObject({ folder: 'photos/2023/', size: 7, files: 2 });
  });

  test('ls -l of a pattern has a line with its whole name for each file and each folder that fits', async () => {
    writeTree(served.root, { 'photos/2024/e': 'eeeee' });
    const lines = async (...args: string[]) =>
      (await run('ls', ...args)).stdout.replace(/ *\d{4}-\d\d-\d\d \d\d:\d\d */g, ' | ');
    expect(await lines('-l', 'photos/[2a]*')).toMatch(
      /^ +7 \| photos\/2023\/ {2}\(2 files\)\n +5 \| photos\/2024\/ {2}\(1 file\)\n +1 \| photos\/a.jpg\n +13 {2}4 files\n$/,
    );
    expect(await lines('-l', '*/20?3/')).toMatch(/^ +7 \| photos\/2023\/ {2}\(2 files\)\n +7 {2}2 files\n$/);
    expect(await lines('-lR', 'photos/202[34]')).toMatch(
      /^ +3 \| photos\/2023\/c.jpg\n +4 \| photos\/2023\/deep\/d.jpg\n +5 \| photos\/2024\/e\n +12 {2}3 files\n$/,
    );
    expect(jsonLines((await run('ls', '-l', '**/deep', '--json')).stdout)).toMatchObject([
      { folder: 'photos/2023/deep/', size: 4, files: 1 },
    ]);
    expect(jsonLines((await run('ls', '**/deep/', '--json')).stdout)).toMatchObject([
      { name: 'photos/2023/deep/d.jpg' },
    ]);
    expect(await run('ls', '**/deep')).toMatchObject({
      status: 1,
      stderr: 'sluice: **/deep: no name fits\n',
    });
    expect(await run('ls', '-l', 'x?')).toMatchObject({ status: 1, stderr: 'sluice: x?: no name fits\n' });
  });

  test('du sums folders up, the inner ones first', async () => {
    expect((await run('du', 'photos', '--depth', '2')).stdout).toBe(
      '           4  photos/2023/deep/  (1 file)\n           7  photos/2023/  (2 files)\n          10  photos/  (4 files)\n',
    );
    expect((await run('du', '-h', 'photos')).stdout).toBe('    10 B  photos/  (4 files)\n');
    const { status, stdout, stderr } = await run('du', 'none', '/', '--json');
    expect([status, stderr]).toEqual([1, 'sluice: none: nothing is stored there\n']);
    expect(jsonLines(stdout)).toMatchObject([{ folder: '/', size: 21, files: 7 }]);
  });

  test('mv moves a folder file by file, says what cannot be moved, and goes on', async () => {
    writeTree(served.root, { 'new/a.jpg': 'there' });
    const { status, stderr } = await run('mv', 'photos/', 'new', '--no-clobber', '-q');
    expect(status).toBeGreaterThan(0);
    expect(stderr).toMatch(/new\/a\.jpg.*there is a file of that name already\n$/);
    expect(readStored(served.root)).toMatchObject({
      ...{ 'new/a.jpg': 'there', 'photos/a.jpg': 'a', 'new/2023/deep/d.jpg': 'dddd', 'new/b.png': 'bb' },
    });
    expect(await run('mv', 'photos/', 'new/')).toMatchObject({
      status: 0,
      stdout: 'moved photos/a.jpg to new/a.jpg\n',
    });
    expect(await run('mv', 'new/', 'new/sub')).toMatchObject({ status: 2 });
    expect(await run('mv', 'none/', 'x')).toMatchObject({
      status: 1,
      stderr: 'sluice: none/: nothing is stored there\n',
    });
  });

  test('cat prints files one after the other, and a folder is all that is below it', async () => {
    expect((await run('cat', 'photos/b.png', 'photos/2023/')).stdout).toBe('bbcccdddd');
    expect(await run('cat', 'none')).toMatchObject({ status: 1, stdout: '' });
  });
});

describe('--dry-run', () => {
  test('says what would be done and does nothing, of put, get, rm and mv', async () => {
    const before = readStored(served.root);
    writeTree(join(served.folder, 'photos'), { 'a.jpg': 'A', new: 'n' });
    const stdoutOf = async (...args: string[]) => (await run(...args, '--dry-run')).stdout;
    expect(await stdoutOf('put', 'photos')).toBe(
      'would send photos/a.jpg (1 B), and replace what is there\nwould send photos/new (1 B)\nwould send 2 files, 2 B\n',
    );
    expect(await stdoutOf('put', 'photos', '--no-clobber')).toBe(
      'would refuse photos/a.jpg (1 B): it is there\nwould send photos/new (1 B)\nwould send 1 file, 1 B\n',
    );
    expect(jsonLines(await stdoutOf('put', 'photos', '--update', '--json')).at(-1)).toMatchObject({
      ...{ event: 'summary', files: 2, bytes: 2 },
    });
    expect(await stdoutOf('get', 'photos/*.png', '--out', 'out')).toBe(
      'would receive photos/b.png (2 B) to out/b.png\nwould receive 1 file, 2 B\n',
    );
    expect(await stdoutOf('rm', '-r', 'photos/2023')).toBe(
      'would remove photos/2023/c.jpg (3 B)\nwould remove photos/2023/deep/d.jpg (4 B)\nwould remove 2 files\n',
    );
    expect(await stdoutOf('mv', 'starfish', 'photos-old')).toBe(
      'would move starfish to photos-old, and replace what is there\n',
    );
    expect(await run('rm', 'none', '--dry-run')).toMatchObject({ status: 1 });
    expect(readStored(served.root)).toEqual(before);
  });
});

describe('a name that looks like a pattern', () => {
  test('is stored, listed and fetched as any other', async () => {
    writeFileSync(join(served.folder, 'a[1]{x}.txt'), 'odd');
    await run('put', 'a[1]{x}.txt');
    expect((await run('cat', 'a[1]{x}.txt')).stdout).toBe('odd');
    expect(await run('ls', 'a[1]')).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('a[1]{x}.txt'),
    });
    expect(await run('get', 'a[1]{x}.txt', '--out', 'b')).toMatchObject({ status: 0 });
  });
});
