// Small files that must survive a power cut: files/s with durability `fsync` on a real disk, beside `rsync --fsync`, and how
// long one file waits for its ack.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, renameSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { disk, folderOnDisk } from './support/disk-folder.mjs';
import { makeFiles, verify } from './support/files.mjs';
import { installed } from './support/install.mjs';
import { startRsync, startSluice } from './support/peers.mjs';
import { cpuSeconds } from './support/process-facts.mjs';
import { putLatency } from './support/put-latency.mjs';
import { figure, median, printTable, steadiness } from './support/table.mjs';
import { removeAtExit } from './support/tidy.mjs';
import { byTurns } from './support/turns.mjs';

const SIZE = 10_240;
const rounds = Number(process.env.SLUICE_BENCH_ROUNDS ?? 5);
/** How many connections send, one file at a time each, and how many files in all. */
const waits = [
  { connections: 1, count: 500, size: SIZE },
  { connections: 64, count: 2000, size: SIZE },
];
/** File systems that keep nothing, as statfs names them. */
const forgetful = new Map([
  [0x01021994, 'tmpfs'],
  [0x858458f6, 'ramfs'],
]);

/** Whether the disk keeps what is synced; when not, says so. */
function keeps() {
  const kind = forgetful.get(statfsSync(disk).type);
  if (kind === undefined) return true;
  console.log(
    `group commit: left out, ${disk} is on a ${kind}, where a sync costs nothing; name a folder on a disk in BENCH_DISK`,
  );
  return false;
}

const sourceOf = (count) =>
  makeFiles(join(removeAtExit(mkdtempSync(join(tmpdir(), 'sluice-bench-'))), 'small'), count, SIZE);

const onConnections = ({ connections }) =>
  connections === 1 ? 'one connection' : `${connections} connections`;

/** Empties the root for a turn, without removing anything, and waits until the disk is idle. */
function moveAside(root) {
  const aside = mkdtempSync(`${root}-aside-`);
  for (const name of readdirSync(root)) {
    if (!name.startsWith('.')) renameSync(join(root, name), join(aside, name));
  }
  execFileSync('sync', ['--file-system', root]);
}

async function sendTurn({ peer, window }, files) {
  moveAside(peer.root);
  const before = cpuSeconds(peer.pid);
  const seconds = await peer.send(files, window);
  const cpu = cpuSeconds(peer.pid) - before;
  verify(files, peer.root);
  return { seconds, cpu };
}

function waitTurn({ peer, load }) {
  moveAside(peer.root);
  return putLatency(peer.port, load);
}

/** Durable small files on two builds. */
export function contests() {
  if (!keeps()) return [];
  const folder = folderOnDisk();
  const files = sourceOf(1000);
  const contest = (name, figures, turn) => ({
    name: `group-commit, ${name}`,
    figures,
    rounds: 3,
    async open(build) {
      const peer = await startSluice(mkdtempSync(join(folder, 'build-')), 'fsync', [], 'sluice', build);
      return { close: peer.stop, turn: () => turn(peer) };
    },
  });
  const pipelined = { 'files/s': 'more', 'server CPU ms/file': 'less' };
  const waited = { 'files/s': 'more', 'median ms': 'less', 'p99 ms': 'less' };
  return [
    contest('1,000 durable files, pipelined', pipelined, async (peer) => {
      const { seconds, cpu } = await sendTurn({ peer, window: files.count }, files);
      return { 'files/s': files.count / seconds, 'server CPU ms/file': (cpu / files.count) * 1000 };
    }),
    ...waits.map((load) =>
      contest(`a durable file at a time, ${onConnections(load)}`, waited, async (peer) => {
        const { seconds, median: middle, p99 } = await waitTurn({ peer, load });
        return { 'files/s': load.count / seconds, 'median ms': middle, 'p99 ms': p99 };
      }),
    ),
  ];
}

/** Prints how fast each took all files, and answers the median seconds of each. */
function printRates(contestants, files, results) {
  const medians = results.map((each) => median(each.map(({ seconds }) => seconds)));
  printTable(
    ['', 'files/s', 'seconds', 'from', 'to', 'server CPU ms/file'],
    results.map((each, i) => {
      const seconds = each.map((result) => result.seconds);
      const cpu = (median(each.map((result) => result.cpu)) / files.count) * 1000;
      return [
        contestants[i].name,
        files.count / medians[i],
        medians[i],
        Math.min(...seconds),
        Math.max(...seconds),
        cpu,
      ];
    }),
  );
  return medians;
}

/** Prints how long a file waits for its ack, and answers figures. */
function printWaits(results) {
  const rows = results.map((each, i) => {
    const of = (what) => each.map((result) => result[what]);
    const p99 = of('p99');
    const { count } = waits[i];
    return {
      name: onConnections(waits[i]),
      rate: count / median(of('seconds')),
      middle: median(of('median')),
      p99: median(p99),
      least: Math.min(...p99),
      most: Math.max(...p99),
    };
  });
  printTable(
    ['Sluice, a file at a time', 'files/s', 'median ms', 'p99 ms', 'p99 from', 'to'],
    rows.map(({ name, rate, middle, p99, least, most }) => [name, rate, middle, p99, least, most]),
  );
  return rows.flatMap(({ name, middle, p99 }) => [
    figure(`a durable file, ${name}, median`, middle, 'ms'),
    figure(`a durable file, ${name}, p99`, p99, 'ms'),
  ]);
}

export async function run() {
  if (!keeps()) return [];
  const folder = folderOnDisk();
  const files = sourceOf(2000);
  const sluice = await startSluice(folder, 'fsync');
  const rsync = installed('rsync') ? await startRsync(folder, ['--fsync']) : undefined;
  const senders = [
    { name: 'Sluice, pipelined', peer: sluice, window: files.count },
    { name: 'Sluice, one by one', peer: sluice, window: 1 },
    { name: 'rsync --fsync', peer: rsync },
  ].filter(({ peer }) => peer !== undefined);
  const askers = waits.map((load) => ({ peer: sluice, load }));
  try {
    const results = await byTurns([...senders, ...askers], rounds, (contestant) =>
      contestant.load === undefined ? sendTurn(contestant, files) : waitTurn(contestant),
    );
    console.log(
      `\n2,000 files of 10 KiB to a disk, each durable before its ack; ${rounds} rounds by turns, medians`,
    );
    const medians = printRates(senders, files, results.slice(0, senders.length));
    console.log('rsync --fsync syncs each file before its rename, but not the directory: it promises less');
    const latencies = printWaits(results.slice(senders.length));
    const goal = { atLeast: 3 };
    return [
      figure('2,000 durable files', files.count / medians[0], 'files/s'),
      ...(rsync
        ? [figure('2,000 durable files, Sluice / rsync --fsync', medians[2] / medians[0], '×', goal)]
        : []),
      steadiness(
        '2,000 durable files',
        results[0].map(({ seconds }) => seconds),
      ),
      ...latencies,
    ];
  } finally {
    await sluice.stop();
    await rsync?.stop();
  }
}
