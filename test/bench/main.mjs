// Runs the benchmarks: all, or those named. A benchmark, not a test: it exits 0 whatever it measures.
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { all, QUICK_ENVIRONMENT, QUICK_ROUNDS, quick } from './benchmarks.mjs';
import { compareBuilds, printRatios } from './support/against.mjs';
import { NoBuild, openBuild, ownBuild } from './support/build.mjs';
import { printSummary } from './support/table.mjs';

const usage = `Usage: npm run bench -- [NAME …] [--quick] [--against DIR [--rounds N]]

Measures this build: all benchmarks, or those named of
  ${all.join(', ')}

  --quick        takes less than two minutes: ${quick.join(', ')} if none is named, with a large file
                 of 256 MiB and three rounds, unless the variables below say otherwise
  --against DIR  measures another build of the project in the same turns (this, that, that, this, …) and prints
                 the ratios of the medians, with the least and the greatest ratio of a round. DIR is a checkout
                 with its own dist, after npm ci && npm run build
  --rounds N     how many turns each of the two has (default 5); a benchmark that takes long may have fewer
  --help         prints this

A peer that is not installed (nginx, rsync, rclone, tshark, openssl) is installed as root on Debian, except for tshark,
and else left out. What is sent over TLS is sent by C with OpenSSL's headers (libssl-dev), or by Python.

Environment: SLUICE_BENCH_BIG, bytes of the large file; SLUICE_BENCH_FLOOD, bytes of bounded-memory's fast sender;
SLUICE_BENCH_NAMES, names in list's folder; SLUICE_BENCH_ROUNDS, rounds without --against; BENCH_MEMORY and BENCH_DISK,
folders on a tmpfs and on a disk.
`;

function wrongUse(message) {
  console.error(`${message}\n\n${usage}`);
  process.exit(2);
}

function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        against: { type: 'string' },
        rounds: { type: 'string' },
        quick: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help) {
      console.log(usage);
      process.exit(0);
    }
    const unknown = positionals.find((name) => !all.includes(name));
    if (unknown !== undefined) wrongUse(`${unknown}: there is no such benchmark`);
    if (values.rounds !== undefined && values.against === undefined) {
      wrongUse('--rounds is for --against; without it, set SLUICE_BENCH_ROUNDS');
    }
    if (values.quick)
      for (const [name, value] of Object.entries(QUICK_ENVIRONMENT)) process.env[name] ??= value;
    const rounds = Number(values.rounds ?? (values.quick ? QUICK_ROUNDS : 5));
    if (!(Number.isInteger(rounds) && rounds >= 1)) wrongUse(`--rounds ${values.rounds}: give 1 or more`);
    const byDefault = values.quick ? quick : all;
    // npm runs this in the project's folder; a relative DIR means the folder where npm was called.
    const from = process.env.INIT_CWD ?? process.cwd();
    const other = values.against === undefined ? undefined : openBuild(resolve(from, values.against));
    return { names: positionals.length > 0 ? positionals : byDefault, other, rounds };
  } catch (error) {
    if (error instanceof NoBuild) wrongUse(`--against ${error.message}`);
    return wrongUse(error.message);
  }
}

/** Measures this build alone, and prints the figures beside their targets. */
async function measure(names) {
  const figures = [];
  for (const name of names) {
    try {
      const { run } = await import(`./${name}.mjs`);
      // A benchmark may answer figures for the summary, and need not.
      figures.push(...((await run()) ?? []));
    } catch (error) {
      console.log(`\n${name}: failed: ${error instanceof Error ? error.stack : error}`);
      figures.push({ name, value: 'failed', unit: '', target: '', ok: undefined });
    }
  }
  if (figures.length === 0) return;
  console.log('\nSummary');
  printSummary(figures);
}

async function compare(names, other, rounds) {
  const rows = [];
  for (const name of names) {
    try {
      const { contests } = await import(`./${name}.mjs`);
      rows.push(...(await compareBuilds(contests(), ownBuild, other, rounds)));
    } catch (error) {
      console.log(`\n${name}: failed: ${error instanceof Error ? error.stack : error}`);
      rows.push({ name, figure: 'failed' });
    }
  }
  console.log('\nSummary');
  printRatios(rows, true);
}

const { names, other, rounds } = readArguments();
const memory = Math.round(totalmem() / 2 ** 30);
console.log(
  `${availableParallelism()} × ${cpus()[0]?.model ?? process.arch}, ${memory} GiB, Linux ${release()}, Node ${process.version}`,
);
const load = loadavg()[0];
if (load > 0.5)
  console.log(`the machine is busy (load ${load.toFixed(1)}): trust the ratios, and those not much`);
for (const [which, build] of other === undefined ? [] : Object.entries({ this: ownBuild, that: other })) {
  const stale = build.stale ? '; ITS SOURCE IS NEWER THAN ITS BUILD' : '';
  console.log(`${which}: ${build.dir} (${build.commit})${stale}`);
}
if (other === undefined) await measure(names);
else await compare(names, other, rounds);
process.exit(0);
