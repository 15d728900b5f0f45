// What connections cost: the memory of 10,000 idle ones beside a bare server on node:net, that of 1,000 which upload
// slowly, and how long a new one waits for its first answer while others send as fast as they can, beside nginx.
import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ownBuild } from './support/build.mjs';
import { makeFiles } from './support/files.mjs';
import { firstAnswers } from './support/first-answers.mjs';
import { heldConnections } from './support/held-connections.mjs';
import { installed } from './support/install.mjs';
import { launchListening, startNginx, startSluice } from './support/peers.mjs';
import { figure, median, printTable } from './support/table.mjs';
import { removeAtExit } from './support/tidy.mjs';
import { byTurns } from './support/turns.mjs';

const ROUNDS = Number(process.env.SLUICE_BENCH_ROUNDS ?? 5);
const SENDERS = 16;
const bareServer = fileURLToPath(new URL('./servers/bare-server.mjs', import.meta.url));

/** As many as are asked for, or as a process may have open here. */
function allowed(count) {
  const limit = Number(readFileSync('/proc/self/limits', 'utf8').match(/Max open files\s+(\d+)/)?.[1]);
  const most = Math.min(count, limit - 200);
  if (most < count)
    console.log(`connections: ${most}, not ${count}; a process may open ${limit} files (ulimit -n)`);
  return most;
}

const scratchFolder = () => removeAtExit(mkdtempSync('/dev/shm/sluice-bench-'));

/** They all come from one address. */
const room = (count) => [`--max-connections=${count + 100}`, `--max-connections-per-address=${count + 100}`];

const startForMany = (dir, count, build) => startSluice(dir, 'os', room(count), 'sluice', build);

/** KiB of each connection, in a server that was started for it. */
async function holdTurn(start, load) {
  const dir = scratchFolder();
  const server = await start(dir);
  try {
    return await heldConnections(server, load, dir);
  } finally {
    await server.stop();
  }
}

const idleLoads = () => {
  const count = allowed(10_000);
  return { silent: { kind: 'idle', count }, pinged: { kind: 'pinged', count } };
};
const slowLoad = { kind: 'slow', count: 1000, seconds: 5 };

/** What the others send: large files, or small ones as far ahead as suits the server. */
function senderLoads(scratch) {
  const large = makeFiles(join(scratch, 'large'), 1, 2 ** 26);
  const small = makeFiles(join(scratch, 'small'), 1000, 10_240);
  const shared = { senders: SENDERS, count: 300 };
  return [
    { name: 'files of 64 MiB', files: large, window: () => 1, ...shared },
    {
      name: 'files of 10 KiB',
      files: small,
      window: ({ protocol }) => (protocol === 'http' ? 16 : 1000),
      ...shared,
    },
  ];
}

const waitTurn = (peer, load) => firstAnswers(peer, { ...load, window: load.window(peer) });

/** What connections of two builds cost. */
export function contests() {
  const held = (name, load) => ({
    name: `connections, ${load.count.toLocaleString('en')} ${name}`,
    figures: { 'KiB each': 'less' },
    rounds: 3,
    fresh: true,
    open: (build) => ({
      turn: async () => ({ 'KiB each': await holdTurn((dir) => startForMany(dir, load.count, build), load) }),
    }),
  });
  const waiting = (load) => ({
    name: `connections, a new one while ${SENDERS} send ${load.name}`,
    figures: { 'median ms': 'less', 'p99 ms': 'less', 'MB/s of the others': 'more' },
    rounds: 3,
    async open(build) {
      const peer = { ...(await startSluice(scratchFolder(), 'os', [], 'sluice', build)), protocol: 'wire' };
      return {
        close: peer.stop,
        async turn() {
          const { median: middle, p99, rate } = await waitTurn(peer, load);
          return { 'median ms': middle, 'p99 ms': p99, 'MB/s of the others': rate };
        },
      };
    },
  });
  const { silent, pinged } = idleLoads();
  return [
    held('idle, silent', silent),
    held('idle after a ping', pinged),
    held('that upload slowly', slowLoad),
    ...senderLoads(scratchFolder()).map(waiting),
  ];
}

/** Memory of those that are held, by turns; answers figures. */
async function memory() {
  const { silent, pinged } = idleLoads();
  const sluice =
    ({ count }) =>
    (dir) =>
      startForMany(dir, count, ownBuild);
  const bare = () => (dir) => launchListening('bare', [bareServer, 'net'], dir);
  const contestants = [
    { name: 'bare node:net, idle', start: bare(), load: silent },
    { name: 'Sluice, idle, silent', start: sluice(silent), load: silent },
    { name: 'Sluice, idle after a ping', start: sluice(pinged), load: pinged },
    { name: 'bare node:net, slow uploads', start: bare(), load: slowLoad },
    { name: 'Sluice, slow uploads', start: sluice(slowLoad), load: slowLoad },
  ];
  const results = await byTurns(contestants, ROUNDS, ({ start, load }) => holdTurn(start, load), {
    fresh: true,
  });
  console.log(
    `\nMemory of a connection in the server; ${ROUNDS} rounds by turns, each a server of its own, medians`,
  );
  printTable(
    ['', 'connections', 'KiB each', 'from', 'to'],
    results.map((each, i) => [
      contestants[i].name,
      contestants[i].load.count.toLocaleString('en'),
      median(each),
      Math.min(...each),
      Math.max(...each),
    ]),
  );
  const [idleBare, idle, afterPing, , slow] = results.map(median);
  return [
    figure('an idle connection', idle, 'KiB'),
    figure('an idle connection, above one of a bare node:net server', idle - idleBare, 'KiB', { atMost: 4 }),
    figure('the same after a ping', afterPing - idleBare, 'KiB', { atMost: 4 }),
    figure('a connection that uploads slowly', slow, 'KiB'),
  ];
}

/** How long a new connection waits, by turns; answers figures. */
async function waits() {
  const scratch = scratchFolder();
  const peers = [{ ...(await startSluice(scratch, 'os')), protocol: 'wire' }];
  if (installed('nginx')) {
    peers.push({ ...(await startNginx(scratch, { connections: 256 })), protocol: 'http' });
  }
  const figures = [];
  try {
    for (const load of senderLoads(scratch)) {
      const results = await byTurns(peers, ROUNDS, (peer) => waitTurn(peer, load));
      const title = `a new connection's first answer while ${SENDERS} send ${load.name}`;
      console.log(`\n${title}; ${load.count} in each of ${ROUNDS} rounds by turns, medians`);
      const rows = results.map((each) => {
        const of = (what) => each.map((result) => result[what]);
        return { middle: median(of('median')), p99s: of('p99'), rate: median(of('rate')) };
      });
      printTable(
        ['', 'median ms', 'p99 ms', 'p99 from', 'to', 'MB/s of the others'],
        rows.map(({ middle, p99s, rate }, i) => [
          peers[i].name,
          middle,
          median(p99s),
          Math.min(...p99s),
          Math.max(...p99s),
          rate,
        ]),
      );
      const [own, nginx] = rows;
      figures.push(figure(`${title}, median`, own.middle, 'ms'));
      figures.push(figure(`${title}, p99`, median(own.p99s), 'ms'));
      if (nginx) figures.push(figure(`${title}, p99 of nginx`, median(nginx.p99s), 'ms'));
    }
    return figures;
  } finally {
    for (const peer of peers) await peer.stop();
  }
}

export async function run() {
  return [...(await memory()), ...(await waits())];
}
