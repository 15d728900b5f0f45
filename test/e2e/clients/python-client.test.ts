/**
 * A client that was written from src/files/protocol/README.md alone, against `sluice serve`; and what it and the command line
 * have in common, as one table for both.
 */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { crc32 } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { catalogue, type ErrorCode } from '../../../src/files/protocol/errors.ts';
import { cuttingProxy } from '../../support/network/cutting-proxy.ts';
import {
  endAll,
  jsonLines,
  type Ran,
  type Running,
  type Serving,
  shareServe,
  sluiceInRunner,
  start,
  startServe,
} from '../../support/processes/cli.ts';
import { readStored, readTree, tempFolder, writeTree } from '../../support/stores/temp-folder.ts';

afterEach(endAll);

const script = fileURLToPath(new URL('../../support/python/sluice_client.py', import.meta.url));
const missing = spawnSync('python3', ['--version']).status !== 0;
if (missing && !process.env.CI) {
  console.warn('python3 is not here: the tests with the client in Python are skipped');
}

interface At {
  readonly port: number;
  readonly folder: string;
  readonly env?: Readonly<Record<string, string>>;
}

const startPython = ({ port, folder, env }: At, args: readonly string[]): Running =>
  start('python3', [script, '127.0.0.1', String(port), ...args], {
    cwd: folder,
    env: { PYTHONDONTWRITEBYTECODE: '1', ...env },
  });

/** Both take the same words: `put PATH NAME`, `get NAME OUT`, `ls PREFIX`, `stat NAME`, `rm NAME`, `mv NAME TO`. */
const clients = {
  'sluice_client.py': (at: At, ...args: string[]) => startPython(at, args).done,
  'the command line': ({ port, folder, env }: At, ...[command = '', one = '', two = '']: string[]) => {
    const more: Record<string, string[]> = { put: ['--as', two], get: ['--out', two], mv: [two] };
    const args = [command, ...(one === '' ? [] : [one]), ...(more[command] ?? [])];
    if (command === 'ls' || command === 'stat') args.push('--json');
    return sluiceInRunner([...args, '--server', `127.0.0.1:${port}`], { cwd: folder, ...(env && { env }) });
  },
} satisfies Record<string, (at: At, ...args: string[]) => Promise<Ran>>;
type ClientName = keyof typeof clients;

interface World {
  readonly folder: string;
  readonly root: string;
  readonly serving: Serving;
}

const share = shareServe();

/** The one server that has no other arguments. */
function shared() {
  const { folder, root, ...serving } = share();
  return withClients({ folder, root, serving });
}

/** A server for this test alone. */
async function served(args: readonly string[] = []) {
  const folder = tempFolder();
  const root = join(folder, 'root');
  return withClients({ folder, root, serving: await startServe(root, args) });
}

function withClients(world: World) {
  const at = { folder: world.folder, port: world.serving.port };
  return { ...world, at, python: (...words: string[]) => clients['sluice_client.py'](at, ...words) };
}

const done = { status: 0, stderr: '' };
const big = randomBytes(20_000_000);
/** More than all buffers between the two, and than one piece of what is told as progress. */
const large = big.subarray(0, 6_000_000);
const tree = {
  'a.txt': 'hello',
  empty: '',
  '照片/你好.txt': '世界',
  'deep/er/still/file': randomBytes(300_000),
  large,
};

describe.skipIf(missing && !process.env.CI).each(Object.keys(clients) as ClientName[])('%s', (name) => {
  const client = clients[name];

  test(`${name} stores a folder with nested names, an empty file, a Chinese name and 6 MB as it is`, async () => {
    const { folder, root, at } = shared();
    writeTree(join(folder, 'tree'), tree);
    expect(await client(at, 'put', 'tree', 'x/y')).toMatchObject(done);
    expect(readTree(join(root, 'x/y'))).toEqual(readTree(join(folder, 'tree')));
  });

  test(`${name} stores hundreds of small files`, async () => {
    const { folder, root, at } = shared();
    const many = Array.from({ length: 200 }, (_, i) => [`d${i % 7}/f${i}`, randomBytes((i * 37) % 5000)]);
    writeTree(join(folder, 'many'), Object.fromEntries(many));
    expect(await client(at, 'put', 'many', 'many')).toMatchObject(done);
    expect(readTree(join(root, 'many'))).toEqual(readTree(join(folder, 'many')));
  });

  // What the command line gets back from itself, its own suite covers.
  const stores = (Object.keys(clients) as ClientName[]).filter(
    (other) => other === 'sluice_client.py' || other !== name,
  );
  test.each(stores)(`${name} gets back what %s has stored`, async (other) => {
    const { folder, at } = shared();
    const some = { empty: '', '照片/你好.txt': '世界', large };
    writeTree(join(folder, 'tree'), some);
    utimesSync(join(folder, 'tree/empty'), 1_000_000_000, 1_000_000_000);
    expect(await clients[other](at, 'put', 'tree', 'in')).toMatchObject(done);
    for (const path of Object.keys(some)) {
      expect(await client(at, 'get', `in/${path}`, 'back')).toMatchObject(done);
      expect(readFileSync(join(folder, 'back')).equals(readFileSync(join(folder, 'tree', path))), path).toBe(
        true,
      );
      expect(statSync(join(folder, 'back')).mtimeMs === 1e12).toBe(path === 'empty');
    }
  });

  test(`${name} lists all of 1,200 names, or those with a prefix, in their order`, async () => {
    const { root, at } = shared();
    const names = Array.from({ length: 1200 }, (_, i) => `d${i % 3}/${String(i).padStart(4, '0')}`).sort();
    writeTree(root, Object.fromEntries([...names, 'ü', 'z'].map((file) => [file, file])));
    const listed = async (...prefix: string[]) =>
      jsonLines((await client(at, 'ls', ...prefix)).stdout).map((file) => file.name);
    expect(await listed()).toEqual([...names, 'z', 'ü']);
    expect(await listed('d1/00')).toEqual(names.filter((file) => file.startsWith('d1/00')));
    expect(await listed('nothing')).toEqual([]);
  });

  test(`${name} tells of a file, renames it and deletes it`, async () => {
    const { folder, root, at } = shared();
    writeTree(folder, { a: 'AAA' });
    await client(at, 'put', 'a', 'd/a');
    expect(jsonLines((await client(at, 'stat', 'd/a')).stdout)).toEqual([
      expect.objectContaining({ size: 3, mtime: Math.floor(statSync(join(folder, 'a')).mtimeMs) }),
    ]);
    expect(await client(at, 'mv', 'd/a', 'e/名')).toMatchObject(done);
    expect(readStored(root)).toEqual({ 'e/名': 'AAA' });
    expect(await client(at, 'rm', 'e/名')).toMatchObject(done);
    expect(readStored(root)).toEqual({});
  });

  test(`${name} says why it is refused, and leaves everything as it was`, async () => {
    const { folder, root, at } = await served(['--max-file', '1000']);
    writeTree(folder, { a: 'A', large: randomBytes(1001) });
    writeTree(root, { there: 'T', other: 'O' });
    const refusals: [code: ErrorCode, line: string][] = [
      ['bad-filename', 'put a ../a'],
      ['bad-filename', 'stat a//b'],
      ['name-conflict', 'put a there/below'],
      ['not-found', 'get none out'],
      ['not-found', 'stat none'],
      ['not-found', 'rm none'],
      ['not-found', 'mv none else'],
      ['too-large', 'put large large'],
      ['exists', 'put a there --if-absent'],
      ['exists', 'mv other there --if-absent'],
      ['not-found', 'cancel none'],
    ];
    // For some of these the command line has words of its own.
    const isPython = name === 'sluice_client.py';
    const asked = refusals.filter(([, line]) => isPython || !/--if-absent|cancel/.test(line));
    const refused = asked.map(async ([code, line]) => {
      const ran = await client(at, ...line.split(' '));
      expect(ran, line).toMatchObject({
        status: 1,
        stderr: expect.stringContaining(catalogue[code].message),
      });
      if (isPython) expect(ran.stderr, line).toContain(`: ${code}: `);
    });
    await Promise.all(refused);
    expect(readStored(root)).toEqual({ there: 'T', other: 'O' });
    expect(Object.keys(readTree(folder)).filter((path) => path.startsWith('out'))).toEqual([]);
  });

  test(`${name} stores the other files of a folder when one is refused`, async () => {
    const { folder, root, at } = shared();
    writeTree(folder, { 'from/1': '1', 'from/a/b': 'B', 'from/big/1': large, 'from/z': 'Z' });
    writeTree(root, { 'to/a': 'A', 'to/big': 'file' });
    expect(await client(at, 'put', 'from', 'to')).toMatchObject({ status: 1 });
    expect(readStored(root)).toEqual({ 'to/1': '1', 'to/a': 'A', 'to/big': 'file', 'to/z': 'Z' });
  });

  test(`${name} takes a token from the environment, and goes by what it allows`, async () => {
    const access = join(tempFolder(), 'access.json');
    const token = 'a-long-enough-secret';
    const alice = { name: 'alice', token, rights: ['read', 'write'], prefix: 'in/' };
    writeFileSync(access, JSON.stringify({ tokens: [alice] }), { mode: 0o600 });
    const { folder, root, at } = await served(['--access', access]);
    writeTree(folder, { a: 'A' });
    const asAlice = { ...at, env: { SLUICE_TOKEN: token } };
    const refused = (words: string) => ({ status: 1, stderr: expect.stringContaining(words) });
    expect(await client(at, 'put', 'a', 'in/a')).toMatchObject(
      refused('the server must know who you are first'),
    );
    expect(await client(asAlice, 'put', 'a', 'in/a')).toMatchObject(done);
    expect(await client(asAlice, 'put', 'a', 'out/a')).toMatchObject(refused("'in/'"));
    expect(await client(asAlice, 'rm', 'in/a')).toMatchObject(refused("'delete'"));
    expect(readStored(root)).toEqual({ 'in/a': 'A' });
  });
});

describe.skipIf(missing && !process.env.CI)('the client in Python', () => {
  test('the client in Python says what the server is, and who it is itself', async () => {
    const { python } = shared();
    expect(jsonLines((await python('ping')).stdout)).toEqual([{ ack: 'ping' }]);
    expect(jsonLines((await python('hello')).stdout)).toEqual([
      expect.objectContaining({
        server: 'sluice',
        name: '',
        rights: ['read', 'write', 'delete', 'observe'],
        prefix: '',
      }),
    ]);
  });

  test('the client in Python says hello with a token, with none, and with a wrong one', async () => {
    const access = join(tempFolder(), 'access.json');
    const token = 'a-long-enough-secret';
    const tokens = [{ name: 'alice', token, rights: ['read'], prefix: 'in/' }];
    writeFileSync(access, JSON.stringify({ tokens }), { mode: 0o600 });
    const { at, python } = await served(['--access', access]);
    const withToken = (secret: string, ...args: string[]) =>
      startPython({ ...at, env: { SLUICE_TOKEN: secret } }, args).done;
    expect(jsonLines((await withToken(token, 'hello')).stdout)).toEqual([
      expect.objectContaining({ name: 'alice', rights: ['read'], prefix: 'in/' }),
    ]);
    expect(jsonLines((await python('hello')).stdout)).toEqual([
      expect.objectContaining({ name: '', rights: [], prefix: '' }),
    ]);
    expect(await python('ls')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('not-authenticated: '),
    });
    expect(await withToken('guess-guess-guess', 'ls')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('bad-token: '),
    });
  });

  test('the client in Python compares the CRC-32 of what it has sent, and prints it', async () => {
    const { folder, python } = shared();
    writeTree(folder, { a: 'hello' });
    expect(jsonLines((await python('put', 'a', 'b')).stdout)).toEqual([
      { ack: 'put', filename: 'b', size: 5, crc32: crc32('hello'), durable: false },
    ]);
  });

  test('the client in Python ends with 3 where nobody listens', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    await new Promise((resolve) => server.close(resolve));
    const at = { port, folder: tempFolder() };
    for (const args of [['ping'], ['--retries', '1', 'ls']]) {
      expect(await startPython(at, args).done).toMatchObject({ status: 3, stdout: '' });
    }
  });
});

describe.skipIf(missing && !process.env.CI)('the client in Python, whose connection breaks', () => {
  const sent = (lines: Record<string, unknown>[], ack: string) => lines.filter((line) => line.ack === ack);

  test('the client in Python sends the rest, not what the server has, when its connection breaks in the middle of an upload', async () => {
    const { folder, root, serving } = shared();
    writeTree(folder, { big });
    const proxy = await cuttingProxy(serving.port, [{ loseAfter: 12_000_000, breakOn: '"progress"' }]);
    const ran = await startPython({ folder, port: proxy.port }, ['put', 'big', 'b']).done;
    expect(ran).toMatchObject(done);
    const lines = jsonLines(ran.stdout);
    const [resumed] = sent(lines, 'resume') as { offset: number; crc32: number }[];
    expect(resumed!.offset).toBeGreaterThan(4_000_000);
    expect(resumed!.crc32).toBe(crc32(big.subarray(0, resumed!.offset)));
    expect(lines.at(-1)).toMatchObject({ ack: 'put', filename: 'b', size: big.length, crc32: crc32(big) });
    expect(proxy.connections.length).toBe(2);
    expect(proxy.connections[1]!.up).toBeLessThan(big.length - resumed!.offset + 1000);
    expect(readFileSync(join(root, 'b')).equals(big)).toBe(true);
  });

  test('the client in Python goes on with the server that is started in place of one that was killed', async () => {
    const { folder, root, serving } = await served();
    writeTree(folder, { big, small: 'S' });
    const proxy = await cuttingProxy(serving.port, [{ loseAfter: 12_000_000 }]);
    const putting = startPython({ folder, port: proxy.port }, ['put', 'big', 'b']);
    await putting.said(/"progress"/);
    serving.child.kill('SIGKILL');
    await serving.done;
    proxy.target = (await startServe(root)).port;
    const ran = await putting.done;
    expect(ran).toMatchObject(done);
    expect(sent(jsonLines(ran.stdout), 'resume')).toEqual([
      expect.objectContaining({ offset: expect.any(Number) }),
    ]);
    expect(readFileSync(join(root, 'b')).equals(big)).toBe(true);
  });

  test('the client in Python goes on with what an earlier run has sent', async () => {
    const { folder, root, serving } = shared();
    writeTree(folder, { big });
    const proxy = await cuttingProxy(serving.port, [{ loseAfter: 12_000_000, breakOn: '"progress"' }]);
    const at = { folder, port: proxy.port };
    expect(await startPython(at, ['--retries', '0', 'put', 'big', 'b']).done).toMatchObject({ status: 3 });
    const ran = await startPython(at, ['--retries', '0', 'put', 'big', 'b']).done;
    expect(ran).toMatchObject(done);
    expect(sent(jsonLines(ran.stdout), 'resume').length).toBe(1);
    expect(readFileSync(join(root, 'b')).equals(big)).toBe(true);
  });

  test('the client in Python cancels the upload of an earlier run whose file has changed since, and sends all of it', async () => {
    const { folder, root, serving } = shared();
    writeTree(folder, { big });
    utimesSync(join(folder, 'big'), 1_000_000_000, 1_000_000_000);
    const proxy = await cuttingProxy(serving.port, [{ loseAfter: 12_000_000, breakOn: '"progress"' }]);
    const at = { folder, port: proxy.port };
    expect(await startPython(at, ['--retries', '0', 'put', 'big', 'b']).done).toMatchObject({ status: 3 });
    const other = Buffer.from(big);
    other[0]! ^= 1;
    writeTree(folder, { big: other });
    utimesSync(join(folder, 'big'), 1_000_000_000, 1_000_000_000);
    expect(await startPython(at, ['put', 'big', 'b']).done).toMatchObject(done);
    expect(proxy.connections.at(-1)!.up).toBeGreaterThan(big.length);
    expect(readFileSync(join(root, 'b')).equals(other)).toBe(true);
  });

  test('the client in Python asks for the file when only the ack is lost, and does not send it again', async () => {
    const { folder, root, serving } = shared();
    writeTree(folder, { big });
    const proxy = await cuttingProxy(serving.port, [{ breakOn: '"ack":"put"' }]);
    const ran = await startPython({ folder, port: proxy.port }, ['put', 'big', 'b']).done;
    expect(ran).toMatchObject(done);
    expect(proxy.connections.map(({ up }) => up > 1000)).toEqual([true, false]);
    expect(readFileSync(join(root, 'b')).equals(big)).toBe(true);
  });

  test('the client in Python stores each of many small files although its connections break', async () => {
    const { folder, root, serving } = await served();
    const many = Array.from({ length: 300 }, (_, i) => [`f${i}`, randomBytes(2000)]);
    writeTree(join(folder, 'many'), Object.fromEntries(many));
    const proxy = await cuttingProxy(serving.port, [{ loseAfter: 300_000 }, { breakAfter: 1000 }]);
    const putting = startPython({ folder, port: proxy.port }, ['put', 'many', 'm']);
    await serving.logged('"msg":"stored"', 100);
    proxy.breakAll();
    expect(await putting.done).toMatchObject(done);
    expect(readTree(join(root, 'm'))).toEqual(readTree(join(folder, 'many')));
  });

  test('the client in Python asks for the rest when its connection breaks in the middle of a file that it fetches', async () => {
    const { folder, root, serving } = shared();
    writeTree(root, { big });
    const proxy = await cuttingProxy(serving.port, [{ breakAfter: 8_000_000 }]);
    expect(await startPython({ folder, port: proxy.port }, ['get', 'big', 'out']).done).toMatchObject(done);
    expect(proxy.connections.length).toBe(2);
    expect(proxy.connections[1]!.down).toBeLessThan(big.length - 8_000_000 + 1000);
    expect(readFileSync(join(folder, 'out')).equals(big)).toBe(true);
  });

  test('the client in Python fetches a file from its start that was replaced while its connection was broken', async () => {
    const { folder, root, serving } = shared();
    writeTree(root, { big });
    const other = randomBytes(9_000_000);
    const proxy = await cuttingProxy(serving.port, [
      { breakAfter: 8_000_000, onBreak: () => writeTree(root, { big: other }) },
    ]);
    expect(await startPython({ folder, port: proxy.port }, ['get', 'big', 'out']).done).toMatchObject(done);
    expect(readFileSync(join(folder, 'out')).equals(other)).toBe(true);
  });
});
