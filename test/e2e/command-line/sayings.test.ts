/** What the command line says of what a newcomer may not expect, as built and as processes. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import {
  endAll,
  jsonLines,
  shareServe,
  sluice,
  sluiceInRunner,
  startServe,
} from '../../support/processes/cli.ts';
import { readStored, readTree, tempFolder, writeTree } from '../../support/stores/temp-folder.ts';

afterEach(endAll);

const share = shareServe();

function served() {
  const { folder, root, server } = share();
  const run = (...args: string[]) => sluiceInRunner([...args, '--server', server], { cwd: folder });
  return { folder, root, run };
}

describe('what is said', () => {
  test('rm says of a folder that -r removes it, and with -r all below it goes', async () => {
    const { root, run } = served();
    writeTree(root, { 'd/a': 'A', 'd/b/c': 'C', e: 'E' });
    expect(await run('rm', 'd/')).toMatchObject({
      status: 1,
      stderr: 'sluice: d/: it names a folder: -r removes all that is below it\n',
    });
    expect((await run('rm', '-r', 'd', 'none')).stderr).toBe('sluice: none: there is no such file\n');
    expect((await run('ls', '--json')).stdout).toContain('"name":"e"');
    expect(jsonLines((await run('ls', '--json')).stdout).length).toBe(1);
  });

  test('a command that is refused hangs up in good order, and its server speaks of no broken connection', async () => {
    const { server, child, done, logged } = await startServe(tempFolder());
    for (const args of [
      ['stat', 'none'],
      ['rm', 'none'],
      ['mv', 'none', 'other'],
    ])
      expect(await sluiceInRunner([...args, '--server', server])).toMatchObject({ status: 1 });
    await logged('refused', 3);
    child.kill('SIGTERM');
    expect((await done).stderr).not.toContain('a connection broke');
  });

  test('mv names the name that is wrong', async () => {
    const { root, run } = served();
    writeTree(root, { a: 'A', b: 'B' });
    expect((await run('mv', 'none', 'c')).stderr).toBe('sluice: none: there is no such file\n');
    expect((await run('mv', 'a', 'b', '--no-clobber')).stderr).toBe(
      'sluice: b: there is a file of that name already\n',
    );
  });

  test('get says that a folder is where a file is to be, with the name once, and leaves no temporary file', async () => {
    const { folder, root, run } = served();
    writeTree(root, { 'd/a': 'A', 'd/b/c': 'C' });
    mkdirSync(join(folder, 'out/d/a/full'), { recursive: true });
    writeTree(folder, { 'out/d/b': 'a file' });
    const ran = await run('get', 'd/', '--out', 'out/');
    expect(ran.status).toBe(1);
    expect(ran.stderr.split('\n').sort()).toEqual([
      '',
      'sluice: out/d/a: there is a folder of that name (EISDIR)',
      'sluice: out/d/b/c: a part of its path is no folder (ENOTDIR)',
    ]);
  });

  test('get --no-clobber says that what is there already is skipped, and nothing has failed', async () => {
    const { folder, root, run } = served();
    writeTree(root, { 'd/a': 'new', 'd/b': 'B', 'd/c': 'C' });
    writeTree(folder, { 'out/d/a': 'mine' });
    const first = await run('get', 'd/', '--out', 'out/', '--no-clobber');
    expect(first).toMatchObject({ status: 0, stderr: 'sluice: out/d/a: skipped, it is there already\n' });
    expect(first.stdout).toMatch(/^received d\/b .*\nreceived d\/c .*\n2 files, 2 B in /);
    expect(readTree(join(folder, 'out'))).toEqual({ 'd/a': 'mine', 'd/b': 'B', 'd/c': 'C' });
    const again = jsonLines((await run('get', 'd/', '--out', 'out/', '--no-clobber', '--json')).stdout);
    expect(again.map(({ event }) => event)).toEqual(['expect', 'skipped', 'skipped', 'skipped', 'summary']);
    expect(again[0]).toMatchObject({ files: 0, bytes: 0 });
    expect(again.at(-1)).toMatchObject({ files: 0, failed: 0 });
  });

  test('put stores a file of the kernel with what it has, or says that it is too large', async () => {
    const { root, run } = served();
    const ran = await run('put', '/proc/version', '/proc/self/pagemap');
    expect(ran).toMatchObject({
      status: 1,
      stderr:
        'sluice: /proc/self/pagemap: its size does not say how many bytes it has, and it has more than 16 MiB: send a copy of it\n',
    });
    expect(readStored(root)).toEqual({ version: readFileSync('/proc/version', 'latin1') });
  });

  test('a command line that cannot be meant is told what to write instead, before anything is done', async () => {
    const { folder, root, run } = served();
    writeTree(folder, { a: 'A', 'd/a': 'B' });
    const lines: [string[], string][] = [
      [['put', 'a', './a'], 'a is named twice: leave one of the two out'],
      [['put', 'a', 'd/a'], 'a and d/a would both be stored as a: send one of them with another --as'],
      [['get', 'a', '--out', ''], '--out is empty: name a file or a folder, or - for stdout'],
      [['mv', 'd/a', 'e/'], 'TO is the whole new name of the file: e/a, not e/'],
    ];
    const ran = await Promise.all(lines.map(([args]) => run(...args)));
    expect(ran).toEqual(lines.map(([, why]) => ({ status: 2, stdout: '', stderr: `sluice: ${why}\n` })));
    expect(readStored(root)).toEqual({});
  });

  test('an empty name is said to be empty, and an empty variable is as none', async () => {
    const { folder, root, run } = served();
    writeTree(root, { a: 'A' });
    const named = await run('stat', '', 'a');
    expect(named.stderr).toBe("sluice: '': the file name is not allowed: it is empty\n");
    expect(named.stdout).toMatch(/^a: 1 byte, changed /);
    const env = { SLUICE_SERVER: '', SLUICE_TLS_CA: '', SLUICE_TOKEN_FILE: '' };
    expect(await sluice(['ls'], { cwd: folder, env })).toMatchObject({
      status: 2,
      stderr: 'sluice: no server was named: add --from HOST:PORT, or set SLUICE_SERVER\n',
    });
  });

  test('ls / lists everything, as get and rm mean it', async () => {
    const { root, run } = served();
    expect(await run('ls', '/')).toEqual({ status: 0, stdout: '', stderr: '' });
    writeTree(root, { a: 'A', 'd/b': 'B' });
    expect((await run('ls', '/', '--json')).stdout).toBe((await run('ls', '--json')).stdout);
  });

  test('put says that an empty folder is skipped', async () => {
    const { folder, run } = served();
    writeTree(folder, { 'd/a': 'A' });
    mkdirSync(join(folder, 'd/empty'));
    expect((await run('put', 'd')).stderr).toBe('sluice: d/empty: skipped, an empty folder\n');
  });
});
