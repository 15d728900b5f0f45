// Sluice beside nginx's PUT and rsync's daemon: to a tmpfs, durability `os`, by turns, medians.
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { empty, makeFiles, verify, warmPages } from './support/files.mjs';
import { installed } from './support/install.mjs';
import { startNginx, startRsync, startSluice } from './support/peers.mjs';
import { measured } from './support/process-facts.mjs';
import { figure, shownBytes, steadiness } from './support/table.mjs';
import { removeAtExit } from './support/tidy.mjs';
import { compareTransfers, largeSize, ratesBeside, transferContest } from './support/transfers.mjs';

const SMALL_FILES = 10_000;
const SMALL_SIZE = 10_240;

/** One turn: an empty root, pages at hand, the files sent and checked. */
async function turn({ peer, window }, files, scratch) {
  empty(peer.root);
  warmPages(scratch, files.count * Math.max(files.size, 16384));
  const result = await measured(peer.pid, () => peer.send(files, window));
  verify(files, peer.root);
  empty(peer.root);
  return result;
}

/** Both kinds of transfer, to two builds. */
export function contests() {
  const scratch = removeAtExit(mkdtempSync('/dev/shm/sluice-bench-'));
  const big = makeFiles(join(scratch, 'big'), 1, largeSize(2 ** 28));
  const small = makeFiles(join(scratch, 'small'), SMALL_FILES, SMALL_SIZE);
  const contest = (name, files, window) =>
    transferContest(`throughput, ${name}`, files, async (build) => {
      const root = removeAtExit(mkdtempSync(join(scratch, 'root-')));
      const peer = await startSluice(root, 'os', [], 'sluice', build);
      return { close: peer.stop, turn: () => turn({ peer, window }, files, scratch) };
    });
  return [
    contest('one large file', big, 1),
    contest('10,000 files of 10 KiB', small, small.count),
    contest('10,000 files one by one', small, 1),
  ];
}

/** What is asked of one large file: its rate, how steady that is, its processor time and its memory. */
function largeFileFigures(what, rows) {
  const [own] = rows;
  const nginx = rows.find(({ name }) => name === 'nginx');
  return [
    ...ratesBeside(what, rows, { nginx: { atLeast: 1 } }),
    steadiness(what, own.all),
    ...(nginx
      ? [figure(`${what}, server CPU, Sluice / nginx`, own.cpu / nginx.cpu, '×', { atMost: 1.1 })]
      : []),
    figure(`${what}, peak resident`, own.memory / 2 ** 20, 'MiB', { atMost: 100 }),
  ];
}

export async function run() {
  const scratch = removeAtExit(mkdtempSync('/dev/shm/sluice-bench-'));
  const sluice = await startSluice(scratch, 'os');
  const nginx = installed('nginx') ? await startNginx(scratch) : undefined;
  const rsync = installed('rsync') ? await startRsync(scratch) : undefined;
  const compare = (title, contestants, files) =>
    compareTransfers(
      title,
      contestants.filter(({ peer }) => peer !== undefined),
      files,
      (contestant) => turn(contestant, files, scratch),
    );
  try {
    const big = makeFiles(join(scratch, 'big'), 1, largeSize());
    const size = shownBytes(big.size);
    const forBig = [
      { name: 'Sluice', peer: sluice, window: 1 },
      { name: 'nginx', peer: nginx, window: 1 },
      { name: 'rsync', peer: rsync },
    ];
    const one = await compare(`One file of ${size}`, forBig, big);

    const small = makeFiles(join(scratch, 'small'), SMALL_FILES, SMALL_SIZE);
    // nginx's best window on this kind of machine is 16; it is a little slower when everything is sent ahead.
    const ahead = 'nginx, keep-alive, 16 ahead';
    const forSmall = [
      { name: 'Sluice, pipelined', peer: sluice, window: small.count },
      { name: 'nginx, keep-alive, one by one', peer: nginx, window: 1 },
      { name: ahead, peer: nginx, window: 16 },
      { name: 'rsync', peer: rsync },
    ];
    const many = await compare('10,000 files of 10 KiB on one connection', forSmall, small);
    console.log(
      'rsync: the time of its client, start and connection (about 0.05 s) included; its own protocol',
    );
    return [
      ...largeFileFigures(size, one),
      ...ratesBeside('10,000 files', many, { [ahead]: { atLeast: 0.9 } }),
    ];
  } finally {
    for (const peer of [sluice, nginx, rsync]) await peer?.stop();
  }
}
