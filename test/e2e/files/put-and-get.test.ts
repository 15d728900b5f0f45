/** The command line's file commands against `sluice serve`, all as built and as processes. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import {
  endAll,
  jsonLines,
  main,
  type Ran,
  shareServe,
  sluice,
  sluiceInRunner,
} from '../../support/processes/cli.ts';
import { readStored, readTree, tempFolder, writeTree } from '../../support/stores/temp-folder.ts';

afterEach(endAll);

const share = shareServe();

function served() {
  const { folder, root, server } = share();
  const options = { cwd: folder };
  /** As a process of its own. */
  const start = (...args: string[]): Promise<Ran> => sluice([...args, '--server', server], options);
  const run = (...args: string[]): Promise<Ran> => sluiceInRunner([...args, '--server', server], options);
  return { folder, root, server, start, run };
}

const tree = {
  'a.txt': 'hello',
  empty: '',
  '照片/你好.txt': '世界',
  'deep/er/still/file': randomBytes(300_000),
  big: randomBytes(3_000_000),
};

describe('there and back', () => {
  test('a tree with folders, an empty file and a Chinese name comes back so that diff -r is silent', async () => {
    const { folder, root, start } = served();
    writeTree(join(folder, 'tree'), tree);
    utimesSync(join(folder, 'tree/a.txt'), 1_000_000_000, 1_000_000_000);
    const put = await start('put', 'tree');
    expect(put).toMatchObject({ status: 0, stderr: '' });
    expect(put.stdout).toContain('stored tree/照片/你好.txt (6 B)\n');
    expect(put.stdout).toMatch(/5 files, 3\.1 MiB in \d\.\d s \(.*\/s\)\n$/);
    expect(Object.keys(readStored(root)).length).toBe(5);
    expect(await start('get', 'tree/', '--out', 'back', '--quiet')).toEqual({
      status: 0,
      stdout: '',
      stderr: '',
    });
    expect(execFileSync('diff', ['-r', 'tree', 'back'], { cwd: folder, encoding: 'utf8' })).toBe('');
    expect(statSync(join(folder, 'back/a.txt')).mtimeMs).toBe(1e12);
    expect(await start('get', '-r', 'tree/照片', 'tree/a.txt', '-o', 'more', '-q')).toMatchObject({
      status: 0,
    });
    expect(Object.keys(readTree(join(folder, 'more'))).sort()).toEqual(['a.txt', '照片/你好.txt']);
  });

  test('more than a thousand small files are sent and fetched, and told as JSON', async () => {
    const { folder, root, run } = served();
    const many = Object.fromEntries(
      Array.from({ length: 1100 }, (_, i) => [`d${i % 7}/f${i}`, randomBytes((i * 37) % 5000)]),
    );
    writeTree(join(folder, 'many'), many);
    const lines = jsonLines((await run('put', 'many', '--json', '--as', 'x/y')).stdout);
    expect(lines.at(-1)).toMatchObject({ event: 'summary', files: 1100, failed: 0 });
    const one = lines.find(({ filename }) => filename === 'x/y/d1/f1')!;
    expect(one).toEqual({
      event: 'stored',
      path: 'many/d1/f1',
      filename: 'x/y/d1/f1',
      size: 37,
      crc32: crc32(many['d1/f1']!),
      durable: false,
    });
    expect(readTree(join(root, 'x/y'))).toEqual(readTree(join(folder, 'many')));
    const back = jsonLines((await run('get', 'x/y/', '--out', 'back', '--json')).stdout);
    expect(back.at(-1)).toMatchObject({ event: 'summary', files: 1100, failed: 0 });
    expect(readTree(join(folder, 'back'))).toEqual(readTree(join(folder, 'many')));
  });

  test('get prints files to stdout byte for byte, and a reader that leaves is no error', async () => {
    const { folder, server, run } = served();
    writeTree(folder, { big: tree.big, a: 'A' });
    await run('put', 'big', 'a');
    writeFileSync(join(folder, 'both'), Buffer.concat([tree.big, Buffer.from('A')]));
    const shell = (script: string) => {
      const env = { ...process.env, node: process.execPath, main, SLUICE_SERVER: server };
      return execFileSync('bash', ['-o', 'pipefail', '-c', script], { cwd: folder, env, encoding: 'utf8' });
    };
    expect(shell('"$node" "$main" get big a -o - | cmp - both')).toBe('');
    expect(shell('"$node" "$main" get big -o - 2>&1 | head -c 1 | wc -c').trim()).toBe('1');
    expect(shell('"$node" "$main" ls 2>&1 | true')).toBe('');
  });
});

describe('what is asked of a server', () => {
  test('ls, stat, mv and rm list, describe, rename and remove files of the server', async () => {
    const { folder, root, run } = served();
    writeTree(folder, { a: 'AAA', b: 'B' });
    await run('put', 'a', 'b', '--as', 'd/', '-q');
    expect((await run('ls')).stdout).toMatch(
      /^ {5}3 B {2}20\d\d-\d\d-\d\d \d\d:\d\d {2}d\/a\n {5}1 B .* {2}d\/b\n$/,
    );
    const mtime = Math.floor(statSync(join(folder, 'a')).mtimeMs);
    expect(jsonLines((await run('ls', 'd/a', '--json')).stdout)).toEqual([{ name: 'd/a', size: 3, mtime }]);
    expect(jsonLines((await run('stat', 'd/a', '--json')).stdout)).toEqual([{ name: 'd/a', size: 3, mtime }]);
    expect((await run('stat', 'd/a')).stdout).toMatch(/^d\/a: 3 bytes, changed 20/);
    expect(await run('stat', 'd/a', 'none')).toMatchObject({
      status: 1,
      stderr: 'sluice: none: there is no such file\n',
    });
    expect(await run('mv', 'd/a', 'd/b', '--no-clobber')).toMatchObject({ status: 4 });
    expect(await run('mv', 'd/none', 'd/b', '--no-clobber')).toMatchObject({ status: 1 });
    expect((await run('mv', 'd/a', 'd/b')).stdout).toBe('moved d/a to d/b\n');
    expect(readStored(root)).toEqual({ 'd/b': 'AAA' });
    expect(await run('rm', 'd/b', 'none')).toEqual({
      status: 1,
      stdout: 'removed d/b\n',
      stderr: 'sluice: none: there is no such file\n',
    });
    expect(await run('ls')).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(await run('ls', 'typo/')).toEqual({
      status: 1,
      stdout: '',
      stderr: 'sluice: typo/: no name begins with that\n',
    });
  });

  test('the server may be named in the environment', async () => {
    const { server } = served();
    expect(await sluice(['ls'], { env: { SLUICE_SERVER: server } })).toMatchObject({ status: 0 });
    expect(await sluice(['ls'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('SLUICE_SERVER'),
    });
  });
});

describe('what is refused', () => {
  test('a file that is refused does not stop the others, and leaves nothing outside the root', async () => {
    const { folder, root, run } = served();
    writeTree(folder, { x: 'X', 'ok/file': 'F' });
    const put = await run('put', 'x', '--as', '../x');
    expect(put.status).toBe(1);
    expect(put.stderr).toContain(
      "sluice: x as ../x: the file name is not allowed: it has a segment '.' or '..'\n",
    );
    expect(readdirSync(folder).sort()).toEqual(['ok', 'x']);
    // A file in the way of a folder: the one is refused, the other stored.
    await run('put', 'x', '--as', 'ok', '-q');
    const both = await run('put', 'ok', 'x', '--json');
    expect(both.status).toBe(1);
    const events = jsonLines(both.stdout);
    expect(events.find(({ event }) => event === 'refused')).toMatchObject({
      filename: 'ok/file',
      code: 'name-conflict',
    });
    expect(events.at(-1)).toMatchObject({ files: 1, failed: 1 });
    expect(readStored(root)).toEqual({ ok: 'X', x: 'X' });
  });

  test('a file that is refused with much left to send costs a connection, not the other files', async () => {
    const { folder, root, run } = served();
    writeTree(folder, { top: 'T', 't/big1': randomBytes(20_000_000), 't/big2': randomBytes(20_000_000) });
    await run('put', 'top', '--as', 't', '-q');
    const put = await run('put', 't', 'top', '--json');
    expect(put.status).toBe(1);
    const events = jsonLines(put.stdout);
    expect(events.filter(({ event }) => event === 'refused').length).toBe(2);
    expect(events.at(-1)).toMatchObject({ files: 1, failed: 2 });
    expect(readStored(root)).toEqual({ t: 'T', top: 'T' });
  });

  test('a file that is not there, here or on the server, is told, and the others are sent and fetched', async () => {
    const { folder, run } = served();
    writeTree(folder, { a: 'A' });
    const put = await run('put', 'none', 'a');
    expect(put).toMatchObject({ status: 1, stderr: 'sluice: none: there is no such file\n' });
    expect(put.stdout).toContain('stored a (1 B)');
    const get = await run('get', 'none', 'a', 'none/', '--out', 'out/');
    expect(get.status).toBe(1);
    expect(get.stderr).toBe('sluice: none: there is no such file\nsluice: none/: nothing is stored there\n');
    expect(readTree(join(folder, 'out'))).toEqual({ a: 'A' });
  });

  test('a get whose target cannot be written leaves no temporary file', async () => {
    const { folder, run } = served();
    writeTree(folder, { a: 'A', big: tree.big, 'out/a/in-the-way': '', 'out/big/in-the-way': '' });
    await run('put', 'a', 'big', '-q');
    const get = await run('get', 'a', 'big', '--out', 'out');
    expect(get.status).toBe(1);
    expect(get.stderr.split('\n').length).toBe(3);
    expect(Object.keys(readTree(join(folder, 'out'))).sort()).toEqual(['a/in-the-way', 'big/in-the-way']);
  });

  test('put --no-clobber keeps what is there, and exits with 4 when nothing else has failed', async () => {
    const { folder, root, run } = served();
    writeTree(folder, { a: 'new', b: 'B', 'c/d': 'D' });
    writeFileSync(join(root, 'a'), 'old');
    const put = await run('put', 'a', 'b', '--no-clobber');
    expect(put.status).toBe(4);
    expect(put.stdout).toMatch(/^stored b .*\n1 file, .*, 1 failed \(because it exists\)\n$/);
    expect(readStored(root)).toEqual({ a: 'old', b: 'B' });
    const again = await run('put', 'a', 'b', 'c/d', '--no-clobber', '--json');
    expect(again.status).toBe(4);
    expect(jsonLines(again.stdout).at(-1)).toMatchObject({ files: 1, failed: 2, existing: 2 });
  });

  test('mv --no-clobber of a folder exits with 4 when all that stays is there already, and else with 1', async () => {
    const { root, run } = served();
    writeTree(root, { 'a/x': 'new', 'a/y': 'Y', 'a/z': 'Z', 'b/x': 'old', 'b/z/in-the-way': '' });
    const mv = ['mv', 'a/', 'b', '--no-clobber', '-q'];
    expect(await run(...mv)).toMatchObject({ status: 1 });
    rmSync(join(root, 'b/z'), { recursive: true });
    expect(await run(...mv, '--dry-run')).toMatchObject({ status: 4 });
    expect(await run(...mv)).toMatchObject({ status: 4 });
    expect(readStored(root)).toEqual({ 'a/x': 'new', 'b/x': 'old', 'b/y': 'Y', 'b/z': 'Z' });
  });

  test('put --no-clobber exits with 1 when something else has failed as well', async () => {
    const { folder, root, run } = served();
    writeTree(folder, { a: 'new', b: 'B' });
    writeTree(root, { a: 'old', 'b/folder': '' });
    const put = await run('put', 'a', 'b', '--no-clobber', '--json');
    expect(put.status).toBe(1);
    expect(jsonLines(put.stdout).at(-1)).toMatchObject({ files: 0, failed: 2, existing: 1 });
    expect(await run('put', 'a', 'none', '--no-clobber', '-q')).toMatchObject({ status: 1 });
  });
});

describe('the exit status', () => {
  const gone = async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    await new Promise((resolve) => server.close(resolve));
    return `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  };

  test.each(['ls', 'stat a', 'rm a', 'mv a b', 'get a'])(
    'the exit status of %s where nobody listens is 3',
    async (line) => {
      const ran = await sluiceInRunner([...line.split(' '), '--server', await gone()], { cwd: tempFolder() });
      expect(ran).toMatchObject({
        status: 3,
        stdout: '',
        stderr: expect.stringMatching(/^sluice: cannot connect/),
      });
    },
  );

  test('the exit status of a put whose connection breaks is 3, and it says how much is not confirmed', async () => {
    const folder = tempFolder();
    writeTree(folder, { a: 'A', b: 'B' });
    const server = createServer((socket) => socket.once('data', () => socket.resetAndDestroy()));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address() as { port: number };
    const ran = await sluice(['put', 'a', 'b', '--to', `:${address.port}`], { cwd: folder });
    server.close();
    expect(ran.status).toBe(3);
    expect(ran.stderr).toMatch(/ECONNRESET.*2 of 2 files were not confirmed/);
  });

  test.each([
    [[]],
    [['nonsense']],
    [['ls', '--nonsense']],
    [['put', 'a']],
    [['put', 'a', '--to', 'nowhere']],
    [['put', 'a', 'b', '--to', ':1', '--as', 'c']],
    [['put', 'x/a', 'y/a', '--to', ':1']],
    [['put', 'a', '--to', ':1', '--no-acks', '--no-clobber']],
    [['get', 'a', '--from', ':1', '--json', '--out', '-']],
    [['get', 'a', '--from', ':1', '--no-clobber', '--out', '-']],
    [['ls', '--from', ':1', '--timeout', '2x']],
    [['serve', '--port', '70000']],
    [['serve', '--durability', 'none']],
    [['serve', '--grace', '-1']],
    [['sticky', '--count', '0']],
    [['demo']],
    [['demo', 'what']],
    [['demo', 'dns']],
    [['demo', 'dns', '--join']],
    [['demo', 'dns', '--upstream', '']],
    [['demo', 'dns', '--upstream', 'unix:/a']],
    [['demo', 'echo', '--upstream', '9.9.9.9']],
  ])('the exit status of a command line that is wrong is 2: %o', async (args) => {
    const ran = await sluiceInRunner(args);
    expect(ran).toMatchObject({ status: 2, stdout: '' });
    expect(ran.stderr).not.toMatch(/\n {4}at /);
  });

  test.each(['serve', 'put', 'get', 'ls', 'stat', 'rm', 'mv', 'upper', 'sticky', 'demo'])(
    'sluice %s --help has examples and the exit statuses',
    async (command) => {
      const ran = await sluiceInRunner([command, '--help']);
      expect(ran).toMatchObject({ status: 0, stderr: '' });
      expect(ran.stdout).toContain('Examples:\n  sluice ');
      expect(ran.stdout).toContain('Exit status:\n  0  success');
    },
  );

  test('sluice --version prints the version of the package', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
    expect(await sluice(['--version'])).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' });
  });
});
