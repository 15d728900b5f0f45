/**
 * How fast the disk store is by itself, through its contract: no socket, no frames.
 *
 * `node test/bench/store.mjs` after a build. Where: BENCH_MEMORY (a tmpfs, default /dev/shm), BENCH_DISK (a real disk,
 * default the working folder).
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openDiskStore } from '../../dist/store/disk-store.js';

const KiB = 1024;
const MiB = 1024 * KiB;
const memory = process.env.BENCH_MEMORY ?? '/dev/shm';
const disk = process.env.BENCH_DISK ?? process.cwd();

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
    rmSync(root, { recursive: true, force: true });
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

async function smallFiles(folder) {
  const files = 20_000;
  const chunks = [Buffer.alloc(10 * KiB, 7)];
  await onNewRoot(memory, 'os', async (store) => {
    for (let round = 0; round < 3; round++) {
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
      const each = `${(cpu / files).toFixed(1)} µs of processor and ${(wall / files).toFixed(1)} µs of time a file`;
      console.log(`store  os     10 KiB files in '${folder}', round ${round}: ${each}`);
    }
  });
}

async function oneStream(batchSize) {
  const size = 1024 * MiB;
  const batch = Array.from({ length: batchSize / (64 * KiB) }, (_, i) => Buffer.alloc(64 * KiB, i));
  await onNewRoot(memory, 'os', async (store) => {
    for (let round = 0; round < 3; round++) {
      const { wall, cpu } = await timed(async () => {
        const sink = must(await store.put('big', { size }));
        for (let at = 0; at < size; at += batchSize) must(await sink.write(batch));
        must(await sink.commit());
      });
      const rate = `${(size / wall / 1000).toFixed(2)} GB/s, ${(cpu / 1e6).toFixed(2)} s of processor a GiB`;
      console.log(`store  os     1 GiB in batches of ${batchSize / KiB} KiB, round ${round}: ${rate}`);
    }
  });
}

async function durableFiles(inFlight, files) {
  const chunks = [Buffer.alloc(10 * KiB, 7)];
  await onNewRoot(disk, 'fsync', async (store) => {
    let next = 0;
    const lane = async () => {
      while (next < files) {
        const sink = must(await store.put(`${next++}`, { size: 10 * KiB }));
        must(await sink.write(chunks));
        must(await sink.commit());
      }
    };
    const { wall, cpu } = await timed(() => Promise.all(Array.from({ length: inFlight }, lane)));
    const threads = process.env.UV_THREADPOOL_SIZE ?? '4';
    const rate = `${((files / wall) * 1e6).toFixed(0)} files/s, ${(cpu / files).toFixed(0)} µs of processor a file`;
    console.log(`store  fsync  10 KiB files, ${inFlight} in flight, ${threads} threads: ${rate}`);
  });
}

export async function run() {
  await smallFiles('');
  await smallFiles('a/b/');
  await oneStream(1 * MiB);
  await oneStream(4 * MiB);
  // The size of the thread pool is fixed when a process first uses it, so each gets its own process.
  for (const threads of [4, 16, 32, 64]) {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [fileURLToPath(import.meta.url), 'durable'],
      {
        env: { ...process.env, UV_THREADPOOL_SIZE: String(threads) },
      },
    );
    process.stdout.write(stdout);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv[2] === 'durable') await durableFiles(64, 4000);
  else await run();
}
