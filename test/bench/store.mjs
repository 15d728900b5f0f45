/**
 * How fast the disk store is by itself, through its contract: no socket, no frames.
 *
 * `node test/bench/store.mjs` after a build. Where: BENCH_MEMORY (a tmpfs, default /dev/shm), BENCH_DISK (a real disk,
 * default the working folder).
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { load, measureApart, measuredHere, ownBuild } from './support/build.mjs';
import { folderOnDisk } from './support/disk-folder.mjs';

const here = measuredHere(import.meta.url);
const { openDiskStore } = await load(here?.build ?? ownBuild, 'openDiskStore');
const KiB = 1024;
const MiB = 1024 * KiB;
const memory = process.env.BENCH_MEMORY ?? '/dev/shm';
/** Where durable files stay, until whoever started this process removes them. */
const keep = process.env.BENCH_KEEP;

function must(outcome) {
  if (!outcome.ok) throw new Error(outcome.error.message);
  return outcome.value;
}

async function onNewRoot(parent, durability, measure) {
  const root = mkdtempSync(join(parent, '.sluice-bench-'));
  const store = must(await openDiskStore(root, { durability }));
  try {
    return await measure(store);
  } finally {
    await store.close();
    if (parent !== keep) rmSync(root, { recursive: true, force: true });
  }
}

/** Runs `work` and gives its time and its processor time, in microseconds. */
async function timed(work) {
  const cpuBefore = process.cpuUsage();
  const before = performance.now();
  await work();
  const wall = (performance.now() - before) * 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { wall, cpu: user + system };
}

/** Stores that many files of 10 KiB, once a round; answers microseconds a file for each round. */
async function smallFiles(folder, rounds, files) {
  const chunks = [Buffer.alloc(10 * KiB, 7)];
  return onNewRoot(memory, 'os', async (store) => {
    const taken = [];
    for (let round = 0; round < rounds; round++) {
      const { wall, cpu } = await timed(async () => {
        for (let i = 0; i < files; i++) {
          // What is answered at once is not waited for, as in the runtime.
          const begun = store.put(`${folder}${round}-${i}`, { size: 10 * KiB });
          const sink = must(begun instanceof Promise ? await begun : begun);
          const written = sink.write(chunks);
          must(written instanceof Promise ? await written : written);
          const stored = sink.commit();
          must(stored instanceof Promise ? await stored : stored);
        }
      });
      taken.push({ wall: wall / files, cpu: cpu / files });
    }
    return taken;
  });
}

/** Stores one file of that size, once a round; answers microseconds of each round. */
async function oneStream(batchSize, rounds, size) {
  const batch = Array.from({ length: batchSize / (64 * KiB) }, (_, i) => Buffer.alloc(64 * KiB, i));
  return onNewRoot(memory, 'os', async (store) => {
    const taken = [];
    for (let round = 0; round < rounds; round++) {
      const result = await timed(async () => {
        const sink = must(await store.put('big', { size }));
        for (let at = 0; at < size; at += batchSize) must(await sink.write(batch));
        must(await sink.commit());
      });
      taken.push(result);
    }
    return taken;
  });
}

/** Stores files of 10 KiB durably, so many at a time; answers microseconds of all. */
async function durableFiles(inFlight, files) {
  const chunks = [Buffer.alloc(10 * KiB, 7)];
  return onNewRoot(keep, 'fsync', async (store) => {
    let next = 0;
    const lane = async () => {
      while (next < files) {
        const sink = must(await store.put(`${next++}`, { size: 10 * KiB }));
        must(await sink.write(chunks));
        must(await sink.commit());
      }
    };
    return timed(() => Promise.all(Array.from({ length: inFlight }, lane)));
  });
}

const script = new URL(import.meta.url);

/** Measures durable files in a process of its own, which leaves them in `folder`. */
const durableApart = (build, folder, files, env = {}) =>
  measureApart(script, build, ['durable', '64', String(files)], { env: { ...env, BENCH_KEEP: folder } });

export async function run() {
  for (const folder of ['', 'a/b/']) {
    for (const [round, { wall, cpu }] of (await smallFiles(folder, 3, 20_000)).entries()) {
      const each = `${cpu.toFixed(1)} µs of processor and ${wall.toFixed(1)} µs of time a file`;
      console.log(`store  os     10 KiB files in '${folder}', round ${round}: ${each}`);
    }
  }
  for (const batchSize of [1 * MiB, 4 * MiB]) {
    for (const [round, { wall, cpu }] of (await oneStream(batchSize, 3, 1024 * MiB)).entries()) {
      const rate = `${((1024 * MiB) / wall / 1000).toFixed(2)} GB/s, ${(cpu / 1e6).toFixed(2)} s of processor a GiB`;
      console.log(`store  os     1 GiB in batches of ${batchSize / KiB} KiB, round ${round}: ${rate}`);
    }
  }
  // The size of the thread pool is fixed when a process first uses it, so each gets its own process.
  const folder = folderOnDisk();
  for (const threads of [4, 16, 32, 64]) {
    const env = { UV_THREADPOOL_SIZE: String(threads) };
    const { wall, cpu } = await durableApart(ownBuild, folder, 4000, env);
    const rate = `${((4000 / wall) * 1e6).toFixed(0)} files/s, ${(cpu / 4000).toFixed(0)} µs of processor a file`;
    console.log(`store  fsync  10 KiB files, 64 in flight, ${threads} threads: ${rate}`);
  }
}

/** The same of two builds, each turn in a process of its own; what warms up is not counted. */
export function contests() {
  const contest = (name, figures, measure) => ({
    name: `store, ${name}`,
    figures,
    fresh: true,
    open: (build) => ({ turn: () => measure(build) }),
  });
  const kept = folderOnDisk();
  const small = { 'processor µs/file': 'less', 'µs/file': 'less' };
  return [
    contest('10 KiB files', small, async (build) => {
      const { wall, cpu } = await measureApart(script, build, ['small', '', '2', '5000']);
      return { 'processor µs/file': cpu, 'µs/file': wall };
    }),
    contest('one stream of 256 MiB', { 'GB/s': 'more', 'processor s/GiB': 'less' }, async (build) => {
      const { wall, cpu } = await measureApart(script, build, [
        'stream',
        String(MiB),
        '2',
        String(256 * MiB),
      ]);
      return { 'GB/s': (256 * MiB) / wall / 1000, 'processor s/GiB': (cpu * 4) / 1e6 };
    }),
    contest('1,000 durable files, 64 in flight', { 'files/s': 'more' }, async (build) => {
      const { wall } = await durableApart(build, kept, 1000);
      return { 'files/s': 1e9 / wall };
    }),
  ];
}

if (here !== undefined) {
  const [what, first, ...numbers] = here.args;
  const measured =
    what === 'small'
      ? (await smallFiles(first, ...numbers.map(Number))).at(-1)
      : what === 'stream'
        ? (await oneStream(Number(first), ...numbers.map(Number))).at(-1)
        : await durableFiles(Number(first), ...numbers.map(Number));
  console.log(JSON.stringify(measured));
} else if (process.argv[1] === fileURLToPath(import.meta.url)) await run();
