/**
 * A server process whose disk fills up, whose root turns read-only, and that runs out of descriptors: each is the right
 * error to whoever asks, and when the trouble is over everything works again, with nothing left behind.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { firstValueFrom } from 'rxjs';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import type { Connection } from '../../../src/transport/connection.ts';
import { connectTcp } from '../../../src/transport/socket/tcp.ts';
import { converse, frame, outcomes, peer, putFrame } from '../../support/network/peer.ts';
import { endAll, main, type Running, start } from '../../support/processes/cli.ts';
import { descriptorsOf } from '../../support/processes/process-facts.ts';
import { bytesFrom } from '../../support/random/seeded.ts';
import { temporariesIn } from '../../support/stores/store-roots.ts';
import { walledRoot } from '../../support/stores/walled-root.ts';

afterEach(endAll);

const mib = 1024 * 1024;
const ping = frame({ cmd: 'ping' });

const portOf = async (running: Running): Promise<number> =>
  Number((await running.said(/^listening on 127\.0\.0\.1:(\d+)$/m))[1]);

const nothingUnfinished = (root: string) => expect.poll(() => temporariesIn(root)).toEqual([]);

/** A disk of so many MiB in memory, and a way to have its mount changed. */
interface SmallDisk {
  /** Runs a program where the disk is mounted. */
  readonly run: (program: string, ...args: string[]) => Running;
  readonly root: string;
}

/** Mounted for all where we may, and otherwise in a name space of its own, in which we are root. */
async function smallDisk(size: number): Promise<SmallDisk> {
  const root = mkdtempSync(join(tmpdir(), 'sluice-disk-'));
  const mount = ['-t', 'tmpfs', '-o', `size=${size}m`, 'tmpfs', root];
  if (process.getuid?.() === 0) {
    execFileSync('mount', mount);
    onTestFinished(async () => {
      await endAll();
      execFileSync('umount', [root]);
      rmSync(root, { recursive: true });
    });
    return { root, run: (program, ...args) => start(program, args) };
  }
  const holder = start('unshare', ['-rm', 'sh', '-c', 'mount "$@" && echo mounted && cat', 'sh', ...mount], {
    input: 'open',
  });
  await holder.said(/^mounted$/m);
  onTestFinished(() => rmSync(root, { recursive: true }));
  const inside = ['--preserve-credentials', '-U', '-m', '-t', String(holder.child.pid)];
  return {
    // What is mounted there is seen from here through the process that mounted it.
    root: `/proc/${holder.child.pid}/root${root}`,
    run: (program, ...args) =>
      start('nsenter', [...inside, program, ...args.map((arg) => arg.replace(/^\/proc\/\d+\/root/, ''))]),
  };
}

const serveOn = ({ run, root }: SmallDisk, ...args: string[]): Running =>
  run(process.execPath, main, 'serve', root, '--port', '0', ...args);

describe.each(['fsync', 'os'])('a disk that fills up (%s)', (durability) => {
  test(`a disk that fills up (${durability}) refuses what has no room with disk-full, and takes it once there is`, async () => {
    const disk = await smallDisk(8);
    const { root } = disk;
    const port = await portOf(serveOn(disk, '--durability', durability));
    const content = bytesFrom(1, 3 * mib);
    const putAll = (...names: string[]) =>
      converse(port, ...names.map((filename, id) => putFrame(filename, content, { id })), ping).then(
        outcomes,
      );
    expect(await putAll('a', 'b')).toEqual(['put', 'put', 'ping']);
    expect(await putAll('c', 'd')).toEqual(['disk-full', 'disk-full', 'ping']);
    await nothingUnfinished(root);
    expect(outcomes(await converse(port, putFrame('small', 'x', { id: 5 })))).toEqual(['put']);

    // To the last block: many at a time, of which each finds the disk full at another moment.
    const floods = Array.from({ length: 6 }, (_, who) =>
      converse(
        port,
        ...Array.from({ length: 40 }, (_, i) =>
          putFrame(`f/${who}-${i}`, content.subarray(0, 70_000), { id: i }),
        ),
      ),
    );
    const flooded = (await Promise.all(floods)).flatMap(outcomes);
    expect([...new Set(flooded)].sort()).toEqual(['disk-full', 'put']);
    const listed = await converse(port, frame({ cmd: 'list', prefix: 'f/' }));
    const files = (listed[0]?.files ?? []) as { name: string }[];
    expect(files.length).toBe(flooded.filter((answer) => answer === 'put').length);
    for (const { name } of files) {
      expect(readFileSync(join(root, name)).equals(content.subarray(0, 70_000))).toBe(true);
    }
    await nothingUnfinished(root);

    const room = [...files.map(({ name }) => name), 'a'].map((filename) =>
      frame({ cmd: 'delete', filename }),
    );
    expect(new Set(outcomes(await converse(port, ...room)))).toEqual(new Set(['delete']));
    expect(outcomes(await converse(port, putFrame('again', content, { id: 1 })))).toEqual(['put']);
    expect(readFileSync(join(root, 'again')).equals(content)).toBe(true);
    await nothingUnfinished(root);
  });

  test(`a disk that fills up (${durability}) has the room of a failed upload back, and the file that it was to replace stays`, async () => {
    const disk = await smallDisk(4);
    const port = await portOf(serveOn(disk, '--durability', durability));
    const old = bytesFrom(2, mib);
    await converse(port, putFrame('file', old, { id: 1 }));
    const large = bytesFrom(3, 5 * mib);
    expect(outcomes(await converse(port, putFrame('file', large, { id: 1, upload: 'u' }), ping))).toEqual([
      'disk-full',
      'ping',
    ]);
    expect(readFileSync(join(disk.root, 'file')).equals(old)).toBe(true);
    expect(await converse(port, frame({ cmd: 'resume', upload: 'u' }))).toEqual([
      expect.objectContaining({ offset: 0 }),
    ]);
    await nothingUnfinished(disk.root);
    expect(outcomes(await converse(port, putFrame('next', bytesFrom(4, 2 * mib), { id: 1 })))).toEqual([
      'put',
    ]);
  });
});

test('a root that turns read-only refuses changes with read-only, serves reads, and takes changes afterwards', async () => {
  const disk = await smallDisk(8);
  const { root } = disk;
  const remount = async (how: 'ro' | 'rw') => {
    const { status, stderr } = await disk.run('mount', '-o', `remount,bind,${how}`, root).done;
    if (status !== 0) throw new Error(stderr);
  };
  const running = serveOn(disk);
  const port = await portOf(running);
  const before = [putFrame('there', 'T', { id: 1 }), putFrame('d/there', 'T', { id: 2 })];
  expect(outcomes(await converse(port, ...before))).toEqual(['put', 'put']);
  await remount('ro');
  const changes = [
    putFrame('new', 'x', { id: 1 }),
    putFrame('there', 'x', { id: 2 }),
    putFrame('large', bytesFrom(1, mib), { id: 3 }),
    putFrame('upload', 'x', { id: 4, upload: 'u' }),
    frame({ cmd: 'delete', filename: 'there' }),
    frame({ cmd: 'rename', filename: 'there', to: 'other' }),
    frame({ cmd: 'rename', filename: 'd/there', to: 'e/there' }),
  ];
  const reads = [
    frame({ cmd: 'get', filename: 'there' }),
    frame({ cmd: 'stat', filename: 'd/there' }),
    frame({ cmd: 'list' }),
  ];
  const replies = await converse(port, ...changes, ...reads);
  expect(outcomes(replies)).toEqual([...changes.map(() => 'read-only'), 'get', 'stat', 'list']);
  const names = ['d/there', 'there'].map((name) => expect.objectContaining({ name }));
  expect(replies.at(-1)?.files).toEqual(names);
  await remount('rw');
  const after = ['put', 'put', 'put', 'put', 'delete', 'not-found', 'rename'];
  expect(outcomes(await converse(port, ...changes))).toEqual(after);
  await nothingUnfinished(root);
  running.child.kill('SIGTERM');
  expect(await running.done).toMatchObject({ status: 0 });
  expect(temporariesIn(root)).toEqual([]);
});

describe('descriptors that run out', () => {
  /** Serving, and with so many more to be had than it has now. It needs more to start: modules are read all at once. */
  async function servedWith(more: number) {
    const { root, inside } = walledRoot();
    const running = start(process.execPath, [main, 'serve', root, '--port', '0']);
    const port = await portOf(running);
    expect(outcomes(await converse(port, putFrame('first', 'x', { id: 1 })))).toEqual(['put']);
    const pid = running.child.pid ?? 0;
    const quiet = descriptorsOf(pid).length;
    execFileSync('prlimit', [`--pid=${pid}`, `--nofile=${quiet + more}:${quiet + more}`]);
    return { root, inside, running, port, pid, quiet };
  }

  const idle = (port: number): Promise<Connection> => firstValueFrom(connectTcp({ host: '127.0.0.1', port }));

  test('a server whose descriptors run out refuses with too-many-open-files each request that needs a file, and then none', async () => {
    const { root, inside, port, pid, quiet } = await servedWith(30);
    const content = bytesFrom(1, 100_000);
    const crowd = Array.from({ length: 12 }, (_, who) =>
      Array.from({ length: 30 }, (_, i) => putFrame(`${who}/${i}/f`, content, { id: i })),
    );
    const peers = await Promise.all(crowd.map(async () => peer(await idle(port))));
    // A connection that comes when there is none left is dropped by the system, and that is not the matter here.
    for (const { send, replies } of peers) {
      void send(ping);
      expect(outcomes(await replies(1))).toEqual(['ping']);
    }
    for (const [who, frames] of crowd.entries()) {
      void peers[who]?.send(...frames);
      peers[who]?.connection.end();
    }
    const replies = (await Promise.all(peers.map(({ all }) => all()))).flatMap((all) => all.slice(1));
    expect(replies.length).toBe(12 * 30);
    expect([...new Set(outcomes(replies))].sort()).toEqual(['put', 'too-many-open-files']);
    const stored = replies.filter(({ ack }) => ack === 'put').map(({ filename }) => String(filename));
    expect(inside().sort()).toEqual(['first', ...stored].sort());
    for (const name of stored) expect(readFileSync(join(root, name)).equals(content)).toBe(true);
    await nothingUnfinished(root);
    await expect.poll(() => descriptorsOf(pid).length).toBeLessThanOrEqual(quiet + 16);
    expect(outcomes(await converse(port, putFrame('after', content, { id: 1 })))).toEqual(['put']);
  });

  test('a server whose descriptors run out serves the connections that are open, and new ones when there is room', async () => {
    const { root, running, port } = await servedWith(20);
    const first = peer(await idle(port));
    await first.send(ping);
    expect(outcomes(await first.replies(1))).toEqual(['ping']);
    const crowd = await Promise.all(Array.from({ length: 100 }, async () => peer(await idle(port))));
    // The system drops those for which there is no descriptor, or leaves them in the queue and has the server say so.
    await Promise.race([...crowd.map(({ over }) => over), running.said(/accept-failed|EMFILE/)]);
    await first.send(ping, frame({ cmd: 'list' }), putFrame('no-room', 'x', { id: 1 }));
    const answers = outcomes(await first.replies(4));
    expect(answers[1]).toBe('ping');
    expect(['put', 'too-many-open-files']).toContain(answers[3]);
    for (const { connection } of crowd) connection.destroy();
    // It sees them go one after the other.
    await expect
      .poll(() => converse(port, putFrame('after', 'x', { id: 1 }), ping).then(outcomes, () => []))
      .toEqual(['put', 'ping']);
    expect(readFileSync(join(root, 'after'), 'utf8')).toBe('x');
    await first.send(ping);
    expect(outcomes(await first.replies(5)).at(-1)).toBe('ping');
    first.connection.destroy();
    await nothingUnfinished(root);
    expect(running.child.exitCode).toBeNull();
  });
});

test('a root that is removed and made again is used again', async () => {
  const { root } = walledRoot();
  const running = start(process.execPath, [main, 'serve', root, '--port', '0']);
  const port = await portOf(running);
  expect(outcomes(await converse(port, putFrame('a/b', 'x', { id: 1 })))).toEqual(['put']);
  rmSync(root, { recursive: true });
  const [refused] = outcomes(await converse(port, putFrame('a/b', 'x', { id: 1 })));
  expect(refused).not.toBe('put');
  expect(existsSync(join(root, 'a/b'))).toBe(false);
  execFileSync('mkdir', [root]);
  writeFileSync(join(root, 'new'), 'new');
  await expect
    .poll(async () => outcomes(await converse(port, putFrame('a/b', 'y', { id: 1 }))))
    .toEqual(['put']);
  expect(readFileSync(join(root, 'a/b'), 'utf8')).toBe('y');
  await nothingUnfinished(root);
});
