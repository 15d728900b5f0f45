// What recording costs: the same server with and without `--record`, by turns, medians; to a tmpfs and to a disk.
//
// A server that records writes every byte twice. On the disk of what is received that is what is measured; into memory
// it is what recording costs the processor. SLUICE_BENCH_ROUNDS, SLUICE_BENCH_BIG (bytes of the large file).
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { empty, makeFiles, verify, warmPages } from './files.mjs';
import { startSluice } from './peers.mjs';
import { cpuSeconds } from './process-facts.mjs';
import { figure, median, printTable } from './table.mjs';
import { removeAtExit } from './tidy.mjs';

const MiB = 1024 ** 2;
const rounds = Number(process.env.SLUICE_BENCH_ROUNDS ?? 5);
const big = Number(process.env.SLUICE_BENCH_BIG ?? 512 * MiB);

/** One turn: the files sent and checked, and what was recorded of them is there. */
async function turn({ peer, recordings, window }, files, warm) {
  empty(peer.root);
  if (recordings !== null) for (const name of readdirSync(recordings)) rmSync(join(recordings, name));
  if (warm !== null) warmPages(warm, files.count * files.size * 2.2);
  const before = cpuSeconds(peer.pid);
  const seconds = await peer.send(files, window);
  const cpu = cpuSeconds(peer.pid) - before;
  verify(files, peer.root);
  empty(peer.root);
  if (recordings !== null) await until(() => recorded(recordings) >= files.count * files.size);
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

/** Answers how much of the rate is left when it is recorded: the median of the rounds. */
async function compare(title, contestants, files, warm) {
  const results = contestants.map(() => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [i, contestant] of contestants.entries()) {
      const result = await turn(contestant, files, warm);
      if (round > 0) results[i].push(result);
    }
  }
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
  return median(results[0].map(({ seconds }, round) => seconds / results[1][round].seconds));
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
    const recordings = join(dir, 'recordings');
    mkdirSync(recordings);
    const record = ['--record', recordings, '--record-max-size', 'none'];
    const plain = await startSluice(dir, 'os', [], 'plain');
    const recording = await startSluice(dir, 'os', record, 'recording');
    try {
      for (const [what, window, each] of [
        ['one large file', 1, files.big],
        ['10,000 files of 10 KiB on one connection', files.small.count, files.small],
      ]) {
        const contestants = [
          { name: 'not recorded', peer: plain, recordings: null, window },
          { name: 'recorded', peer: recording, recordings, window },
        ];
        const left = await compare(
          `Recording ${what}, all on ${where}`,
          contestants,
          each,
          dir === memory ? memory : null,
        );
        figures.push(figure(`recorded / not, ${what}, ${where}`, left, '×', { atLeast: 0.75 }));
      }
    } finally {
      await plain.stop();
      await recording.stop();
    }
  }
  return figures;
}
