// Two builds of the project in the same turns: A B, B A, A B, …, so that what the machine does meanwhile meets both.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median, printTable, shown } from './table.mjs';
import { removeAtExit } from './tidy.mjs';

/**
 * Runs contests between two builds and prints, for each figure, both medians and the ratio of them with the least and
 * the greatest ratio of a round.
 *
 * A contest is `{ name, figures, rounds?, fresh?, open(build, dir) }`. `figures` says of each figure whether `more` or
 * `less` is better. `open` answers `{ turn(), close?() }`; `turn` measures once and answers the figures by their names.
 * `fresh`: each turn starts from nothing, so no turn is spent on warming up.
 *
 * @returns rows `{ name, figure, ours, theirs, ratio, least, most, better }`.
 */
export async function compareBuilds(contests, ours, theirs, rounds) {
  const rows = [];
  for (const contest of contests) {
    const times = Math.min(rounds, contest.rounds ?? rounds);
    console.log(`\n${contest.name}; ${times} rounds by turns`);
    try {
      const results = await inTurns(contest, [ours, theirs], times);
      const found = Object.entries(contest.figures).map(([figure, better]) => ({
        name: contest.name,
        better,
        ...ratioOf(figure, results),
      }));
      printRatios(found, false);
      rows.push(...found);
    } catch (error) {
      console.log(`  failed: ${error instanceof Error ? error.stack : error}`);
      rows.push({ name: contest.name, figure: 'failed' });
    }
  }
  return rows;
}

async function inTurns({ open, fresh = false }, builds, rounds) {
  const contestants = [];
  try {
    for (const build of builds) {
      // A short path: a Unix socket may be in it.
      const dir = removeAtExit(mkdtempSync(join(tmpdir(), 'sluice-turns-')));
      contestants.push(await open(build, dir));
    }
    const results = contestants.map(() => []);
    for (let round = fresh ? 1 : 0; round <= rounds; round++) {
      const order = round % 2 === 1 ? [0, 1] : [1, 0];
      for (const i of order) {
        const result = await contestants[i].turn();
        if (round > 0) results[i].push(result);
      }
    }
    return results;
  } finally {
    for (const each of contestants) await each.close?.();
  }
}

function ratioOf(figure, [ours, theirs]) {
  const [a, b] = [ours, theirs].map((each) => each.map((result) => result[figure]));
  const ratios = a.map((value, round) => value / b[round]);
  return {
    figure,
    ours: median(a),
    theirs: median(b),
    ratio: median(a) / median(b),
    least: Math.min(...ratios),
    most: Math.max(...ratios),
  };
}

/** A table of ratios; `named` puts the contest's name before each figure. */
export function printRatios(rows, named) {
  printTable(
    ['', 'this', 'that', 'this / that', 'from', 'to', 'better is'],
    rows.map(({ name, figure, ours, theirs, ratio, least, most, better }) => {
      const label = named ? `${name}: ${figure}` : figure;
      if (ratio === undefined) return [label, '', '', '', '', '', ''];
      const times = (value) => `${shown(value)} ×`;
      return [label, ours, theirs, times(ratio), times(least), times(most), better];
    }),
  );
}
