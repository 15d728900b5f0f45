/** Scripts of a dozen lines that know nothing of replies, and the command line, from both sides. */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { endAll, jsonLines, sluice, start, startServe } from '../support/cli.ts';
import { readTree, tempFolder, writeTree } from '../support/temp-folder.ts';

afterEach(endAll);

const script = (name: string) => fileURLToPath(new URL(`../support/python/${name}`, import.meta.url));
const missing = spawnSync('python3', ['--version']).status !== 0;
if (missing && !process.env.CI) {
  console.warn('python3 is not here: the tests with plain scripts are skipped');
}

describe.skipIf(missing && !process.env.CI)('plain_put.py to sluice serve', () => {
  const names = Array.from({ length: 300 }, (_, i) => `dir${i % 5}/file${i}`);
  const files = (): Record<string, Buffer> =>
    Object.fromEntries([
      ...names.map((name, i) => [name, randomBytes((i * 997) % 40_000)]),
      ['空/中文', randomBytes(5)],
    ]);

  test.each([
    ['pieces of random sizes', []],
    ['pieces of 7 bytes', ['--piece', '7']],
    ['pieces of 1 MiB', ['--piece', String(1024 * 1024)]],
  ])('many files on one connection in %s, each whole on disk', async (_, piece) => {
    const folder = tempFolder();
    const content =
      piece[1] === '7' ? { a: randomBytes(3000), b: randomBytes(0), c: randomBytes(3000) } : files();
    writeTree(join(folder, 'from'), content);
    const serving = await startServe(join(folder, 'root'));
    const sent = start(
      'python3',
      [script('plain_put.py'), '127.0.0.1', String(serving.port), ...piece, ...Object.keys(content)],
      { cwd: join(folder, 'from') },
    );
    expect(await sent.done).toEqual({ status: 0, stdout: '', stderr: '' });
    await serving.logged('"msg":"stored"', Object.keys(content).length);
    serving.child.kill('SIGTERM');
    expect((await serving.done).status).toBe(0);
    expect(readTree(join(folder, 'root'))).toEqual(readTree(join(folder, 'from')));
  });

  test('that closes at once behind megabytes', async () => {
    const folder = tempFolder();
    writeTree(join(folder, 'from'), { small: randomBytes(100), big: randomBytes(8_000_000) });
    const serving = await startServe(join(folder, 'root'));
    const arguments_ = [
      script('plain_put.py'),
      '127.0.0.1',
      String(serving.port),
      'small',
      'big',
      'small=again',
    ];
    await start('python3', arguments_, { cwd: join(folder, 'from') }).done;
    await serving.logged('"msg":"stored"', 3);
    const { small, big } = readTree(join(folder, 'from'));
    expect(readTree(join(folder, 'root'))).toEqual({ small, big, again: small });
  });
});

describe('a sender that pauses behind its first file, and never reads', () => {
  const big = randomBytes(8_000_000);
  const frame = (filename: string, body: Uint8Array) => {
    const json = Buffer.from(JSON.stringify({ cmd: 'put', filename, filesize: body.length }));
    const length = Buffer.alloc(4);
    length.writeInt32LE(json.length);
    return Buffer.concat([length, json, body]);
  };

  /** Longer than 400 ms is a silence in which the server sends its ack; nothing here may read it to see that it came. */
  async function paused(pause: number) {
    const folder = tempFolder();
    const serving = await startServe(join(folder, 'root'));
    const socket = connect({ port: serving.port, host: '127.0.0.1', allowHalfOpen: true }).pause();
    socket.on('error', () => {});
    await once(socket, 'connect');
    socket.write(frame('small', Buffer.alloc(100, 1)));
    await serving.said(/"filename":"small"/);
    await delay(pause);
    return { serving, socket, stored: join(folder, 'root/big') };
  }

  const outcome = (serving: Awaited<ReturnType<typeof paused>>['serving']) =>
    serving.said(/.*("filename":"big".*"msg":"stored"|"msg":"refused").*/);

  test('but not for long, and closes behind 8 MB: all is stored, since nothing was sent that it leaves unread', async () => {
    const { serving, socket, stored } = await paused(100);
    socket.write(frame('big', big));
    socket.destroySoon();
    expect((await outcome(serving))[0]).toContain('"stored"');
    expect(Buffer.compare(readFileSync(stored), big)).toBe(0);
  });

  test('for long, and ends its side behind 8 MB: all is stored', async () => {
    const { serving, socket, stored } = await paused(600);
    socket.end(frame('big', big));
    expect((await outcome(serving))[0]).toContain('"stored"');
    expect(Buffer.compare(readFileSync(stored), big)).toBe(0);
    socket.destroy();
  });

  test('for long, and closes behind 8 MB: its system may drop what it had not sent, so all is stored, or nothing', async () => {
    const { serving, socket, stored } = await paused(600);
    socket.write(frame('big', big));
    socket.destroySoon();
    const [line] = await outcome(serving);
    if (line.includes('refused')) {
      expect(line).toContain('"code":"truncated"');
      expect(existsSync(stored)).toBe(false);
    } else expect(Buffer.compare(readFileSync(stored), big)).toBe(0);
  });
});

describe.skipIf(missing && !process.env.CI)('sluice put --no-acks to plain_server.py', () => {
  async function plainServer() {
    const folder = tempFolder();
    const root = join(folder, 'root');
    mkdirSync(root);
    const server = start('python3', [script('plain_server.py'), root]);
    const [, port] = await server.said(/^(\d+)$/m);
    return { folder, root, to: ['--to', `127.0.0.1:${port}`, '--no-acks'] };
  }

  test('delivers every file', async () => {
    const { folder, root, to } = await plainServer();
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`s/${i}`, randomBytes(i * 31)]));
    writeTree(join(folder, 'tree'), {
      ...many,
      空: '',
      big: randomBytes(5_000_000),
      'deep/er/中文.txt': '世界',
    });
    const put = await sluice(['put', 'tree', ...to, '--json'], { cwd: folder });
    expect(put).toMatchObject({ status: 0, stderr: '' });
    expect(jsonLines(put.stdout).at(-1)).toMatchObject({ event: 'summary', files: 303, failed: 0 });
    expect(jsonLines(put.stdout)[1]).toMatchObject({ event: 'sent', filename: 'tree/big', size: 5_000_000 });
    expect(readTree(join(root, 'tree'))).toEqual(readTree(join(folder, 'tree')));
  });

  test('never sends a name that leads out, though the peer could not refuse it', async () => {
    const { folder, root, to } = await plainServer();
    writeTree(folder, { a: 'A' });
    expect(await sluice(['put', 'a', '--as', '../a', ...to], { cwd: folder })).toMatchObject({ status: 1 });
    expect(await sluice(['put', 'a', ...to], { cwd: folder })).toMatchObject({ status: 0 });
    expect(readTree(root)).toEqual({ a: 'A' });
  });

  test('says that the connection failed when the peer gives up', async () => {
    const { folder, root, to } = await plainServer();
    // A folder in the way of the file makes the script fail.
    writeTree(folder, { a: randomBytes(5_000_000) });
    writeTree(root, { 'a/in-the-way': '' });
    expect(await sluice(['put', 'a', ...to], { cwd: folder })).toMatchObject({ status: 3 });
  });
});
