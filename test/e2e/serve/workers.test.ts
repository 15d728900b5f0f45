/** `sluice serve --workers` as processes: one port, one set of limits, one log, one end. */

import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Observable } from 'rxjs';
import { lastValueFrom } from 'rxjs';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { bytesContent, type Client, createClient } from '../../../src/client.ts';
import type { ServiceFault } from '../../../src/files/protocol/errors.ts';
import type { Connection } from '../../../src/transport/connection.ts';
import { connectTcp } from '../../../src/transport/socket/tcp.ts';
import { connectTls } from '../../../src/transport/tls/tls.ts';
import { connectUnix } from '../../../src/transport/unix/unix.ts';
import { fromWebSocket } from '../../../src/transport/web/from-web-socket.ts';
import { createAuthority } from '../../support/certificates.ts';
import { needEngine } from '../../support/engines/engines.ts';
import { frame, peer } from '../../support/network/peer.ts';
import {
  endAll,
  jsonLines,
  type Serving,
  sluice,
  startServe,
  startSluice,
} from '../../support/processes/cli.ts';
import { childrenOf } from '../../support/processes/process-facts.ts';
import { scraped } from '../../support/processes/scraped.ts';
import { bytesFrom } from '../../support/random/seeded.ts';
import { startNode } from '../../support/stores/crash-places.ts';
import { sharedEngines } from '../../support/stores/s3-nodes.ts';
import { temporariesIn } from '../../support/stores/store-roots.ts';
import { readStored, readTree, tempFolder } from '../../support/stores/temp-folder.ts';
import { ask } from '../../support/web/asked-page.ts';

afterEach(endAll);

/** A peer that speaks by hand. */
async function peerAt(port: number) {
  const connection = await lastValueFrom(connectTcp({ host: '127.0.0.1', port }));
  return peer(connection);
}

const workersOf = ({ child }: Pick<Serving, 'child'>): readonly number[] => childrenOf(child.pid!);

const isAlive = (pid: number): boolean => {
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

/** Looks again until it is so. The time limit of the test bounds it. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setImmediate(resolve));
}

const clientOf = async (connection$: Observable<Connection>): Promise<Client> =>
  createClient(await lastValueFrom(connection$));
const clientAt = (port: number) => clientOf(connectTcp({ host: '127.0.0.1', port }));

const put = (client: Client, name: string, bytes: Uint8Array) =>
  lastValueFrom(client.put(name, bytesContent(bytes)));

const pinged = (client: Client) => lastValueFrom(client.ping(), { defaultValue: null });

async function connected(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

const isAccepting = async (port: number): Promise<boolean> => {
  const socket = connect(port, '127.0.0.1');
  const isOpen = await new Promise<boolean>((resolve) => {
    socket.on('error', () => resolve(false));
    socket.on('connect', () => resolve(true));
  });
  socket.destroy();
  return isOpen;
};

/** What a peer gets until its connection is over. */
async function received(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  socket.on('end', () => socket.end());
  await new Promise((resolve) => socket.on('close', resolve));
  return text;
}

const workersIn = (log: string) =>
  new Set(
    jsonLines(log)
      .filter(({ msg }) => msg === 'stored')
      .map(({ worker }) => worker),
  );

describe('workers', () => {
  test('files that many connections put through three workers are right, and each worker stores some', async () => {
    const root = join(tempFolder(), 'root');
    const serving = await startServe(root, ['--workers', '3']);
    expect(workersOf(serving)).toHaveLength(3);
    const files = Object.fromEntries(
      Array.from({ length: 120 }, (_, i) => [`d${i % 7}/${i}`, bytesFrom(i, (i * 977) % 90_000)]),
    );
    const clients = await Promise.all(Array.from({ length: 12 }, () => clientAt(serving.port)));
    await Promise.all(
      Object.entries(files).map(([name, bytes], i) => put(clients[i % clients.length]!, name, bytes)),
    );
    for (const client of clients) client.end();
    serving.child.kill('SIGTERM');
    const ran = await serving.done;
    expect(ran).toMatchObject({ status: 0, stdout: `listening on ${serving.server}\n` });
    expect(readStored(root)).toEqual(
      Object.fromEntries(
        Object.entries(files).map(([name, bytes]) => [name, Buffer.from(bytes).toString('latin1')]),
      ),
    );
    expect([...workersIn(ran.stderr)].sort()).toEqual([1, 2, 3]);
    expect(jsonLines(ran.stderr).filter(({ msg }) => msg === 'stored')).toHaveLength(120);
    expect(jsonLines(ran.stderr).filter(({ msg }) => msg === 'stopped')).toHaveLength(1);
  });

  test('a port that is taken ends the command with the error of one process', async () => {
    const serving = await startServe(join(tempFolder(), 'root'));
    const args = ['--port', String(serving.port)];
    const root = join(tempFolder(), 'root');
    const alone = await sluice(['serve', root, ...args]);
    const many = await sluice(['serve', root, ...args, '--workers', '2']);
    expect(many.status).toBe(1);
    expect(many.stderr).toContain(alone.stderr.split('\n').find((line) => line.startsWith('sluice: '))!);
    expect(many.stdout).toBe('');
  });
});

/** A connection that a worker serves, and the process of that worker. */
async function servedBy(serving: Serving, name: string) {
  const client = await clientAt(serving.port);
  await put(client, name, bytesFrom(1, 10));
  const [, number] = await serving.said(new RegExp(`"worker":(\\d+),"filename":"${name}"`));
  const [, pid] = await serving.said(new RegExp(`"worker ${number} is process (\\d+)"`));
  return { client, pid: Number(pid), number: Number(number) };
}

describe('a worker that dies', () => {
  test('breaks its own connections alone, is replaced, and gives back what it held', async () => {
    const root = join(tempFolder(), 'root');
    const serving = await startServe(root, ['--workers', '2', '--max-connections', '2']);
    const one = await servedBy(serving, 'one');
    const other = await servedBy(serving, 'other');
    expect(one.pid).not.toBe(other.pid);
    expect(await received(await connected(serving.port))).toContain('too-many-connections');
    process.kill(one.pid, 'SIGKILL');
    await expect(put(one.client, 'lost', bytesFrom(2, 10))).rejects.toThrow();
    await put(other.client, 'kept', bytesFrom(3, 10));
    await serving.said(
      new RegExp(`worker ${one.number} has ended \\(SIGKILL\\): another one takes its place now`),
    );
    await serving.logged(`worker ${one.number} is process`, 2);
    const again = await servedBy(serving, 'again');
    expect(again.number).toBe(one.number);
    expect(workersOf(serving)).toHaveLength(2);
    expect(workersOf(serving)).not.toContain(one.pid);
    again.client.end();
    other.client.end();
    serving.child.kill('SIGTERM');
    expect(await serving.done).toMatchObject({ status: 0 });
    expect(Object.keys(readStored(root)).sort()).toEqual(['again', 'kept', 'one', 'other']);
  });

  test('that all workers have died keeps no connection out: it waits for those that take their place', async () => {
    const serving = await startServe(join(tempFolder(), 'root'), ['--workers', '2']);
    for (const pid of workersOf(serving)) process.kill(pid, 'SIGKILL');
    const client = await clientAt(serving.port);
    await put(client, 'a', bytesFrom(1, 10));
    client.end();
    await serving.said(/another one takes its place/);
  });
});

describe('a worker that stops and does not die', () => {
  test('keeps the connections of a moment, and the other one gets those that come then', async () => {
    const serving = await startServe(join(tempFolder(), 'root'), ['--workers', '2']);
    const [stopped] = workersOf(serving);
    process.kill(stopped!, 'SIGSTOP');
    const sockets: Socket[] = [];
    for (let inARow = 0; inARow < 10; ) {
      const socket = await connected(serving.port);
      sockets.push(socket);
      socket.write(frame({ cmd: 'ping' }));
      const late = AbortSignal.timeout(1000);
      const isServed = once(socket, 'data', { signal: late }).then(
        () => true,
        () => false,
      );
      inARow = (await isServed) ? inARow + 1 : 0;
    }
    process.kill(stopped!, 'SIGCONT');
    for (const socket of sockets) socket.destroy();
  });
});

describe('a worker that cannot be started', () => {
  test('ends the command after a few tries, and leaves no process', async () => {
    const folder = tempFolder();
    const hook = join(folder, 'end-workers.mjs');
    writeFileSync(hook, 'if (process.env.SLUICE_WORKER !== undefined) process.exit(7);');
    const env = { NODE_OPTIONS: `--import file://${hook}` };
    const ran = await sluice(['serve', join(folder, 'root'), '--port', '0', '--workers', '2'], { env });
    expect(ran.status).toBe(1);
    expect(ran.stdout).toBe('');
    expect(ran.stderr).toContain('sluice: the workers end before they serve (exit status 7)');
    expect(ran.stderr).toContain('worker 1 has ended (exit status 7): another one takes its place');
  });
});

describe('the end', () => {
  test('SIGTERM lets the uploads of all workers finish, takes nothing new, and leaves no process', async () => {
    const root = join(tempFolder(), 'root');
    const serving = await startServe(root, ['--workers', '2']);
    const body = bytesFrom(7, 300_000);
    const sockets = await Promise.all(Array.from({ length: 4 }, () => connected(serving.port)));
    for (const [i, socket] of sockets.entries()) {
      socket.write(frame({ cmd: 'put', filename: `f${i}`, filesize: body.length }));
      socket.write(body.subarray(0, 100_000));
    }
    const workers = workersOf(serving);
    // Each worker has begun two of them: their files are there.
    await until(() => temporariesIn(root).length === 4);
    serving.child.kill('SIGTERM');
    await serving.said(/finishing what runs/);
    await until(async () => !(await isAccepting(serving.port)));
    const replies = sockets.map(received);
    for (const socket of sockets) socket.end(body.subarray(100_000));
    for (const reply of await Promise.all(replies)) expect(reply).toContain('"ack":"put"');
    const ran = await serving.done;
    expect(ran.status).toBe(0);
    expect(Object.values(readStored(root))).toEqual(sockets.map(() => body.toString('latin1')));
    expect(workers.filter(isAlive)).toEqual([]);
    expect(jsonLines(ran.stderr).filter(({ msg }) => String(msg).startsWith('stopped'))).toHaveLength(1);
  });

  test('what is not finished within the grace time is cut off, in all workers together', async () => {
    const root = join(tempFolder(), 'root');
    const serving = await startServe(root, ['--workers', '2', '--grace', '50ms']);
    const sockets = await Promise.all(Array.from({ length: 4 }, () => connected(serving.port)));
    for (const [i, socket] of sockets.entries()) {
      socket.write(frame({ cmd: 'put', filename: `f${i}`, filesize: 10 }));
    }
    await until(() => temporariesIn(root).length === 4);
    serving.child.kill('SIGINT');
    const ran = await serving.done;
    expect(ran).toMatchObject({
      status: 0,
      stderr: expect.stringContaining('stopped; connections cut off: 4'),
    });
  });

  test('a second signal ends all processes at once', async () => {
    const root = join(tempFolder(), 'root');
    const serving = await startServe(root, ['--workers', '2', '--grace', '1h']);
    const socket = await connected(serving.port);
    socket.write(frame({ cmd: 'put', filename: 'a', filesize: 10 }));
    await until(() => temporariesIn(root).length === 1);
    const workers = workersOf(serving);
    serving.child.kill('SIGTERM');
    await serving.said(/finishing what runs/);
    serving.child.kill('SIGTERM');
    expect((await serving.done).status).toBe(143);
    await until(() => workers.every((pid) => !isAlive(pid)));
  });

  test('workers whose starter is killed end by themselves, and the port is free', async () => {
    const serving = await startServe(join(tempFolder(), 'root'), ['--workers', '3']);
    const socket = await connected(serving.port);
    const broken = received(socket);
    const workers = workersOf(serving);
    serving.child.kill('SIGKILL');
    await until(() => workers.every((pid) => !isAlive(pid)));
    await broken;
    const root = join(tempFolder(), 'root');
    const again = startSluice(['serve', root, '--port', String(serving.port), '--workers', '2']);
    await again.said(/^listening on /m);
  });
});

describe('one server', () => {
  test('connections from one address and wrong tokens are counted over all workers', async () => {
    const folder = tempFolder();
    const access = join(folder, 'access.json');
    writeFileSync(access, JSON.stringify({ anybody: { rights: ['read', 'write'] } }), { mode: 0o600 });
    const limits = ['--access', access, '--max-connections-per-address', '12'];
    const serving = await startServe(join(folder, 'root'), ['--workers', '2', ...limits]);
    // Ten cost nothing. They come to both workers in turns, and stay connected.
    for (let tries = 0; tries < 12; tries++) {
      const socket = await connected(serving.port);
      socket.write(frame({ cmd: 'hello', token: `wrong ${tries}` }));
      await once(socket, 'data');
    }
    expect(await received(await connected(serving.port))).toContain('12 from 127.0.0.1 are open');
    await serving.said(/slowed down: many tokens from its address were wrong/);
  });

  test('requests a second are limited over all workers', async () => {
    const serving = await startServe(join(tempFolder(), 'root'), [
      ...['--workers', '2', '--max-requests-per-second', '50'],
    ]);
    const clients = await Promise.all([1, 2, 3].map(() => clientAt(serving.port)));
    const began = performance.now();
    await Promise.all(
      clients.map(async (client) => {
        for (let count = 0; count < 20; count++) await pinged(client);
      }),
    );
    // A tenth of a second of the rate was saved up at the most; all beyond it takes its time.
    expect(performance.now() - began).toBeGreaterThan(700);
    for (const client of clients) client.end();
  });

  test('metrics add up over all workers, and do not fall when one dies', async () => {
    const serving = await startServe(join(tempFolder(), 'root'), ['--workers', '2', '--metrics-port', '0']);
    const [, at] = await serving.said(/metrics and health on http:\/\/(\S+?)"/);
    const scrape = async () => scraped(await (await fetch(`http://${at}/metrics`)).text());
    const one = await servedBy(serving, 'one');
    const other = await servedBy(serving, 'other');
    const before = await scrape();
    expect(before.value('sluice_stored_files_total')).toBe(2);
    expect(before.value('sluice_connections_open')).toBe(2);
    expect(before.value('sluice_workers')).toBe(2);
    expect(before.all('sluice_info')).toEqual({ [Object.keys(before.all('sluice_info'))[0]!]: 1 });
    expect(before.value('sluice_event_loop_delay_p99_seconds')).toBeLessThan(60);
    expect(before.all('sluice_request_duration_seconds_count')).toMatchObject({ 'cmd="put"': 2 });
    process.kill(one.pid, 'SIGKILL');
    await serving.logged(`worker ${one.number} is process`, 2);
    const after = await scrape();
    expect(after.value('sluice_stored_files_total')).toBe(2);
    expect(after.value('sluice_workers_ended_total')).toBe(1);
    expect(after.value('sluice_connections_open')).toBe(1);
    expect(await (await fetch(`http://${at}/healthz`)).json()).toEqual({ status: 'ok' });
    other.client.end();
  });

  test('an upload that one worker has goes on at another one, from where it had come', async () => {
    const root = join(tempFolder(), 'root');
    const serving = await startServe(root, ['--workers', '2']);
    const body = bytesFrom(5, 400_000);
    const put = { cmd: 'put', filename: 'a', filesize: body.length, upload: 'key-of-this-upload' };
    const first = await peerAt(serving.port);
    await first.send(frame({ ...put, id: 1 }, body.subarray(0, 250_000)));
    await until(() => temporariesIn(root).length === 1);
    const other = await peerAt(serving.port);
    await other.send(frame({ cmd: 'resume', upload: put.upload }));
    const [resumed] = await other.replies(1);
    const offset = Number(resumed!.offset);
    expect(offset).toBeGreaterThan(0);
    await other.send(frame({ ...put, offset }, body.subarray(offset)));
    expect((await other.replies(2))[1]).toMatchObject({ ack: 'put' });
    expect(readStored(root)).toEqual({ a: body.toString('latin1') });
    expect(await first.replies(1)).toMatchObject([{ error: { code: 'upload-taken' } }]);
  });

  test('a quota is reserved once, whichever workers the puts come to', async () => {
    const root = join(tempFolder(), 'root');
    const serving = await startServe(root, ['--workers', '2', '--quota', '1000000']);
    const peers = await Promise.all([1, 2, 3].map(() => peerAt(serving.port)));
    // Each has begun and reserved before any of them is finished.
    for (const [i, peer] of peers.entries()) {
      await peer.send(frame({ cmd: 'put', filename: `f${i}`, filesize: 400_000 }));
    }
    for (const peer of peers) await peer.send(bytesFrom(1, 400_000));
    for (const peer of peers) await peer.send(frame({ cmd: 'ping', id: 1 }));
    const replies = await Promise.all(peers.map(async (peer) => (await peer.replies(1))[0]!));
    expect(replies.map(({ error }) => (error as ServiceFault | undefined)?.code ?? 'stored').sort()).toEqual([
      'quota-exceeded',
      'stored',
      'stored',
    ]);
    expect(Object.keys(readStored(root))).toHaveLength(2);
  });

  test('SIGUSR2 has one status logged of all workers and of each, SIGHUP has all of them read again', async () => {
    const folder = tempFolder();
    const access = join(folder, 'access.json');
    const token = 'a-long-enough-secret';
    const rules = (more: object[]) =>
      writeFileSync(access, JSON.stringify({ tokens: more }), { mode: 0o600 });
    rules([{ name: 'a', token: `${token}-a`, rights: ['read'] }]);
    const serving = await startServe(join(folder, 'root'), ['--workers', '2', '--access', access]);
    rules([{ name: 'b', token, rights: ['read', 'write'] }]);
    serving.child.kill('SIGHUP');
    await serving.said(/SIGHUP: --access was read again/);
    const hello = async () => {
      const socket = await connected(serving.port);
      socket.end(frame({ cmd: 'hello', token }));
      return await received(socket);
    };
    const greeted = await Promise.all([hello(), hello(), hello(), hello()]);
    for (const reply of greeted) expect(reply).toContain('"name":"b"');
    rules([{ name: 'c' }]);
    serving.child.kill('SIGHUP');
    await serving.said(/SIGHUP: --access stays as it was/);
    serving.child.kill('SIGUSR2');
    await serving.said(/"worker 2: up /);
    serving.child.kill('SIGTERM');
    const { stderr } = await serving.done;
    const said = jsonLines(stderr).map(({ msg }) => String(msg));
    expect(said.filter((line) => line.startsWith('SIGHUP'))).toHaveLength(2);
    expect(said.filter((line) => /^up .*, 2 of 2 workers$/.test(line))).toHaveLength(1);
  });

  test('what a worker cannot open ends the command with the error of one process, said once', async () => {
    const file = join(tempFolder(), 'a-file');
    writeFileSync(file, '');
    const alone = await sluice(['serve', file, '--port', '0']);
    const many = await sluice(['serve', file, '--port', '0', '--workers', '2']);
    expect(many.status).toBe(alone.status);
    expect(many.stderr.split('\n').filter((line) => line.startsWith('sluice: '))).toEqual(
      alone.stderr.split('\n').filter((line) => line.startsWith('sluice: ')),
    );
  });
});

describe('recordings', () => {
  test('each worker records into a folder of its own', async () => {
    const [root, record] = [join(tempFolder(), 'root'), join(tempFolder(), 'record')];
    const serving = await startServe(root, ['--workers', '2', '--record', record]);
    for (const name of ['a', 'b']) {
      const client = await clientAt(serving.port);
      await put(client, name, bytesFrom(1, 10));
    }
    serving.child.kill('SIGTERM');
    expect((await serving.done).status).toBe(0);
    const recorded = readTree(record);
    expect(
      Object.keys(recorded)
        .map((name) => name.slice(0, 'worker-1/'.length))
        .sort(),
    ).toEqual(['worker-1/', 'worker-2/']);
  });
});

describe('every kind of listening', () => {
  test('a Unix socket is served by all workers, and removed at the end', async () => {
    const folder = tempFolder();
    const path = join(folder, 's.sock');
    const args = ['--port', 'none', '--unix', path, '--durability', 'os', '--workers', '2'];
    const serving = startSluice(['serve', join(folder, 'root'), ...args]);
    await serving.said(/^listening on unix:/m);
    for (const name of ['a', 'b']) await put(await clientOf(connectUnix({ path })), name, bytesFrom(1, 10));
    serving.child.kill('SIGTERM');
    const ran = await serving.done;
    expect(ran.status).toBe(0);
    expect(workersIn(ran.stderr).size).toBe(2);
    expect(() => readFileSync(path)).toThrow('ENOENT');
  });

  test('TLS and the page are served by all workers, each under one address', async () => {
    const folder = tempFolder();
    const authority = createAuthority('Test CA');
    const { cert, key } = authority.issue({ subject: [['CN', 'server']], names: ['127.0.0.1'] });
    writeFileSync(join(folder, 'cert.pem'), cert);
    writeFileSync(join(folder, 'key.pem'), key);
    const serving = await startServe(join(folder, 'root'), [
      ...['--tls-cert', join(folder, 'cert.pem'), '--tls-key', join(folder, 'key.pem')],
      ...['--web', '0', '--web-plain', '--workers', '2'],
    ]);
    const [, page] = await serving.said(/^page on http:\/\/127\.0\.0\.1:(\d+)\/$/m);
    const secure$ = connectTls({ host: '127.0.0.1', port: serving.port, ca: authority.cert });
    const clients = await Promise.all([clientOf(secure$), clientOf(secure$)]);
    await Promise.all(clients.map((client, i) => put(client, `tls${i}`, bytesFrom(i, 100_000))));
    for (const client of clients) client.end();
    const web = [1, 2].map(() => createClient(fromWebSocket(new WebSocket(`ws://127.0.0.1:${page}/frames`))));
    await Promise.all(web.map((client, i) => put(client, `web${i}`, bytesFrom(i, 1000))));
    for (const client of web) client.end();
    const got = await ask(Number(page), '/files/tls1');
    expect([got.status, got.body.length]).toEqual([200, 100_000]);
    serving.child.kill('SIGTERM');
    const ran = await serving.done;
    expect(ran).toMatchObject({ status: 0 });
    const of = (name: string) =>
      new Set(
        jsonLines(ran.stderr)
          .filter(({ filename }) => String(filename).startsWith(name))
          .map(({ worker }) => worker),
      );
    expect([of('tls').size, of('web').size]).toEqual([2, 2]);
  });
});

describe.skipIf(!needEngine('ceph') || !needEngine('postgres'))('a store of many nodes', () => {
  test('each worker is a node of its own, and what one has stored the other one sends', async () => {
    const serving = await startNode(await sharedEngines(), ['--workers', '2', '--log-level', 'info']);
    const [one, other] = await Promise.all([clientAt(serving.port), clientAt(serving.port)]);
    await put(one, 'workers/a', bytesFrom(1, 100_000));
    await put(other, 'workers/b', bytesFrom(2, 10));
    const { size } = await lastValueFrom(other.stat('workers/a'));
    expect(size).toBe(100_000);
    one.end();
    other.end();
    serving.child.kill('SIGTERM');
    const ran = await serving.done;
    expect(ran.status).toBe(0);
    expect(workersIn(ran.stderr).size).toBe(2);
  });
});
