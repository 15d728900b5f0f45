// Sluice's `get` beside nginx's GET by sendfile: one file of 1 GiB from a tmpfs, to a receiver that discards it.
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { fileName, makeFiles } from './files.mjs';
import { installed } from './install.mjs';
import { startNginx, startSluice } from './peers.mjs';
import { measured } from './process-facts.mjs';
import { receive } from './sender.mjs';
import { figure, median, printTable, shownBytes } from './table.mjs';
import { removeAtExit } from './tidy.mjs';
import { byTurns } from './turns.mjs';

const GiB = 1024 ** 3;
const size = Number(process.env.SLUICE_BENCH_BIG ?? GiB);
const rounds = Number(process.env.SLUICE_BENCH_ROUNDS ?? 5);

/** Gets the file once. */
const turn = ({ pid, port, protocol }) => measured(pid, () => receive(protocol, port, fileName(0)));

export function contests() {
  const scratch = removeAtExit(mkdtempSync('/dev/shm/sluice-bench-'));
  return [
    {
      name: 'download, one large file',
      figures: { 'MB/s': 'more', 'server CPU s/GiB': 'less', 'peak MiB': 'less' },
      async open(build) {
        const peer = await startSluice(
          removeAtExit(mkdtempSync(join(scratch, 'root-'))),
          'os',
          [],
          'sluice',
          build,
        );
        makeFiles(peer.root, 1, size);
        return {
          close: peer.stop,
          async turn() {
            const { seconds, cpu, memory } = await turn({ ...peer, protocol: 'wire' });
            return {
              'MB/s': size / 1e6 / seconds,
              'server CPU s/GiB': cpu / (size / GiB),
              'peak MiB': memory / 2 ** 20,
            };
          },
        };
      },
    },
  ];
}

export async function run() {
  const scratch = removeAtExit(mkdtempSync('/dev/shm/sluice-bench-'));
  const peers = [{ ...(await startSluice(scratch, 'os')), protocol: 'wire' }];
  if (installed('nginx')) peers.push({ ...(await startNginx(scratch)), protocol: 'http' });
  let results;
  try {
    for (const { root } of peers) makeFiles(root, 1, size);
    results = await byTurns(peers, rounds, turn);
  } finally {
    for (const peer of peers) await peer.stop();
  }
  const seconds = results.map((each) => median(each.map((it) => it.seconds)));
  console.log(
    `\nOne file of ${shownBytes(size)}, to a receiver that discards it; ${rounds} rounds by turns, medians`,
  );
  printTable(
    ['', 'MB/s', 'seconds', 'from', 'to', 'server CPU s/GiB', 'peak MiB'],
    results.map((each, i) => [
      peers[i].name,
      size / 1e6 / seconds[i],
      seconds[i],
      Math.min(...each.map((it) => it.seconds)),
      Math.max(...each.map((it) => it.seconds)),
      median(each.map((it) => it.cpu)) / (size / GiB),
      Math.max(...each.map((it) => it.memory)) / 2 ** 20,
    ]),
  );
  return seconds.length < 2
    ? []
    : [figure(`get of ${shownBytes(size)}, Sluice / nginx`, seconds[1] / seconds[0], '×', { atLeast: 0.8 })];
}
