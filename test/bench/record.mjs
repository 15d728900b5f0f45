// What recording costs: the same server with and without `--record`, by turns, medians; to a tmpfs and to a disk.
//
// A server that records without a bound writes every byte twice: on a tmpfs that is a second copy by the system, which
// wants a core of its own. By default a recording has 64 MiB. SLUICE_BENCH_ROUNDS, SLUICE_BENCH_BIG (bytes of the large
// file).
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { empty, makeFiles, verify, warmPages } from './support/files.mjs';
import { startSluice } from './support/peers.mjs';
import { cpuSeconds } from './support/process-facts.mjs';
import { figure, median, printTable } from './support/table.mjs';
import { removeAtExit } from './support/tidy.mjs';
import { byTurns } from './support/turns.mjs';

const MiB = 1024 ** 2;
const rounds = Number(process.env.SLUICE_BENCH_ROUNDS ?? 5);
const big = Number(process.env.SLUICE_BENCH_BIG ?? 512 * MiB);

/** One turn: the files sent and checked, and what was recorded of them is there. */
async function turn({ peer, recordings, atMost, window }, files, warm) {
  empty(peer.root);
  if (recordings !== null) for (const name of readdirSync(recordings)) rmSync(join(recordings, name));
  if (warm !== null) warmPages(warm, files.count * files.size * 2.2);
  const before = cpuSeconds(peer.pid);
  const seconds = await peer.send(files, window);
  const cpu = cpuSeconds(peer.pid) - before;
  verify(files, peer.root);
  empty(peer.root);
  const least = Math.min(files.count * files.size, atMost) * 0.99;
  if (recordings !== null) await until(() => recorded(recordings) >= least);
  return { seconds, cpu };
}

const recorded = (dir) => readdirSync(dir).reduce((sum, name) => sum + statSync(join(dir, name)).size, 0);

/** What was acknowledged may be recorded a moment later. */
async function until(ready) {
  for (let tries = 0; !ready(); tries++) {
    if (tries === 500) throw new Error('not everything was recorded');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Answers how much of the first one's rate each of the others has: the medians over the rounds. */
async function compare(title, contestants, files, warm) {
  const results = await byTurns(contestants, rounds, (contestant) => turn(contestant, files, warm));
  const bytes = files.count * files.size;
  console.log(`\n${title}; ${rounds} rounds by turns, medians`);
  printTable(
    ['', 'MB/s', 'files/s', 'seconds', 'from', 'to', 'server CPU s'],
    results.map((each, i) => {
      const seconds = each.map((it) => it.seconds);
      const [middle, least, most] = [median(seconds), Math.min(...seconds), Math.max(...seconds)];
      const cpu = median(each.map((it) => it.cpu));
      const rate = files.count > 1 ? files.count / middle : '';
      return [contestants[i].name, bytes / 1e6 / middle, rate, middle, least, most, cpu];
    }),
  );
  return results
    .slice(1)
    .map((each) => median(each.map(({ seconds }, round) => results[0][round].seconds / seconds)));
}

/** Two builds that record: the large file up to the default bound, the small ones wholly. */
export function contests() {
  const memory = removeAtExit(mkdtempSync('/dev/shm/sluice-bench-'));
  const contest = (name, files, window, atMost, options) => ({
    name: `record, ${name}`,
    figures: { 'MB/s': 'more', 'server CPU s': 'less' },
    rounds: 3,
    async open(build) {
      const dir = removeAtExit(mkdtempSync(join(memory, 'build-')));
      const recordings = join(dir, 'recordings');
      mkdirSync(recordings);
      const peer = await startSluice(dir, 'os', ['--record', recordings, ...options], 'sluice', build);
      return {
        close: peer.stop,
        async turn() {
          const { seconds, cpu } = await turn({ peer, recordings, atMost, window }, files, memory);
          return { 'MB/s': (files.count * files.size) / 1e6 / seconds, 'server CPU s': cpu };
        },
      };
    },
  });
  const large = makeFiles(join(memory, 'big'), 1, Number(process.env.SLUICE_BENCH_BIG ?? 256 * MiB));
  const small = makeFiles(join(memory, 'small'), 5000, 10_240);
  return [
    contest('one large file, 64 MiB of it', large, 1, 64 * MiB, []),
    contest('5,000 files of 10 KiB', small, small.count, Infinity, ['--record-max-size', 'none']),
  ];
}

export async function run() {
  const memory = removeAtExit(mkdtempSync('/dev/shm/sluice-bench-'));
  const disk = removeAtExit(mkdtempSync(join(tmpdir(), 'sluice-bench-')));
  const figures = [];
  const files = {
    big: makeFiles(join(memory, 'big'), 1, big),
    small: makeFiles(join(memory, 'small'), 10_000, 10_240),
  };
  for (const [where, dir] of [
    ['a tmpfs', memory],
    ['the disk', disk],
  ]) {
    const folder = (name) => {
      mkdirSync(join(dir, name));
      return join(dir, name);
    };
    const [some, whole] = [folder('some'), folder('whole')];
    const plain = await startSluice(dir, 'os', [], 'plain');
    const bounded = await startSluice(dir, 'os', ['--record', some], 'bounded');
    const unbounded = await startSluice(
      dir,
      'os',
      ['--record', whole, '--record-max-size', 'none'],
      'unbounded',
    );
    try {
      for (const [what, window, each] of [
        ['one large file', 1, files.big],
        ['10,000 files of 10 KiB on one connection', files.small.count, files.small],
      ]) {
        const contestants = [
          { name: 'not recorded', peer: plain, recordings: null, atMost: 0, window },
          { name: 'recorded, 64 MiB', peer: bounded, recordings: some, atMost: 64 * MiB, window },
          { name: 'recorded, all of it', peer: unbounded, recordings: whole, atMost: Infinity, window },
        ];
        const warm = dir === memory ? memory : null;
        const left = await compare(`Recording ${what}, on ${where}`, contestants, each, warm);
        for (const [at, rate] of left.entries()) {
          const { name } = contestants[at + 1];
          figures.push(figure(`${name} / not, ${what}, ${where}`, rate, '×', { atLeast: 0.7 }));
        }
      }
    } finally {
      await plain.stop();
      await bounded.stop();
      await unbounded.stop();
    }
  }
  return figures;
}
