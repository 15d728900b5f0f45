// Memory stays bounded, whatever a peer does: how far the server's resident memory rises above what it was idle.
//
//   SLUICE_BENCH_FLOOD=BYTES   how much the fast sender sends; by default the 2 GiB of the promise, 107 s, and 256 MiB
//                              between two builds, 5 s each
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { send } from './clients/programs.mjs';
import { flood, politePings } from './ping-flood.mjs';
import { ownBuild } from './support/build.mjs';
import { makeHole } from './support/files.mjs';
import { launchListening, startSluice } from './support/peers.mjs';
import { forgetPeak, peakBytes, residentBytes } from './support/process-facts.mjs';
import { figure, printTable } from './support/table.mjs';
import { removeAtExit } from './support/tidy.mjs';

const MiB = 2 ** 20;
const diskRate = 20e6;
const floodOf = (bytes) => Number(process.env.SLUICE_BENCH_FLOOD ?? bytes);
const script = (name) => fileURLToPath(new URL(`servers/${name}`, import.meta.url));

/** Resident MiB before and at most while `work` ran, as the kernel kept it, and what the work answered. */
async function growth({ pid }, work) {
  // Until what starting up needed has settled.
  await delay(500);
  forgetPeak(pid);
  const idle = residentBytes(pid) / MiB;
  const from = performance.now();
  const answer = await work();
  const peak = peakBytes(pid) / MiB;
  return { idle, peak, grown: peak - idle, seconds: (performance.now() - from) / 1000, answer };
}

/** A fast sender against a slow store. */
async function fastSender(serverScript, protocol, bytes, dir, rate = diskRate, build = ownBuild) {
  const files = makeHole(join(dir, String(bytes)), bytes);
  const server = await launchListening(serverScript, [script(serverScript), String(rate), build.dir], dir);
  try {
    return await growth(server, () => send(protocol, server.port, 1, files));
  } finally {
    await server.stop();
  }
}

/** Requests whose replies nobody reads; another client must be served all the while. */
async function unreadReplies(count, header, dir, build = ownBuild) {
  const server = await startSluice(dir, 'os', [], 'sluice', build);
  try {
    return await growth(server, async () => {
      const others = politePings(server.port);
      const { taken, hangUp } = await flood(server.port, count, header);
      await delay(1000);
      const served = await others.stop();
      hangUp();
      return { taken, ...served };
    });
  } finally {
    await server.stop();
  }
}

/** How much two builds grow, each turn a server of its own. */
export function contests() {
  const contest = (name, figures, turn) => ({
    name: `bounded-memory, ${name}`,
    figures,
    rounds: 3,
    fresh: true,
    open: (build, dir) => ({ turn: () => turn(build, dir) }),
  });
  const flooded = floodOf(256 * MiB);
  return [
    contest('a slow store', { 'growth MiB': 'less', 'MB/s': 'more' }, async (build, dir) => {
      const { grown, seconds } = await fastSender('slow-server.mjs', 'wire', flooded, dir, 50e6, build);
      return { 'growth MiB': grown, 'MB/s': flooded / 1e6 / seconds };
    }),
    contest(
      '100,000 pings unread',
      { 'growth MiB': 'less', 'other answers': 'more', 'slowest answer ms': 'less' },
      async (build, dir) => {
        const { grown, answer } = await unreadReplies(100_000, { cmd: 'ping' }, dir, build);
        return {
          'growth MiB': grown,
          'other answers': answer.answered,
          'slowest answer ms': answer.longest,
        };
      },
    ),
  ];
}

export async function run() {
  const flooded = floodOf(2048 * MiB);
  const dir = removeAtExit(mkdtempSync(join(tmpdir(), 'sluice-bench-')));
  console.log(
    `\nResident memory of the server; a sender of ${flooded / MiB} MiB against 20 MB/s takes a while`,
  );
  const naive = await fastSender('naive-server.mjs', 'mute', 256 * MiB, dir);
  const slow = await fastSender('slow-server.mjs', 'wire', flooded, dir);
  const pings = await unreadReplies(100_000, { cmd: 'ping' }, dir);
  const long = await unreadReplies(1_000_000, { cmd: 'ping', id: 'x'.repeat(64) }, dir);
  const row = (name, { idle, peak, grown, seconds }) => [name, idle, peak, grown, seconds];
  printTable(
    ['', 'idle MiB', 'peak MiB', 'growth MiB', 'seconds'],
    [
      row(`Sluice, ${flooded / MiB} MiB to a store of 20 MB/s`, slow),
      row('fromEvent + concatMap, 256 MiB to the same', naive),
      row('Sluice, 100,000 pings, replies unread', pings),
      row('Sluice, 1,000,000 pings with an id of 64, unread', long),
    ],
  );
  console.log(`the store took ${(flooded / 1e6 / slow.seconds).toFixed(1)} MB/s`);
  for (const [what, { answer }] of Object.entries({ '100,000 pings': pings, '1,000,000 pings': long })) {
    const { taken, answered, longest } = answer;
    console.log(
      `${what}: ${taken} taken; meanwhile another client had ${answered} answers, the slowest in ${longest.toFixed(0)} ms`,
    );
  }
  return [
    figure(`growth, ${flooded / MiB} MiB to a slow store`, slow.grown, 'MiB', { atMost: 64 }),
    figure('growth, 100,000 pings unread', pings.grown, 'MiB', { atMost: 64 }),
    figure('growth, 1,000,000 pings unread', long.grown, 'MiB', { atMost: 64 }),
    figure('growth, fromEvent + concatMap, 256 MiB', naive.grown, 'MiB'),
  ];
}
