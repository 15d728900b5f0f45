// Listing one large folder: how long `sluice ls` takes, and what the server's memory is at most, while nobody changes the
// folder and while one name a second does; and many at once who list it from different places.
//
//   SLUICE_BENCH_NAMES=NUMBER   names in the folder; by default a million
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ownBuild } from './support/build.mjs';
import { startSluice } from './support/peers.mjs';
import { cpuSeconds, forgetPeak, peakBytes } from './support/process-facts.mjs';
import { figure, printTable } from './support/table.mjs';
import { killAtExit, removeAtExit } from './support/tidy.mjs';
import { frame, openWire } from './support/wire.mjs';

const MiB = 2 ** 20;
const names = Number(process.env.SLUICE_BENCH_NAMES ?? 1_000_000);
const listers = 8;

/** Runs `work` and gives its seconds, the server's processor seconds, and the most memory it had. */
async function measured({ pid }, work) {
  forgetPeak(pid);
  const [cpu, from] = [cpuSeconds(pid), performance.now()];
  const count = await work();
  const seconds = (performance.now() - from) / 1000;
  return { count, seconds, cpu: cpuSeconds(pid) - cpu, peak: peakBytes(pid) / MiB };
}

/** `sluice ls` of a build, and how many lines it printed. */
function ls({ main }, port) {
  const child = killAtExit(
    spawn(process.execPath, [main, 'ls', '--from', `:${port}`], { stdio: ['ignore', 'pipe', 'inherit'] }),
  );
  let lines = 0;
  child.stdout.on('data', (bytes) => {
    for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) lines += 1;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) =>
      status === 0 ? resolve(lines) : reject(new Error(`ls ended with ${status} after ${lines} names`)),
    );
  });
}

/** How many names one page has, from a place that nobody has listed. */
async function page(port, after) {
  const wire = openWire(port);
  try {
    return (await wire.ask(frame({ cmd: 'list', after, limit: 10 }))).files.length;
  } finally {
    wire.close();
  }
}

/** Adds a name and removes the one before, each second, until it is stopped. */
function changing(root) {
  let last;
  const timer = setInterval(() => {
    const name = join(root, `changed-${Date.now()}`);
    writeFileSync(name, '');
    if (last !== undefined) rmSync(last);
    last = name;
  }, 1000);
  return () => {
    clearInterval(timer);
    if (last !== undefined) rmSync(last);
  };
}

const nameOf = (i) => `file-${String(i).padStart(8, '0')}.txt`;

function fill(root, count) {
  mkdirSync(root);
  for (let i = 0; i < count; i++) closeSync(openSync(join(root, nameOf(i)), 'w'));
}

/** A smaller folder for two builds: where a page costs a reading of all of it, a million names take hours. */
export function contests() {
  const count = Math.min(names, 20_000);
  return [
    {
      name: `list, ls of ${count.toLocaleString('en')} names`,
      figures: { seconds: 'less', 'server CPU s': 'less', 'peak MiB': 'less' },
      async open(build, dir) {
        fill(join(dir, 'sluice-root'), count);
        const server = await startSluice(dir, 'fsync', [], 'sluice', build);
        return {
          close: server.stop,
          async turn() {
            const { seconds, cpu, peak } = await measured(server, () => ls(build, server.port));
            return { seconds, 'server CPU s': cpu, 'peak MiB': peak };
          },
        };
      },
    },
  ];
}

export async function run() {
  const dir = removeAtExit(mkdtempSync(join(process.env.BENCH_MEMORY ?? '/dev/shm', 'sluice-bench-')));
  const root = join(dir, 'sluice-root');
  fill(root, names);
  console.log(`\nA folder of ${names.toLocaleString('en')} names in memory`);
  const server = await startSluice(dir, 'fsync');
  try {
    const still = await measured(server, () => ls(ownBuild, server.port));
    const stop = changing(root);
    const changed = await measured(server, () => ls(ownBuild, server.port));
    const places = Array.from({ length: listers }, (_, i) => nameOf(Math.floor((i * names) / listers)));
    const many = await measured(server, async () => {
      const counts = await Promise.all(places.map((after) => page(server.port, `${after}.`)));
      return counts.reduce((sum, count) => sum + count, 0);
    });
    stop();
    const row = (what, { count, seconds, cpu, peak }) => [what, count, seconds, cpu, peak];
    printTable(
      ['', 'names shown', 'seconds', 'server CPU s', 'server peak MiB'],
      [
        row('sluice ls', still),
        row('sluice ls, one name a second changes', changed),
        row(`${listers} pages from ${listers} places, the same`, many),
      ],
    );
    return [
      figure(`ls of ${names.toLocaleString('en')} names`, still.seconds, 's', { atMost: 60 }),
      figure('the same while one name a second changes', changed.seconds, 's', { atMost: 60 }),
      figure('the server meanwhile', Math.max(still.peak, changed.peak, many.peak), 'MiB', { atMost: 200 }),
    ];
  } finally {
    await server.stop();
  }
}
