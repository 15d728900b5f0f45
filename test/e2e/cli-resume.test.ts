/** `sluice put` and `sluice get` whose connections break, all as built and as processes. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import { endAll, jsonLines, main, sluice, startServe, startSluice } from '../support/cli.ts';
import { type CuttingProxy, cuttingProxy } from '../support/cutting-proxy.ts';
import { readTree, tempFolder, writeTree } from '../support/temp-folder.ts';

const proxies: CuttingProxy[] = [];
afterEach(async () => {
  for (const proxy of proxies.splice(0)) proxy.close();
  await endAll();
});

const megabytes = 1_000_000;
const big = randomBytes(24 * megabytes);

/** A server, and a proxy before it that cuts. */
async function cut(...cuts: number[]) {
  const folder = tempFolder();
  const root = join(folder, 'root');
  let serving = await startServe(root);
  const through = async (...cuts: number[]) => {
    const proxy = await cuttingProxy({ port: () => serving.port, cuts });
    proxies.push(proxy);
    return proxy;
  };
  const proxy = await through(...cuts);
  const at = (server: string) => ({
    run: (...args: string[]) => sluice([...args, '--server', server], { cwd: folder }),
    start: (...args: string[]) => startSluice([...args, '--server', server], { cwd: folder }),
  });
  return {
    folder,
    root,
    proxy,
    through,
    at,
    ...at(proxy.server),
    direct: () => at(serving.server),
    restart: async () => {
      serving.child.kill('SIGKILL');
      await serving.done;
      serving = await startServe(root);
    },
  };
}

const hugeSize = 400 * megabytes;
function sparse(path: string): void {
  writeFileSync(path, '');
  truncateSync(path, hugeSize);
}

/** Bytes of the files in a folder, and below it, whose names begin with this. */
const weight = (folder: string, prefix = ''): number =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.startsWith(prefix))
    .reduce(
      (sum, entry) =>
        sum + (statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0),
      0,
    );

const temporaries = (folder: string) => readdirSync(folder).filter((name) => name.startsWith('.sluice-'));

describe('put', () => {
  test('goes on over a connection that breaks twice, and tells each time in one line', async () => {
    const { folder, root, run, proxy } = await cut(15 * megabytes, 6 * megabytes);
    writeFileSync(join(folder, 'big'), big);
    const put = await run('put', 'big');
    expect(put).toMatchObject({ status: 0, stdout: expect.stringContaining('stored big (24.0 MB)') });
    const lines = put.stderr.split('\n');
    expect(lines.length).toBe(3);
    for (const line of lines.slice(0, 2))
      expect(line).toMatch(/^sluice: .*: trying again in \d\.\d s, [12] of 5$/);
    expect(proxy.connections()).toBe(3);
    expect(Buffer.compare(readFileSync(join(root, 'big')), big)).toBe(0);
  });

  test('tells in JSON what is durable, what is tried again, and where it went on', async () => {
    const { folder, run } = await cut(15 * megabytes);
    writeFileSync(join(folder, 'big'), big);
    const events = jsonLines((await run('put', 'big', '--json')).stdout);
    expect(events.find(({ event }) => event === 'retry')).toMatchObject({
      attempt: 1,
      retries: 5,
      seconds: expect.any(Number),
      message: expect.any(String),
    });
    const stored = events.find(({ event }) => event === 'stored')!;
    expect(stored.resumedFrom).toBeGreaterThanOrEqual(4 * megabytes);
  });

  test('that gave up is gone on with by the same command, though the server was killed meanwhile', async () => {
    const { folder, root, run, restart, at, through } = await cut(15 * megabytes);
    writeFileSync(join(folder, 'big'), big);
    const first = await run('put', 'big', '--retries', '0');
    expect(first.status).toBe(3);
    expect(first.stderr).toMatch(/^sluice: big: the same command goes on where it was$/m);
    expect(first.stderr).toMatch(/1 of 1 files were not confirmed$/m);
    expect(readdirSync(root)).not.toContain('big');
    await restart();
    // No more gets through than what is missing.
    const rest = at((await through(22 * megabytes)).server);
    const second = jsonLines((await rest.run('put', 'big', '--json', '--retries', '0')).stdout);
    expect(second.at(-1)).toMatchObject({ files: 1, failed: 0 });
    expect(Buffer.compare(readFileSync(join(root, 'big')), big)).toBe(0);
  });

  test('sends a file anew that has changed since', async () => {
    const { folder, root, run, direct } = await cut(15 * megabytes);
    const path = join(folder, 'big');
    writeFileSync(path, big);
    expect(await run('put', 'big', '--retries', '0', '-q')).toMatchObject({ status: 3 });
    const changed = Buffer.from(big);
    changed[0]! ^= 1;
    const { mtime } = statSync(path);
    writeFileSync(path, changed);
    utimesSync(path, mtime, mtime);
    const events = jsonLines((await direct().run('put', 'big', '--json')).stdout);
    expect(events.find(({ event }) => event === 'stored')).not.toHaveProperty('resumedFrom');
    expect(Buffer.compare(readFileSync(join(root, 'big')), changed)).toBe(0);
  });

  test('interrupted says how to go on, and the server keeps what it has', async () => {
    const { folder, root, start, at, through } = await cut();
    // Sparse: there is nothing to read, but much to send.
    sparse(join(folder, 'huge'));
    const putting = start('put', 'huge');
    await expect.poll(() => weight(join(root, '.sluice'))).toBeGreaterThan(10 * megabytes);
    putting.child.kill('SIGINT');
    const ran = await putting.done;
    expect(ran).toMatchObject({
      status: 130,
      stderr: 'sluice: huge: the same command goes on where it was\n',
    });
    const rest = at((await through(hugeSize - 5 * megabytes)).server);
    expect(await rest.run('put', 'huge', '--retries', '0')).toMatchObject({ status: 0 });
    expect(statSync(join(root, 'huge')).size).toBe(hugeSize);
  });

  test('over several connections, of which some break: a tree arrives whole', async () => {
    const { folder, root, run } = await cut(300_000, 2_000_000, 50, 9_000_000, 100_000);
    const tree = {
      ...Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`small/${i}`, randomBytes(i * 50)])),
      one: big.subarray(0, 9 * megabytes),
      two: big.subarray(5 * megabytes, 15 * megabytes),
    };
    writeTree(join(folder, 'tree'), tree);
    const put = await run('put', 'tree', '--parallel', '4', '--json', '--verify', 'sha256');
    expect(put.status).toBe(0);
    expect(jsonLines(put.stdout).at(-1)).toMatchObject({ files: 302, failed: 0 });
    expect(readTree(join(root, 'tree'))).toEqual(readTree(join(folder, 'tree')));
  });

  test('does not replace with --no-clobber, and knows its own though the answer was lost', async () => {
    const { folder, root, run } = await cut(150);
    writeTree(folder, { a: 'A'.repeat(30) });
    expect(await run('put', 'a', '--no-clobber')).toMatchObject({ status: 0 });
    expect(await run('put', 'a', '--no-clobber')).toMatchObject({ status: 1 });
    expect(readFileSync(join(root, 'a'), 'utf8')).toBe('A'.repeat(30));
  });
});

describe('get', () => {
  const stored = async (...cuts: number[]) => {
    const it = await cut(...cuts);
    writeFileSync(join(it.root, 'big'), big);
    return it;
  };

  test('goes on over a connection that breaks, into folders that are not there yet', async () => {
    const { folder, run, proxy } = await stored(15 * megabytes, 6 * megabytes);
    const get = await run('get', 'big', '--out', 'new/folder/');
    expect(get).toMatchObject({ status: 0, stdout: expect.stringContaining('received big (24.0 MB)') });
    expect(get.stderr.match(/trying again/g)?.length).toBe(2);
    expect(proxy.connections()).toBe(3);
    expect(Buffer.compare(readFileSync(join(folder, 'new/folder/big')), big)).toBe(0);
    expect(temporaries(join(folder, 'new/folder'))).toEqual([]);
  });

  test('that gave up is gone on with by the same command', async () => {
    const { folder, run, at, through } = await stored(15 * megabytes);
    const first = await run('get', 'big', '--retries', '0');
    expect(first).toMatchObject({ status: 3 });
    expect(first.stderr).toMatch(/^sluice: big: the same command goes on where it was$/m);
    expect(readdirSync(folder)).not.toContain('big');
    expect(temporaries(folder).length).toBe(1);
    const rest = at((await through(22 * megabytes)).server);
    expect(await rest.run('get', 'big', '--retries', '0')).toMatchObject({ status: 0 });
    expect(Buffer.compare(readFileSync(join(folder, 'big')), big)).toBe(0);
    expect(temporaries(folder)).toEqual([]);
  });

  test('begins anew, and leaves nothing, when the server has another file by now', async () => {
    const { folder, root, run, direct } = await stored(15 * megabytes);
    await run('get', 'big', '--retries', '0', '-q');
    const other = randomBytes(10 * megabytes);
    writeFileSync(join(root, 'big'), other);
    expect(await direct().run('get', 'big')).toMatchObject({ status: 0 });
    expect(Buffer.compare(readFileSync(join(folder, 'big')), other)).toBe(0);
    expect(temporaries(folder)).toEqual([]);
  });

  test('interrupted keeps what has come of a large file', async () => {
    const { folder, root, start, at, through } = await cut();
    sparse(join(root, 'huge'));
    const getting = start('get', 'huge');
    await expect.poll(() => weight(folder, '.sluice-')).toBeGreaterThan(10 * megabytes);
    getting.child.kill('SIGINT');
    const ran = await getting.done;
    expect(ran).toMatchObject({
      status: 130,
      stderr: 'sluice: huge: the same command goes on where it was\n',
    });
    const rest = at((await through(hugeSize - 5 * megabytes)).server);
    expect(await rest.run('get', 'huge', '--retries', '0')).toMatchObject({ status: 0 });
    expect(statSync(join(folder, 'huge')).size).toBe(hugeSize);
    expect(temporaries(folder)).toEqual([]);
  });

  test('over several connections, of which some break: a tree arrives whole', async () => {
    const { folder, root, run } = await cut(100, 300_000, 20_000);
    const tree = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`t/${i}`, randomBytes(i * 50)]));
    writeTree(root, tree);
    expect(await run('get', 't/', '--parallel', '3', '-q')).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(readTree(join(folder, 't'))).toEqual(readTree(join(root, 't')));
  });

  test('to stdout goes on too, byte for byte', async () => {
    const { root, proxy } = await stored(15 * megabytes);
    const script = '"$node" "$main" get big --out - 2>/dev/null | cmp - "$root/big"';
    const env = { ...process.env, node: process.execPath, main, root, SLUICE_SERVER: proxy.server };
    const { stdout } = await promisify(execFile)('bash', ['-o', 'pipefail', '-c', script], { env });
    expect(stdout).toBe('');
    expect(proxy.connections()).toBe(2);
  });
});

describe('what is said', () => {
  test('of a folder to rm: how; with -r all below it goes', async () => {
    const { root, direct } = await cut();
    writeTree(root, { 'd/a': 'A', 'd/b/c': 'C', e: 'E' });
    const { run } = direct();
    expect(await run('rm', 'd/')).toMatchObject({
      status: 1,
      stderr: 'sluice: d/: it names a folder: -r removes all that is below it\n',
    });
    expect((await run('rm', '-r', 'd', 'none')).stderr).toBe('sluice: none: there is no such file\n');
    expect((await run('ls', '--json')).stdout).toContain('"name":"e"');
    expect(jsonLines((await run('ls', '--json')).stdout).length).toBe(1);
  });

  test('of a move names the name that is wrong', async () => {
    const { root, direct } = await cut();
    writeTree(root, { a: 'A', b: 'B' });
    const { run } = direct();
    expect((await run('mv', 'none', 'c')).stderr).toBe('sluice: none: there is no such file\n');
    expect((await run('mv', 'a', 'b', '--no-clobber')).stderr).toBe(
      'sluice: b: there is a file of that name already\n',
    );
  });

  test('of an empty folder: that it is skipped', async () => {
    const { folder, direct } = await cut();
    writeTree(folder, { 'd/a': 'A' });
    mkdirSync(join(folder, 'd/empty'));
    expect((await direct().run('put', 'd')).stderr).toBe('sluice: d/empty: skipped, an empty folder\n');
  });
});
