/** `sluice serve` as a process: how it starts, what it logs, how it ends. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { encodeJsonHeader, type JsonHeader } from '../../../src/wire/json-header.ts';
import {
  endAll,
  jsonLines,
  sluice,
  sluiceInRunner,
  startServe,
  startSluice,
} from '../../support/processes/cli.ts';
import { temporariesIn } from '../../support/stores/store-roots.ts';
import { readStored, readTree, tempFolder, writeTree } from '../../support/stores/temp-folder.ts';

afterEach(endAll);

async function connected(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  await once(socket, 'connect');
  return socket;
}

function header(fields: JsonHeader): Uint8Array {
  const encoded = encodeJsonHeader(fields);
  if (!encoded.ok) throw new Error(encoded.fault.message);
  return encoded.bytes;
}

/** Asks for a ping and waits for its answer: everything sent before was seen by the server. */
async function seen(socket: Socket): Promise<void> {
  socket.write(header({ cmd: 'ping', id: 'seen' }));
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    if (String(chunk).includes('seen')) return;
  }
  throw new Error('the server ended the connection');
}

describe('the log', () => {
  test('the log has a line for each stored file and each refusal, on stderr, and none is lost at the end', async () => {
    const folder = tempFolder();
    const files = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`many/${i}`, `${i}`]));
    writeTree(folder, files);
    const serving = await startServe(join(folder, 'root'));
    const to = ['--to', serving.server];
    expect(await sluiceInRunner(['put', 'many', ...to, '-q'], { cwd: folder })).toMatchObject({ status: 0 });
    await sluiceInRunner(['put', 'many/0', '--as', '../x', ...to, '-q'], { cwd: folder });
    serving.child.kill('SIGTERM');
    const ran = await serving.done;
    expect(ran.status).toBe(0);
    expect(ran.stdout).toBe(`listening on ${serving.server}\n`);
    const lines = jsonLines(ran.stderr);
    const stored = lines.filter(({ msg }) => msg === 'stored');
    expect(stored.map(({ filename }) => filename).sort()).toEqual(Object.keys(files).sort());
    expect(stored[0]).toMatchObject({
      level: 'info',
      time: expect.stringMatching(/^20.*Z$/),
      size: expect.any(Number),
      crc32: expect.any(Number),
      remote: expect.stringContaining('127.0.0.1:'),
      connection: expect.any(String),
    });
    expect(lines.filter(({ msg }) => msg === 'refused')).toMatchObject([
      { level: 'warn', cmd: 'put', filename: '../x', error: { code: 'bad-filename' } },
    ]);
  });

  test('the log has what happens inside with --trace, and no token', async () => {
    const folder = tempFolder();
    writeTree(folder, { a: 'abc' });
    const serving = await startServe(join(folder, 'root'), ['--trace']);
    const socket = await connected(serving.port);
    socket.write(header({ cmd: 'hello', token: 'a secret' }));
    socket.write(
      Buffer.concat([header({ cmd: 'put', filename: 'a', filesize: 3, id: 1 }), Buffer.from('abc')]),
    );
    await seen(socket);
    socket.destroy();
    serving.child.kill('SIGTERM');
    const { stderr } = await serving.done;
    const said = jsonLines(stderr).map(({ msg }) => String(msg).replace(/^\S+ /, ''));
    expect(said.filter((line) => / -> /.test(line))).toEqual(
      expect.arrayContaining([
        'opened -> nothing',
        expect.stringMatching(/^start \{"cmd":"hello","token":"…"\} -> hello/),
        expect.stringMatching(/^start \{"cmd":"put".* -> .*openPut/),
        'data 3 bytes: 61 62 63 -> write',
        'end -> commit',
        expect.stringMatching(/^result .* -> stored, .*send/),
        'closed -> nothing',
      ]),
    );
    expect(stderr).not.toMatch(/a secret/);
  }, 60_000);

  test('the log is written when the server falls idle, not only at the end', async () => {
    const folder = tempFolder();
    const serving = await startServe(join(folder, 'root'));
    const socket = await connected(serving.port);
    socket.write(header({ cmd: 'put', filename: 'a', filesize: 0 }));
    await serving.said(/"filename":"a"/);
    socket.destroy();
  });
});

/** Resolves when no connection is accepted any more. One that comes just after the signal still may be. */
async function untilRefused(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    const code = await new Promise((resolve) => {
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code));
      socket.on('connect', resolve);
    });
    socket.destroy();
    if (code === 'ECONNREFUSED') return;
  }
}

describe('SIGTERM', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    '%s ends an idle server with 0, connections or not',
    async (signal) => {
      const serving = await startServe(join(tempFolder(), 'root'));
      const socket = await connected(serving.port);
      await seen(socket);
      serving.child.kill(signal);
      socket.on('end', () => socket.end()).resume();
      expect(await serving.done).toMatchObject({ status: 0 });
    },
  );

  test('SIGTERM lets an upload finish, and no new connection is taken meanwhile', async () => {
    const root = join(tempFolder(), 'root');
    const serving = await startServe(root);
    const body = randomBytes(1_000_000);
    const socket = await connected(serving.port);
    await seen(socket);
    socket.write(header({ cmd: 'put', filename: 'a', filesize: body.length, id: 1 }));
    socket.write(body.subarray(0, 400_000));
    // The part has arrived when it takes up room in the store.
    await until(() => temporariesIn(root).length > 0);
    serving.child.kill('SIGTERM');
    await serving.said(/finishing what runs/);
    await untilRefused(serving.port);
    socket.write(body.subarray(400_000));
    const [reply] = await once(socket, 'data');
    expect(String(reply)).toContain('"ack":"put"');
    socket.on('end', () => socket.end()).resume();
    expect(await serving.done).toMatchObject({ status: 0 });
    expect(Buffer.compare(readFileSync(join(root, 'a')), body)).toBe(0);
  });

  test('SIGTERM cuts off what is not finished within the grace time, and leaves nothing of it', async () => {
    const root = join(tempFolder(), 'root');
    const serving = await startServe(root, ['--grace', '0.2']);
    const socket = await connected(serving.port);
    socket.on('error', () => {});
    await seen(socket);
    socket.write(header({ cmd: 'put', filename: 'a', filesize: 1000, id: 1 }));
    socket.write(new Uint8Array(500));
    await until(() => temporariesIn(root).length > 0);
    serving.child.kill('SIGTERM');
    expect(await serving.done).toMatchObject({ status: 0 });
    expect(Object.keys(readStored(root))).toEqual([]);
  });

  test.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('a second %s ends a server at once', async (signal, status) => {
    const root = join(tempFolder(), 'root');
    const serving = await startServe(root);
    const socket = await connected(serving.port);
    socket.on('error', () => {});
    await seen(socket);
    socket.write(header({ cmd: 'put', filename: 'a', filesize: 1000, id: 1 }));
    socket.write(new Uint8Array(500));
    await until(() => temporariesIn(root).length > 0);
    serving.child.kill(signal);
    await serving.said(/finishing what runs/);
    serving.child.kill(signal);
    expect(await serving.done).toMatchObject({ status });
    expect(existsSync(join(root, 'a'))).toBe(false);
  });
});

describe('what keeps it from starting', () => {
  test('a port in use keeps serve from starting', async () => {
    const folder = tempFolder();
    const serving = await startServe(join(folder, 'one'));
    const other = await sluice(['serve', join(folder, 'two'), '--port', String(serving.port)]);
    expect(other).toMatchObject({ status: 1, stdout: '' });
    expect(other.stderr).toBe(
      `sluice: ${serving.server} is in use by another program: stop it, or choose another port (0 picks a free one)\n`,
    );
  });

  test('a root that is no folder keeps serve from starting', async () => {
    const folder = tempFolder();
    writeFileSync(join(folder, 'file'), '');
    const ran = await sluice(['serve', join(folder, 'file'), '--port', '0']);
    expect(ran).toMatchObject({ status: 1, stdout: '' });
    expect(ran.stderr).toMatch(/^sluice: \/.*file cannot be used as the root of a store.*\n$/);
  });

  test('a root that a newer version has written keeps serve from starting, and stays as it is', async () => {
    const root = tempFolder();
    writeTree(root, { a: 'A', '.sluice/format': 'sluice store format 2\n' });
    const ran = await sluice(['serve', root, '--port', '0']);
    expect(ran).toMatchObject({ status: 1, stdout: '' });
    expect(ran.stderr).toMatch(
      /^sluice: \/.* its '\.sluice' is of format 2, .* knows formats up to 1; use .*\n$/,
    );
    expect(readTree(root)).toEqual({ a: 'A', '.sluice/format': 'sluice store format 2\n' });
  });

  test('an address that is not one of this machine keeps serve from starting', async () => {
    const ran = await sluice(['serve', tempFolder(), '--host', '192.0.2.1', '--port', '0']);
    expect(ran).toMatchObject({ status: 1, stderr: expect.stringContaining('192.0.2.1') });
  });
});

describe('the lessons', () => {
  test('sluice upper answers in upper case until it is told to stop', async () => {
    const upper = startSluice(['upper', '--tcp', '0', '--udp', '0']);
    const [, port] = await upper.said(/127\.0\.0\.1:(\d+) \(tcp\)/);
    await upper.said(/\(udp\)/);
    const socket = await connected(Number(port));
    socket.end('größe');
    const answer = await socket.toArray();
    expect(Buffer.concat(answer).toString()).toBe('GRÖSSE');
    upper.child.kill('SIGTERM');
    expect(await upper.done).toMatchObject({ status: 0, stderr: '' });
  });

  test('sluice sticky shows the three rounds', async () => {
    const ran = await sluice(['sticky', '--count', '12', '--pause', '1']);
    expect(ran).toMatchObject({ status: 0, stderr: '' });
    expect(ran.stdout).toMatch(/12 sends/);
    expect(ran.stdout).toContain('All 12 came back as they were sent.');
  });
});

/** Looks again and again, a turn of the event loop between, until it is so. */
async function until(so: () => boolean): Promise<void> {
  while (!so()) await new Promise((resolve) => setImmediate(resolve));
}
