// Runs the benchmarks: all, or those named. A benchmark, not a test: it always exits 0.
//
//   npm run bench
//   npm run bench -- throughput group-commit
import { existsSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { printSummary } from './table.mjs';

const all = [
  'deframe',
  'store',
  'list',
  'throughput',
  'group-commit',
  'bounded-memory',
  'captures',
  'record',
];
const chosen = process.argv.length > 2 ? process.argv.slice(2) : all;

const memory = Math.round(totalmem() / 2 ** 30);
console.log(
  `${availableParallelism()} × ${cpus()[0]?.model ?? process.arch}, ${memory} GiB, Linux ${release()}, Node ${process.version}`,
);
const load = loadavg()[0];
if (load > 0.5)
  console.log(`the machine is busy (load ${load.toFixed(1)}): trust the ratios, and those not much`);

const figures = [];
for (const name of chosen) {
  const script = new URL(`${name}.mjs`, import.meta.url);
  if (!all.includes(name) || !existsSync(script)) {
    console.log(`\n${name}: there is no such benchmark; there are ${all.join(', ')}`);
    continue;
  }
  try {
    const { run } = await import(script.href);
    // A benchmark may answer figures for the summary, and need not.
    figures.push(...((await run()) ?? []));
  } catch (error) {
    console.log(`\n${name}: failed: ${error instanceof Error ? error.stack : error}`);
    figures.push({ name, value: 'failed', unit: '', target: '', ok: undefined });
  }
}
if (figures.length > 0) {
  console.log('\nSummary');
  printSummary(figures);
}
process.exit(0);
