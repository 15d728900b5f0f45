/** What stands in the way of `sync`, and of `put` and `get`: links, folders, names. `--dry-run` says of it what a run says. */
import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { endAll, jsonLines, shareServe, sluiceInRunner } from '../../support/processes/cli.ts';
import { readStored, readTree, writeTree } from '../../support/stores/temp-folder.ts';

afterEach(endAll);

const share = shareServe();

function served() {
  const { folder, root, server } = share();
  const run = (...args: string[]) => sluiceInRunner(args, { cwd: folder, env: { SLUICE_SERVER: server } });
  const up = (...args: string[]) => run('sync', ...args, '--to', server);
  const down = (...args: string[]) => run('sync', ...args, '--from', server);
  return { folder, root, run, up, down };
}

const linkWords = (file: string, link: string) =>
  `sluice: ${file}: ${link} is a link, and nothing is written through it: put a folder in its place, or leave it out with --exclude\n`;

describe('sync to this machine', () => {
  test('nothing is written through a link below DEST, on any run, and the other files come', async () => {
    const { folder, root, down } = served();
    writeTree(root, { 'x/a': '1', 'x/sub/b': '2', 'x/deep/er/far/c': '3', 'x/deep/d': '4', 'x/gone/e': '5' });
    mkdirSync(join(folder, 'outside'));
    mkdirSync(join(folder, 'dest/deep'), { recursive: true });
    symlinkSync('../outside', join(folder, 'dest/sub'));
    symlinkSync(join(folder, 'outside'), join(folder, 'dest/deep/er'));
    symlinkSync('../outside/new', join(folder, 'dest/gone'));
    for (const flags of [[], [], ['--checksum']]) {
      const { status, stderr } = await down('x', 'dest', ...flags);
      expect(status).toBe(1);
      expect(stderr).toContain(linkWords('dest/sub/b', 'dest/sub'));
      expect(stderr).toContain(linkWords('dest/deep/er/far/c', 'dest/deep/er'));
      expect(stderr).toContain(linkWords('dest/gone/e', 'dest/gone'));
      expect(readTree(join(folder, 'outside'))).toEqual({});
      expect(readTree(join(folder, 'dest'))).toMatchObject({ a: '1', 'deep/d': '4' });
    }
    const { stdout } = await down('x', 'dest', '--json');
    expect(jsonLines(stdout).at(-1)).toMatchObject({ files: 0, unchanged: 2, failed: 4 });
    const out = ['--exclude', '/sub', '--exclude', 'er', '--exclude', '/gone'];
    expect(await down('x', 'dest', ...out)).toMatchObject({ status: 0, stderr: '' });
  });

  test('DEST may be a link itself, and a link that has the name of a file is replaced by the file', async () => {
    const { folder, root, down } = served();
    writeTree(root, { 'x/a': '1', 'x/b': '22' });
    writeTree(folder, { 'real/other': 'other', 'outside/b': 'outside' });
    symlinkSync('real', join(folder, 'dest'));
    symlinkSync('../outside', join(folder, 'real/a'));
    symlinkSync('../outside/b', join(folder, 'real/b'));
    expect(await down('x', 'dest')).toMatchObject({ status: 0, stderr: '' });
    expect(readTree(join(folder, 'real'))).toEqual({ a: '1', b: '22', other: 'other' });
    expect(lstatSync(join(folder, 'real/b')).isFile()).toBe(true);
    expect(readTree(join(folder, 'outside'))).toEqual({ b: 'outside' });
    expect((await down('x', 'dest')).stdout).toMatch(/^0 files, .*, 2 files unchanged\n$/);
  });

  test('a link to a file where a folder is needed goes first with --delete, and what it leads to stays', async () => {
    const { folder, root, down } = served();
    writeTree(root, { 'x/sub/a': '1' });
    writeTree(folder, { outside: 'outside', 'dest/other': 'other' });
    symlinkSync('../outside', join(folder, 'dest/sub'));
    expect((await down('x', 'dest', '--delete', '--dry-run')).stderr).toBe('');
    expect(await down('x', 'dest', '--delete')).toMatchObject({ status: 0, stderr: '' });
    expect(readTree(join(folder, 'dest'))).toEqual({ 'sub/a': '1' });
    expect(readTree(folder)).toMatchObject({ outside: 'outside' });
  });
});

test('get follows a link to a folder on the way', async () => {
  const { folder, root, run } = served();
  writeTree(root, { 'photos/sub/a': '1' });
  mkdirSync(join(folder, 'outside'));
  mkdirSync(join(folder, 'photos'));
  symlinkSync('../outside', join(folder, 'photos/sub'));
  expect(await run('get', 'photos/')).toMatchObject({ status: 0, stderr: '' });
  expect(readTree(join(folder, 'outside'))).toEqual({ a: '1' });
});

describe('--dry-run', () => {
  /** What was said of failures, in any order: a real run says it as files end. */
  const failures = ({ stderr }: { readonly stderr: string }) => stderr.split('\n').filter(Boolean).sort();

  test('of a sync to this machine says the failures that the run says: links, folders, files and pipes in the way', async () => {
    const { folder, root, down } = served();
    writeTree(root, {
      ...{ 'x/a': '1', 'x/file/b': '2', 'x/folder': '3', 'x/full': '4', 'x/sub/c': '5', 'x/pipe': '6' },
    });
    writeTree(folder, { 'dest/file': 'file', 'dest/full/kept.skip': 'kept', 'dest/full/old': 'old' });
    mkdirSync(join(folder, 'dest/folder'));
    mkdirSync(join(folder, 'outside'));
    symlinkSync('../outside', join(folder, 'dest/sub'));
    execFileSync('mkfifo', [join(folder, 'dest/pipe')]);
    const args = ['x', 'dest', '--exclude', '*.skip'];
    const planned = await down(...args, '--dry-run');
    expect(planned).toMatchObject({
      ...{ status: 1, stdout: 'would receive a (1 B): new\nwould receive 1 file, 1 B; 0 files unchanged\n' },
    });
    const { stdout } = await down(...args, '--dry-run', '--json');
    expect(jsonLines(stdout).at(-1)).toMatchObject({ event: 'summary', files: 1, bytes: 1, failed: 5 });
    expect(readTree(folder)).not.toHaveProperty('dest/a');
    const ran = await down(...args);
    expect(ran).toMatchObject({
      status: 1,
      stdout: expect.stringMatching(/^received .*\n1 file,.* 5 failed\n$/),
    });
    expect(failures(planned)).toEqual(failures(ran));
    expect(failures(ran)).toHaveLength(5);
  });

  test('says no failure where --delete removes what is in the way first, and does of a folder that stays', async () => {
    const { folder, root, down } = served();
    writeTree(root, { 'x/file/b': '2', 'x/full': '4', 'x/stays': '5' });
    writeTree(folder, { 'dest/file': '1', 'dest/full/deep/old': '2', 'dest/stays/old': '3' });
    mkdirSync(join(folder, 'dest/stays/empty'));
    const planned = await down('x', 'dest', '--delete', '--dry-run');
    expect(planned.stdout).toContain('would receive 2 files, 2 B, remove 3;');
    const ran = await down('x', 'dest', '--delete');
    expect(readTree(join(folder, 'dest'))).toMatchObject({ 'file/b': '2', full: '4' });
    expect(ran.stderr).toContain(planned.stderr);
    expect(planned.stderr).toBe('sluice: dest/stays: there is a folder of that name (EISDIR)\n');
  });

  test('of sync and put says of names that the server refuses what the run says', async () => {
    const { folder, root, up, run } = served();
    const long = 'n'.repeat(200);
    const bad = ['a\\b', 'n\nl', 'C:x', `${long}/${long}/${long}/${long}/${long}/${long}`];
    writeTree(join(folder, 'tree'), { fine: '1', ...Object.fromEntries(bad.map((name) => [name, 'x'])) });
    for (const command of [
      (...flags: string[]) => up('tree', '/', ...flags),
      (...flags: string[]) => run('put', 'tree', '--as', 'C:', ...flags),
      (...flags: string[]) => run('put', 'tree', ...flags),
    ]) {
      const planned = await command('--dry-run');
      const events = jsonLines((await command('--dry-run', '--json')).stdout);
      expect(readStored(root)).not.toHaveProperty('fine');
      const ran = await command();
      expect(failures(planned)).toEqual(failures(ran));
      expect([planned.status, ran.status]).toEqual([1, 1]);
      const refused = failures(ran).length;
      expect(refused).toBeGreaterThan(2);
      expect(events.filter(({ event }) => event === 'refused')).toHaveLength(refused);
      expect(events.at(-1)).toMatchObject({ event: 'summary', failed: refused, files: 5 - refused });
      execFileSync('sh', ['-c', 'rm -rf -- *'], { cwd: root });
    }
  });

  test('of put says what cannot be read, and fails as the run does', async () => {
    const { folder, run } = served();
    writeTree(join(folder, 'tree'), { fine: '1' });
    symlinkSync('nowhere', join(folder, 'tree/link'));
    const planned = await run('put', 'tree', '--dry-run');
    expect(planned).toMatchObject({ status: 1, stdout: expect.stringContaining('would send 1 file,') });
    expect(planned.stderr).toBe((await run('put', 'tree')).stderr);
  });
});
