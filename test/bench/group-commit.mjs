// Small files that must survive a power cut: files/s with durability `fsync` on a real disk, beside `rsync --fsync`.
import { mkdtempSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { empty, makeFiles, verify } from './files.mjs';
import { installed } from './install.mjs';
import { startRsync, startSluice } from './peers.mjs';
import { cpuSeconds } from './process-facts.mjs';
import { figure, median, printTable } from './table.mjs';
import { removeAtExit } from './tidy.mjs';
import { byTurns } from './turns.mjs';

const rounds = 3;
/** File systems that keep nothing, as statfs names them. */
const forgetful = new Map([
  [0x01021994, 'tmpfs'],
  [0x858458f6, 'ramfs'],
]);

/** Whether what is synced in that folder is kept; when not, says so. */
function keeps(disk) {
  const kind = forgetful.get(statfsSync(disk).type);
  if (kind === undefined) return true;
  console.log(
    `group commit: left out, ${disk} is on a ${kind}, where a sync costs nothing; start it on a disk`,
  );
  return false;
}

/** Durable small files on two builds. */
export function contests() {
  const disk = removeAtExit(mkdtempSync(join(process.cwd(), '.bench-')));
  if (!keeps(disk)) return [];
  const source = removeAtExit(mkdtempSync(join(tmpdir(), 'sluice-bench-')));
  const files = makeFiles(join(source, 'small'), 1000, 10_240);
  return [
    ['pipelined', files.count],
    ['one by one', 1],
  ].map(([how, window]) => ({
    name: `group-commit, 1,000 durable files, ${how}`,
    figures: { 'files/s': 'more', 'server CPU ms/file': 'less' },
    rounds: 3,
    async open(build) {
      const peer = await startSluice(mkdtempSync(join(disk, 'root-')), 'fsync', [], 'sluice', build);
      return {
        close: peer.stop,
        async turn() {
          empty(peer.root);
          const before = cpuSeconds(peer.pid);
          const seconds = await peer.send(files, window);
          const cpu = cpuSeconds(peer.pid) - before;
          verify(files, peer.root);
          return { 'files/s': files.count / seconds, 'server CPU ms/file': (cpu / files.count) * 1000 };
        },
      };
    },
  }));
}

export async function run() {
  const disk = removeAtExit(mkdtempSync(join(process.cwd(), '.bench-')));
  if (!keeps(disk)) return [];
  const source = removeAtExit(mkdtempSync(join(tmpdir(), 'sluice-bench-')));
  const files = makeFiles(join(source, 'small'), 2000, 10_240);
  const sluice = await startSluice(disk, 'fsync');
  const rsync = installed('rsync') ? await startRsync(disk, ['--fsync']) : undefined;
  const contestants = [
    { name: 'Sluice, pipelined', peer: sluice, window: files.count },
    { name: 'Sluice, one by one', peer: sluice, window: 1 },
    { name: 'rsync --fsync', peer: rsync },
  ].filter(({ peer }) => peer !== undefined);
  let seconds;
  try {
    seconds = await byTurns(contestants, rounds, async ({ peer, window }) => {
      empty(peer.root);
      const took = await peer.send(files, window);
      verify(files, peer.root);
      return took;
    });
  } finally {
    await sluice.stop();
    await rsync?.stop();
  }
  console.log(
    `\n2,000 files of 10 KiB to a disk, each durable before its ack; ${rounds} rounds by turns, medians`,
  );
  const rates = seconds.map((each) => files.count / median(each));
  printTable(
    ['', 'files/s', 'seconds', 'from', 'to'],
    contestants.map(({ name }, i) => [
      name,
      rates[i],
      median(seconds[i]),
      Math.min(...seconds[i]),
      Math.max(...seconds[i]),
    ]),
  );
  console.log('rsync --fsync syncs each file before its rename, but not the directory: it promises less');
  return [
    figure('2,000 durable files', rates[0], 'files/s'),
    ...(rsync ? [figure('2,000 durable files, Sluice / rsync --fsync', rates[0] / rates[2], '×')] : []),
  ];
}
