// Transfers of files: one table of several contestants by turns, and the same figures of two builds.
import { figure, median, printTable } from './table.mjs';
import { byTurns } from './turns.mjs';

const GiB = 1024 ** 3;

/** How large the large file is, and how many rounds there are, unless the environment says otherwise. */
export const largeSize = (otherwise = GiB) => Number(process.env.SLUICE_BENCH_BIG ?? otherwise);
export const transferRounds = Number(process.env.SLUICE_BENCH_ROUNDS ?? 5);

/**
 * Has all contestants transfer the files by turns, and prints the table.
 *
 * @param contestants each with a `name`.
 * @param turn measures one contestant once, and answers `{ seconds, cpu, memory }` of its server; and `clientCpu`, the
 *   processor seconds of the client, where it may be what the server waits for.
 * @returns for each, in their order: `name`, medians `seconds` and `cpu` (of a GiB), `all` seconds, most `memory`.
 */
export async function compareTransfers(title, contestants, { count, size }, turn) {
  const results = await byTurns(contestants, transferRounds, turn);
  const bytes = count * size;
  const rows = results.map((each, i) => {
    const of = (what) => each.map((result) => result[what]);
    return {
      name: contestants[i].name,
      seconds: median(of('seconds')),
      all: of('seconds'),
      cpu: median(of('cpu')) / (bytes / GiB),
      memory: Math.max(...of('memory')),
      busy: median(each.map(({ clientCpu, seconds }) => clientCpu / seconds)),
    };
  });
  const columns = [
    ['', ({ name }) => name],
    ['MB/s', ({ seconds }) => bytes / 1e6 / seconds],
    ['files/s', ({ seconds }) => count / seconds, count > 1],
    ['seconds', ({ seconds }) => seconds],
    ['from', ({ all }) => Math.min(...all)],
    ['to', ({ all }) => Math.max(...all)],
    ['server CPU s/GiB', ({ cpu }) => cpu],
    ['peak MiB', ({ memory }) => memory / 2 ** 20],
    ['client busy', ({ busy }) => `${Math.round(busy * 100)} %`, Number.isFinite(rows[0]?.busy)],
  ].filter(([, , there = true]) => there);
  console.log(`\n${title}; ${transferRounds} rounds by turns, medians`);
  printTable(
    columns.map(([heading]) => heading),
    rows.map((row) => columns.map(([, value]) => value(row))),
  );
  return rows;
}

/** The rate of the first row beside each of the others, as figures; `goals` are those of the others by their names. */
export function ratesBeside(what, [own, ...others], goals = {}) {
  return others.map((other) =>
    figure(`${what}, ${own.name} / ${other.name}`, other.seconds / own.seconds, '×', goals[other.name]),
  );
}

/**
 * The same transfer by two builds.
 *
 * @param open answers `{ turn(), close() }` for a build; `turn` answers `{ seconds, cpu, memory }`.
 */
export function transferContest(name, { count, size }, open) {
  const rate = count > 1 ? 'files/s' : 'MB/s';
  const amount = count > 1 ? count : size / 1e6;
  return {
    name,
    figures: { [rate]: 'more', 'server CPU s/GiB': 'less', 'peak MiB': 'less' },
    async open(build, dir) {
      const { turn, close } = await open(build, dir);
      return {
        close,
        async turn() {
          const { seconds, cpu, memory } = await turn();
          return {
            [rate]: amount / seconds,
            'server CPU s/GiB': cpu / ((count * size) / GiB),
            'peak MiB': memory / 2 ** 20,
          };
        },
      };
    },
  };
}
