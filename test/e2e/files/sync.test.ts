/** `sluice sync` against `sluice serve`: both directions, what is skipped, and what is removed. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { endAll, jsonLines, type Ran, shareServe, sluiceInRunner } from '../../support/processes/cli.ts';
import { readStored, readTree, writeTree } from '../../support/stores/temp-folder.ts';

afterEach(endAll);

const share = shareServe();

const tree = { 'a.txt': 'hello', empty: '', 'deep/er/照片.txt': '世界', 'deep/z': 'z'.repeat(3000) };

function served() {
  const { folder, root, server } = share();
  const run = (...args: string[]): Promise<Ran> => sluiceInRunner(['sync', ...args], { cwd: folder });
  const up = (...args: string[]) => run(...args, '--to', server);
  const down = (...args: string[]) => run(...args, '--from', server);
  return { folder, root, server, run, up, down };
}

const summary = ({ stdout }: Ran) => jsonLines(stdout).at(-1);

describe('sync', () => {
  test('a folder goes to the server and comes back the same, and a second run of either moves nothing', async () => {
    const { folder, root, up, down } = served();
    writeTree(join(folder, 'tree'), tree);
    expect(await up('tree', 'copy')).toMatchObject({ status: 0, stderr: '' });
    expect(Object.keys(readStored(root)).sort()).toEqual(
      Object.keys(tree)
        .map((name) => `copy/${name}`)
        .sort(),
    );
    expect(summary(await up('tree', 'copy', '--json'))).toMatchObject({
      files: 0,
      transferred: 0,
      unchanged: 4,
    });
    expect(await down('copy/', 'back')).toMatchObject({ status: 0, stderr: '' });
    expect(execFileSync('diff', ['-r', 'tree', 'back'], { cwd: folder, encoding: 'utf8' })).toBe('');
    expect(summary(await down('copy', 'back', '--json'))).toMatchObject({ files: 0, unchanged: 4 });
    // What came back is as it was, also to the server.
    expect(summary(await up('back', 'copy', '--json'))).toMatchObject({ files: 0, unchanged: 4 });
  });

  test('what has changed is transferred, whichever is newer, and nothing else', async () => {
    const { folder, root, up } = served();
    writeTree(join(folder, 'tree'), tree);
    await up('tree', '/');
    writeFileSync(join(folder, 'tree/a.txt'), 'HELLO');
    utimesSync(join(folder, 'tree/a.txt'), 1_000_000_000, 1_000_000_000);
    writeFileSync(join(folder, 'tree/new'), 'new');
    const { status, stdout, stderr } = await up('tree', '/');
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(
      /^stored a\.txt \(5 B\)\nstored new \(3 B\)\n2 files, 8 B in .*, 3 files unchanged\n$/,
    );
    expect(readStored(root)).toMatchObject({ 'a.txt': 'HELLO', new: 'new' });
  });

  test('with --checksum the server reads the files whose checksum it does not know', async () => {
    const { folder, root, up } = served();
    writeTree(join(folder, 'tree'), { same: 'same', other: 'here' });
    writeTree(root, { 'x/same': 'same', 'x/other': 'ther' });
    const { stdout } = await up('tree', 'x', '--checksum', '--dry-run');
    expect(stdout).toBe(
      'would send other (4 B): another checksum\nwould send 1 file, 4 B; 1 file unchanged\n',
    );
  });

  test('with --checksum times do not count, and content does', async () => {
    const { folder, root, up, down } = served();
    writeTree(join(folder, 'tree'), tree);
    await up('tree', 'x');
    const { mtime } = statSync(join(folder, 'tree/deep/z'));
    writeFileSync(join(folder, 'tree/deep/z'), 'y'.repeat(3000));
    utimesSync(join(folder, 'tree/deep/z'), mtime, mtime);
    utimesSync(join(folder, 'tree/a.txt'), 1_000_000_000, 1_000_000_000);
    const { stdout } = await up('tree', 'x', '--checksum', '--dry-run');
    expect(stdout).toMatch(
      /^would send deep\/z \(2\.9 KiB\): another checksum.*\nwould send 1 file, .*; 3 files/,
    );
    expect(summary(await up('tree', 'x', '--checksum', '--json'))).toMatchObject({ files: 1, unchanged: 3 });
    expect(readStored(root)['x/deep/z']).toBe('y'.repeat(3000));
    expect(summary(await down('x', 'tree', '--checksum', '--json'))).toMatchObject({
      files: 0,
      unchanged: 4,
    });
  });

  test('nothing is removed without --delete, and with it what the source does not have, on the server and here', async () => {
    const { folder, root, up, down } = served();
    writeTree(join(folder, 'tree'), tree);
    writeTree(root, { 'x/old': 'old', 'x/deep/old': 'old', 'xx/other': 'other' });
    await up('tree', 'x');
    expect(readStored(root)).toMatchObject({ 'x/old': 'old' });
    const removed = await up('tree', 'x', '--delete');
    expect(removed).toMatchObject({ status: 0, stderr: '' });
    expect(removed.stdout).toMatch(
      /^removed x\/deep\/old\nremoved x\/old\n0 files.*, 4 files unchanged, 2 removed\n$/,
    );
    expect(Object.keys(readStored(root)).sort()).toEqual(
      [...Object.keys(tree).map((name) => `x/${name}`), 'xx/other'].sort(),
    );

    writeTree(join(folder, 'back'), { 'gone/far/away': '1', extra: '2' });
    expect(await down('x', 'back', '--delete')).toMatchObject({ status: 0, stderr: '' });
    expect(readTree(join(folder, 'back'))).toEqual(readTree(join(folder, 'tree')));
    expect(existsSync(join(folder, 'back/gone'))).toBe(false);
  });

  test('--delete does nothing at all when it would remove more than --max-delete', async () => {
    const { folder, root, up } = served();
    writeTree(join(folder, 'tree'), tree);
    writeTree(root, { 'x/1': '1', 'x/2': '2' });
    const { status, stderr } = await up('tree', 'x', '--delete', '--max-delete', '1');
    expect(status).toBe(1);
    expect(stderr).toBe('sluice: --delete would remove 2 files, and --max-delete is 1: nothing was done\n');
    expect(readStored(root)).toEqual({ 'x/1': '1', 'x/2': '2' });
    expect(await up('tree', 'x', '--delete', '--max-delete', '2')).toMatchObject({ status: 0 });
  });

  test('nothing is removed when something has failed', async () => {
    const { folder, root, up } = served();
    writeTree(join(folder, 'tree'), { 'a.txt': 'hello', 'bad\\name': 'x' });
    writeTree(root, { 'x/old': 'old' });
    const { status, stderr } = await up('tree', 'x', '--delete');
    expect(status).toBe(1);
    expect(stderr).toContain('nothing more is removed, since not all has arrived: 1 stay');
    expect(readStored(root)).toEqual({ 'x/a.txt': 'hello', 'x/old': 'old' });
  });

  test('a file that becomes a folder, and a folder that becomes a file, go first with --delete', async () => {
    const { folder, root, up, down } = served();
    writeTree(join(folder, 'tree'), { 'a/b': '1', c: '2' });
    writeTree(root, { 'x/a': 'file', 'x/c/d': 'below' });
    expect(await up('tree', 'x', '--delete')).toMatchObject({ status: 0, stderr: '' });
    expect(readStored(root)).toEqual({ 'x/a/b': '1', 'x/c': '2' });
    writeTree(join(folder, 'back'), { a: 'file', 'c/d': 'below' });
    expect(await down('x', 'back', '--delete')).toMatchObject({ status: 0, stderr: '' });
    expect(readTree(join(folder, 'back'))).toEqual(readTree(join(folder, 'tree')));
  });

  test('--dry-run of a run in which a file fails says that --delete removes nothing, as the run does', async () => {
    const { folder, root, up } = served();
    writeTree(join(folder, 'tree'), { 'back\\slash': '1', same: '2' });
    writeTree(root, { 'x/extra': '3' });
    const planned = await up('tree', 'x', '--delete', '--dry-run');
    expect(planned.stdout).toBe(
      'would send same (1 B): new\nwould send 1 file, 1 B, remove 0; 0 files unchanged\n',
    );
    const done = await up('tree', 'x', '--delete');
    for (const { status, stderr } of [planned, done])
      expect([status, stderr]).toEqual([
        1,
        expect.stringContaining('nothing more is removed, since not all'),
      ]);
    expect(Object.keys(readStored(root)).sort()).toEqual(['x/extra', 'x/same']);
  });

  test('--dry-run prints what would be done, as lines or JSON, and does nothing', async () => {
    const { folder, root, up, down } = served();
    writeTree(join(folder, 'tree'), { a: 'hello', b: 'hi' });
    writeTree(root, { 'x/b': 'other', 'x/old': 'old' });
    const { status, stdout } = await up('tree', 'x', '--delete', '--dry-run');
    expect([status, stdout]).toEqual([
      0,
      'would send a (5 B): new\nwould send b (2 B): another size\nwould remove old\nwould send 2 files, 7 B, remove 1; 0 files unchanged\n',
    ]);
    const { stdout: json } = await down('x', 'away', '--dry-run', '--json');
    expect(jsonLines(json)).toEqual([
      { event: 'would-receive', name: 'b', size: 5, reason: 'new' },
      { event: 'would-receive', name: 'old', size: 3, reason: 'new' },
      { event: 'summary', files: 2, bytes: 8, unchanged: 0, removed: 0 },
    ]);
    expect(readStored(root)).toEqual({ 'x/b': 'other', 'x/old': 'old' });
    expect(existsSync(join(folder, 'away'))).toBe(false);
  });

  test('what an interrupted download has left is no file: it is not sent, and not removed', async () => {
    const { folder, root, up, down } = served();
    const part = '.sluice-0123456789abcdef-9000000-1-x-1-1.part';
    writeTree(join(folder, 'tree'), { a: '1', [part]: 'part' });
    await up('tree', 'x');
    expect(readStored(root)).toEqual({ 'x/a': '1' });
    expect(await down('x', 'tree', '--delete')).toMatchObject({ status: 0 });
    expect(Object.keys(readTree(join(folder, 'tree'))).sort()).toEqual([part, 'a']);
  });

  test('links are treated as by put: a link to a file is its content, one to a folder is skipped', async () => {
    const { folder, root, up } = served();
    writeTree(join(folder, 'tree'), { a: '1' });
    mkdirSync(join(folder, 'elsewhere'));
    symlinkSync('a', join(folder, 'tree/link'));
    symlinkSync('../elsewhere', join(folder, 'tree/folder'));
    const { stderr } = await up('tree', 'x');
    expect(stderr).toBe('sluice: tree/folder: skipped, a link to a folder\n');
    expect(readStored(root)).toEqual({ 'x/a': '1', 'x/link': '1' });
  });
});

describe('put --update', () => {
  const put = (folder: string, server: string, ...args: string[]) =>
    sluiceInRunner(['put', ...args, '--update', '--server', server], { cwd: folder });

  test('sends what is not there or older there, of folders and of files, and leaves what is newer', async () => {
    const { folder, root, server } = served();
    writeTree(join(folder, 'tree'), { same: '1', older: '22', newer: '333' });
    writeFileSync(join(folder, 'file'), 'file');
    expect(await put(folder, server, 'tree', 'file')).toMatchObject({ status: 0, stderr: '' });
    const again = await put(folder, server, 'tree', 'file');
    expect(again.stdout).toMatch(/^0 files, 0 B in .*, 4 files unchanged\n$/);
    writeTree(root, { 'tree/older': 'xx', 'tree/newer': 'yyy' });
    utimesSync(join(root, 'tree/older'), 1_000_000_000, 1_000_000_000);
    utimesSync(join(root, 'tree/newer'), 4_000_000_000, 4_000_000_000);
    writeFileSync(join(folder, 'tree/new'), 'new');
    expect((await put(folder, server, 'tree', 'file', '--dry-run')).stdout).toMatch(
      /would send 2 files, 5 B; 2 files unchanged, 1 newer there\n$/,
    );
    const { stdout } = await put(folder, server, 'tree', 'file', '--json');
    expect(jsonLines(stdout).at(-1)).toMatchObject({ files: 2, unchanged: 2, newer: 1, failed: 0 });
    const last = await put(folder, server, 'tree', 'file');
    expect(last.stdout).toMatch(/^0 files, 0 B in .*, 4 files unchanged, 1 newer there\n$/);
    expect(readStored(root)).toMatchObject({ 'tree/older': '22', 'tree/newer': 'yyy', 'tree/new': 'new' });
  });

  test('says when it is asked for together with --no-clobber or --no-acks', async () => {
    const { folder, server } = served();
    writeFileSync(join(folder, 'file'), 'file');
    for (const other of ['--no-clobber', '--no-acks'])
      expect(await put(folder, server, 'file', other)).toMatchObject({
        status: 2,
        stderr: expect.stringContaining('--update'),
      });
  });
});

describe('sync refuses', () => {
  test.each([
    [['tree', 'x'], 'which way? --to SERVER sends SRC to it, --from SERVER fetches SRC from it'],
    [
      ['tree', 'x', '--to', ':1', '--from', ':1'],
      '--to and --from are two directions: leave one of them out',
    ],
    [['', 'x', '--to', ':1'], 'SRC and DEST are folders: one of them is empty'],
  ])('%j: it says what to do', async (args, why) => {
    const { run } = served();
    expect(await run(...args)).toMatchObject({ status: 2, stderr: expect.stringContaining(why) });
  });

  test('a server without a direction, and says how SLUICE_SERVER gets one', async () => {
    const { folder } = served();
    expect(
      await sluiceInRunner(['sync', 'tree', 'x'], { cwd: folder, env: { SLUICE_SERVER: ':1' } }),
    ).toMatchObject({
      status: 2,
      stderr: expect.stringContaining(
        'SLUICE_SERVER names a server, and not the direction: sluice sync SRC DEST --to "$SLUICE_SERVER"',
      ),
    });
  });

  test('a source that is not there, on either side, and a file', async () => {
    const { folder, up, down } = served();
    expect(await up('none', 'x')).toMatchObject({
      status: 1,
      stderr: 'sluice: none: there is no such folder\n',
    });
    expect(await down('none', 'x')).toMatchObject({
      status: 1,
      stderr: 'sluice: none: nothing is stored there\n',
    });
    expect(existsSync(join(folder, 'x'))).toBe(false);
    writeFileSync(join(folder, 'file'), 'x');
    expect(await up('file', 'x')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('it is no folder'),
    });
    rmSync(join(folder, 'file'));
  });
});
