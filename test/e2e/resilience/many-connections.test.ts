/**
 * Thousands of connections to a server process, most of them idle and hundreds at work: what an idle one costs is little,
 * and none of those at work is left to starve.
 */
import { join } from 'node:path';
import { firstValueFrom } from 'rxjs';
import { afterEach, expect, test } from 'vitest';
import { connectTcp } from '../../../src/transport/socket/tcp.ts';
import { frame, peer, putFrame } from '../../support/network/peer.ts';
import { endAll, startServe } from '../../support/processes/cli.ts';
import { residentOf, socketsOf } from '../../support/processes/process-facts.ts';
import { bytesFrom } from '../../support/random/seeded.ts';
import { temporariesIn } from '../../support/stores/store-roots.ts';
import { tempFolder } from '../../support/stores/temp-folder.ts';

afterEach(endAll);

const idle = 2500;
const active = 250;
const smallFiles = 12;
const kib = 1024;
const small = bytesFrom(1, 2 * kib);
const large = bytesFrom(2, 256 * kib);

const connection = (port: number) => firstValueFrom(connectTcp({ host: '127.0.0.1', port }));

/** So many at a time, so that none is refused for a full queue. */
async function connectMany(port: number, count: number) {
  const peers: ReturnType<typeof peer>[] = [];
  while (peers.length < count) {
    const some = Array.from({ length: Math.min(100, count - peers.length) }, async () =>
      peer(await connection(port)),
    );
    peers.push(...(await Promise.all(some)));
  }
  return peers;
}

/** Sends its files, the next when the system has taken the last; resolves with when the first and the last were answered. */
async function work({ send, replies }: ReturnType<typeof peer>, number: number, since: number) {
  const first = replies(1).then(() => performance.now() - since);
  for (let i = 0; i < smallFiles; i++) await send(putFrame(`${number}/${i}`, small, { id: i }));
  await send(putFrame(`${number % 20}/large`, large, { id: 'large' }));
  const answers = await replies(smallFiles + 1);
  const last = performance.now() - since;
  expect(answers.map(({ ack, id }) => [ack, id])).toEqual([
    ...Array.from({ length: smallFiles }, (_, i) => ['put', i]),
    ['put', 'large'],
  ]);
  return { first: await first, last };
}

/** They all come from one address. */
const room = ['--max-connections', '3000', '--max-connections-per-address', '3000'];

/**
 * The room for garbage, which is the same however many connections there are. Without this, Node 24 gives it several times
 * that of Node 20, and it would count as theirs.
 */
const env = { NODE_OPTIONS: '--max-semi-space-size=16' };

test('2,500 idle connections are cheap, and each of 250 at work gets on', async () => {
  const root = join(tempFolder(), 'root');
  const { port, child } = await startServe(root, ['--log-level', 'warn', ...room], { env });
  const pid = child.pid ?? 0;
  const [warm] = await connectMany(port, 1);
  await warm?.send(putFrame('warm', large, { id: 1 }));
  await warm?.replies(1);
  warm?.connection.destroy();
  const sockets = socketsOf(pid);

  /** Each of them has been seen, and has had something to say. */
  async function idleOnes(count: number) {
    const some = await connectMany(port, count);
    await Promise.all(some.map(({ send }) => send(frame({ cmd: 'ping' }))));
    await Promise.all(some.map(async ({ replies }) => expect(await replies(1)).toEqual([{ ack: 'ping' }])));
    return some;
  }
  // What the process takes for its first hundreds, it does not take again.
  const peers = await idleOnes(idle / 5);
  const before = residentOf(pid);
  peers.push(...(await idleOnes(idle - peers.length)));
  const each = (residentOf(pid) - before) / (idle - idle / 5);
  console.log(`an idle connection: ${(each / kib).toFixed(1)} KiB resident`);
  // Some 34 KiB with the garbage of so few; of 10,000 some 22.
  expect(each).toBeLessThan(44 * kib);

  const workers = await connectMany(port, active);
  const since = performance.now();
  const times = await Promise.all(workers.map((one, i) => work(one, i, since)));
  const firsts = times.map(({ first }) => first).sort((a, b) => a - b);
  const lasts = times.map(({ last }) => last).sort((a, b) => a - b);
  const seconds = (ms = 0) => `${(ms / 1000).toFixed(2)} s`;
  console.log(
    `${active} at work: first answers after ${seconds(firsts[0])} to ${seconds(firsts.at(-1))}, done after ${seconds(lasts[0])} to ${seconds(lasts.at(-1))}`,
  );
  expect((lasts.at(-1) ?? 0) / (lasts[0] ?? 0)).toBeLessThan(8);

  for (const { connection } of [...peers, ...workers]) connection.destroy();
  await expect.poll(() => socketsOf(pid)).toBeLessThanOrEqual(sockets);
  expect(temporariesIn(root)).toEqual([]);
  expect(child.exitCode).toBeNull();
}, 600_000);
