/** Scripts of a dozen lines that know nothing of replies, and the command line, from both sides. */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { filter, firstValueFrom, ReplaySubject } from 'rxjs';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import type { QuietPeriod } from '../../../src/actor/run/ack-delay.ts';
import type { ServerEvent } from '../../../src/server/event.ts';
import { serve } from '../../../src/server/serve.ts';
import type { ServerStats } from '../../../src/server/status.ts';
import { memoryStore } from '../../../src/store/memory/memory-store.ts';
import { listenTcp } from '../../../src/transport/socket/tcp.ts';
import { endAll, jsonLines, sluice, start, startServe } from '../../support/processes/cli.ts';
import { readStored, readTree, tempFolder, writeTree } from '../../support/stores/temp-folder.ts';

afterEach(endAll);

const script = (name: string) => fileURLToPath(new URL(`../../support/python/${name}`, import.meta.url));
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
  ])('plain_put.py stores many files on one connection in %s, each whole on disk', async (_, piece) => {
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
    expect(readStored(join(folder, 'root'))).toEqual(readTree(join(folder, 'from')));
  });

  test('all that plain_put.py sends is stored although it closes at once behind megabytes', async () => {
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
    expect(readStored(join(folder, 'root'))).toEqual({ small, big, again: small });
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

  const never: QuietPeriod = { initial: 600_000, minimum: 600_000, midFrame: 600_000 };
  const soon: QuietPeriod = { initial: 20, minimum: 20, midFrame: 600_000 };

  /** A server to which that is a silence, and a sender that has sent its first file and reads nothing. */
  async function paused(quietPeriod: QuietPeriod) {
    const events$ = new ReplaySubject<ServerEvent>();
    const store = memoryStore();
    let stats: (() => ServerStats) | undefined;
    const served = serve({
      connections$: listenTcp({ port: 0 }),
      store,
      limits: { quietPeriod },
      stats: (read) => {
        stats = read;
      },
    }).subscribe(events$);
    onTestFinished(() => served.unsubscribe());
    const seen = <T extends ServerEvent['type']>(...types: readonly T[]) =>
      firstValueFrom(
        events$.pipe(
          filter((event): event is Extract<ServerEvent, { type: T }> => types.includes(event.type as T)),
          filter((event) => !('filename' in event && event.filename === 'small')),
        ),
      );
    const { port } = await seen('listening');
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }).pause();
    socket.on('error', () => {});
    await once(socket, 'connect');
    socket.write(frame('small', Buffer.alloc(100, 1)));
    await expect.poll(() => store.contents.has('small')).toBe(true);
    const answered = () => expect.poll(() => stats!().sent).toBeGreaterThan(0);
    return { socket, store, answered, outcome: () => seen('stored', 'refused') };
  }

  test('all is stored of a sender that pauses for a moment behind its first file, never reads and closes behind 8 MB, since nothing was sent that it leaves unread', async () => {
    const { socket, store, outcome } = await paused(never);
    socket.write(frame('big', big));
    socket.destroySoon();
    expect(await outcome()).toMatchObject({ type: 'stored' });
    expect(Buffer.compare(store.contents.get('big')!.bytes, big)).toBe(0);
  });

  test('all is stored of a sender that pauses for long behind its first file, never reads and ends its side behind 8 MB', async () => {
    const { socket, store, answered, outcome } = await paused(soon);
    await answered();
    socket.end(frame('big', big));
    expect(await outcome()).toMatchObject({ type: 'stored' });
    expect(Buffer.compare(store.contents.get('big')!.bytes, big)).toBe(0);
    socket.destroy();
  });

  test('all is stored or nothing of a sender that pauses for long behind its first file, never reads and closes behind 8 MB, since its system may drop what it had not sent', async () => {
    const { socket, store, answered, outcome } = await paused(soon);
    await answered();
    socket.write(frame('big', big));
    socket.destroySoon();
    const event = await outcome();
    if (event.type === 'refused') {
      expect(event.error.code).toBe('truncated');
      expect(store.contents.has('big')).toBe(false);
    } else expect(Buffer.compare(store.contents.get('big')!.bytes, big)).toBe(0);
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

  test('put --no-acks delivers every file to plain_server.py', async () => {
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

  test('put --no-acks never sends a name that leads out, though the peer could not refuse it', async () => {
    const { folder, root, to } = await plainServer();
    writeTree(folder, { a: 'A' });
    expect(await sluice(['put', 'a', '--as', '../a', ...to], { cwd: folder })).toMatchObject({ status: 1 });
    expect(await sluice(['put', 'a', ...to], { cwd: folder })).toMatchObject({ status: 0 });
    expect(readStored(root)).toEqual({ a: 'A' });
  });

  test('put --no-acks says that the connection failed when the peer gives up', async () => {
    const { folder, root, to } = await plainServer();
    // A folder in the way of the file makes the script fail.
    writeTree(folder, { a: randomBytes(5_000_000) });
    writeTree(root, { 'a/in-the-way': '' });
    expect(await sluice(['put', 'a', ...to], { cwd: folder })).toMatchObject({ status: 3 });
  });
});
