// Sluice beside nginx's PUT and rsync's daemon: to a tmpfs, durability `os`, by turns, medians.
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { empty, makeFiles, verify, warmPages } from './files.mjs';
import { installed } from './install.mjs';
import { startNginx, startRsync, startSluice } from './peers.mjs';
import { measured } from './process-facts.mjs';
import { figure, median, printTable, shownBytes } from './table.mjs';
import { removeAtExit } from './tidy.mjs';
import { byTurns } from './turns.mjs';

const GiB = 1024 ** 3;
const rounds = Number(process.env.SLUICE_BENCH_ROUNDS ?? 5);

/** One turn: an empty root, pages at hand, the files sent and checked. */
async function turn({ peer, window }, files, scratch) {
  empty(peer.root);
  warmPages(scratch, files.count * Math.max(files.size, 16384));
  const result = await measured(peer.pid, () => peer.send(files, window));
  verify(files, peer.root);
  empty(peer.root);
  return result;
}

/** All contestants by turns. Answers the medians, in their order. */
async function compare(title, contestants, files, scratch) {
  const results = await byTurns(contestants, rounds, (contestant) => turn(contestant, files, scratch));
  const bytes = files.count * files.size;
  const medians = results.map((each, i) => ({
    name: contestants[i].name,
    seconds: median(each.map(({ seconds }) => seconds)),
    spread: each.map(({ seconds }) => seconds),
    cpu: median(each.map(({ cpu }) => cpu)) / (bytes / GiB),
    memory: Math.max(...each.map(({ memory }) => memory)),
  }));
  console.log(`\n${title}; ${rounds} rounds by turns, medians`);
  printTable(
    ['', 'MB/s', 'files/s', 'seconds', 'from', 'to', 'server CPU s/GiB', 'peak MiB'],
    medians.map(({ name, seconds, spread, cpu, memory }) => [
      name,
      bytes / 1e6 / seconds,
      files.count > 1 ? files.count / seconds : '',
      seconds,
      Math.min(...spread),
      Math.max(...spread),
      cpu,
      memory / 2 ** 20,
    ]),
  );
  return medians;
}

/** How many times the rate of the second the first has. */
const ratio = (medians, a, b) => medians[b] && medians[b].seconds / medians[a].seconds;

/** Both kinds of transfer, to two builds. */
export function contests() {
  const scratch = removeAtExit(mkdtempSync('/dev/shm/sluice-bench-'));
  const big = makeFiles(join(scratch, 'big'), 1, Number(process.env.SLUICE_BENCH_BIG ?? GiB / 4));
  const small = makeFiles(join(scratch, 'small'), 10_000, 10_240);
  const contest = (name, files, window, rate) => ({
    name,
    figures: { [rate]: 'more', 'server CPU s/GiB': 'less', 'peak MiB': 'less' },
    async open(build) {
      const root = removeAtExit(mkdtempSync(join(scratch, 'root-')));
      const peer = await startSluice(root, 'os', [], 'sluice', build);
      const amount = files.count > 1 ? files.count : files.size / 1e6;
      const gib = (files.count * files.size) / GiB;
      return {
        close: peer.stop,
        async turn() {
          const { seconds, cpu, memory } = await turn({ peer, window }, files, scratch);
          return { [rate]: amount / seconds, 'server CPU s/GiB': cpu / gib, 'peak MiB': memory / 2 ** 20 };
        },
      };
    },
  });
  return [
    contest('throughput, one large file', big, 1, 'MB/s'),
    contest('throughput, 10,000 files of 10 KiB', small, small.count, 'files/s'),
    contest('throughput, 10,000 files one by one', small, 1, 'files/s'),
  ];
}

export async function run() {
  const scratch = removeAtExit(mkdtempSync('/dev/shm/sluice-bench-'));
  const sluice = await startSluice(scratch, 'os');
  const nginx = installed('nginx') ? await startNginx(scratch) : undefined;
  const rsync = installed('rsync') ? await startRsync(scratch) : undefined;
  const figures = [];
  const against = (what, target, medians, i, options) => {
    if (i < 0) return;
    figures.push(figure(`${what}, Sluice / ${target}`, ratio(medians, 0, i), '×', options));
  };
  const contest = (list) => list.filter(({ peer }) => peer !== undefined);
  const at = (medians, name) => medians.findIndex((each) => each.name === name);
  try {
    const big = makeFiles(join(scratch, 'big'), 1, Number(process.env.SLUICE_BENCH_BIG ?? GiB));
    const forBig = contest([
      { name: 'Sluice', peer: sluice, window: 1 },
      { name: 'nginx', peer: nginx, window: 1 },
      { name: 'rsync', peer: rsync },
    ]);
    const size = shownBytes(big.size);
    const one = await compare(`One file of ${size}`, forBig, big, scratch);
    against(size, 'nginx', one, at(one, 'nginx'), { atLeast: 0.8 });
    against(size, 'rsync', one, at(one, 'rsync'));

    const small = makeFiles(join(scratch, 'small'), 10_000, 10_240);
    // nginx's best window on this kind of machine is 16; it is a little slower when everything is sent ahead.
    const forSmall = contest([
      { name: 'Sluice, pipelined', peer: sluice, window: small.count },
      { name: 'nginx, keep-alive, one by one', peer: nginx, window: 1 },
      { name: 'nginx, keep-alive, 16 ahead', peer: nginx, window: 16 },
      { name: 'rsync', peer: rsync },
    ]);
    const many = await compare('10,000 files of 10 KiB on one connection', forSmall, small, scratch);
    for (const { name } of forSmall.slice(1)) {
      against(
        '10,000 files',
        name,
        many,
        at(many, name),
        name.startsWith('nginx') ? { atLeast: 1 } : undefined,
      );
    }
    console.log(
      'rsync: the time of its client, start and connection (about 0.05 s) included; its own protocol',
    );
  } finally {
    for (const peer of [sluice, nginx, rsync]) await peer?.stop();
  }
  return figures;
}
