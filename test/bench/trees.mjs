// A tree of 10,000 files and one large file, sent, sent again and fetched by whole programs: `sluice` beside rsync and
// rclone. From and to a tmpfs, durability `os`.
import { mkdirSync, mkdtempSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ownBuild } from './support/build.mjs';
import { empty, makeFiles, makeTree, verify, verifyTree, warmPages } from './support/files.mjs';
import { installed } from './support/install.mjs';
import { runProgram } from './support/run-program.mjs';
import { figure, median, printTable, shownBytes } from './support/table.mjs';
import { removeAtExit } from './support/tidy.mjs';
import { largeSize, transferRounds } from './support/transfers.mjs';
import { rcloneProgram, rsyncProgram, sluiceProgram } from './support/tree-peers.mjs';
import { byTurns } from './support/turns.mjs';

const WAYS = { put: 'put', again: 'put again', get: 'get' };

/** One turn: to an empty root, once more, and back into an empty folder. What was sent is `path`; `check` throws. */
async function turn(peer, { path, bytes, check }, scratch) {
  const out = join(scratch, 'fetched');
  mkdirSync(out, { recursive: true });
  for (const folder of [peer.root, out]) empty(folder);
  warmPages(scratch, bytes);
  const put = await runProgram(peer.put(path), peer.pids);
  const again = await runProgram(peer.put(path), peer.pids);
  check(peer.root);
  warmPages(scratch, bytes);
  const get = await runProgram(peer.get(basename(path), out), peer.pids);
  check(out);
  for (const folder of [peer.root, out]) empty(folder);
  return { put, again, get };
}

/** What is sent: a tree of 10,000 files of 10 KiB, or one large file. */
function loads(scratch, size) {
  const tree = makeTree(join(scratch, 'tree'), 100, 100, 10_240);
  const big = makeFiles(join(scratch, 'big'), 1, size);
  return [
    {
      name: 'a tree of 10,000 files of 10 KiB',
      path: tree.dir,
      // Each takes whole pages.
      bytes: tree.count * 16_384,
      check: (root) => verifyTree(tree, join(root, 'tree')),
    },
    {
      name: `one file of ${shownBytes(size)}`,
      path: join(big.dir, 'f00000'),
      bytes: size,
      check: (root) => verify(big, root),
    },
  ];
}

export function contests() {
  const scratch = removeAtExit(mkdtempSync('/dev/shm/sluice-bench-'));
  return loads(scratch, largeSize(2 ** 28)).map((load) => ({
    name: `trees, ${load.name}`,
    figures: Object.fromEntries(
      Object.values(WAYS).flatMap((way) => [
        [`${way}, seconds`, 'less'],
        [`${way}, CPU s of client and server`, 'less'],
      ]),
    ),
    rounds: 3,
    async open(build) {
      const dir = removeAtExit(mkdtempSync(join(scratch, 'build-')));
      const peer = await sluiceProgram(dir, build);
      return {
        close: peer.stop,
        async turn() {
          const results = await turn(peer, load, dir);
          const found = Object.entries(WAYS).flatMap(([key, way]) => [
            [`${way}, seconds`, results[key].seconds],
            [`${way}, CPU s of client and server`, results[key].cpu + results[key].serverCpu],
          ]);
          return Object.fromEntries(found);
        },
      };
    },
  }));
}

/** Prints one way of one load, and answers figures: the rate of the first beside the others. */
function printWay(title, peers, results) {
  const rows = results.map((each, i) => {
    const of = (what) => each.map((result) => result[what]);
    const seconds = of('seconds');
    const [name, runs] = [peers[i].name, each.length === 1 ? ' (one run)' : ''];
    return { name, label: `${name}${runs}`, seconds, of };
  });
  console.log(`\n${title}; ${transferRounds} rounds by turns, medians`);
  printTable(
    ['', 'seconds', 'from', 'to', 'client CPU s', 'server CPU s', 'client peak MiB'],
    rows.map(({ label, seconds, of }) => [
      label,
      median(seconds),
      Math.min(...seconds),
      Math.max(...seconds),
      median(of('cpu')),
      median(of('serverCpu')),
      // Nothing when it was over before anybody looked.
      Math.max(...of('memory')) / 2 ** 20 || '',
    ]),
  );
  const [own, ...others] = rows.map(({ name, seconds }) => ({ name, seconds: median(seconds) }));
  return others.map((other) =>
    figure(`${title}, ${own.name} / ${other.name}`, other.seconds / own.seconds, '×'),
  );
}

export async function run() {
  const scratch = removeAtExit(mkdtempSync('/dev/shm/sluice-bench-'));
  const peers = [await sluiceProgram(scratch, ownBuild)];
  const figures = [];
  try {
    if (installed('rsync')) peers.push(await rsyncProgram(scratch));
    if (installed('rclone')) peers.push(await rcloneProgram(scratch));
    for (const load of loads(scratch, largeSize())) {
      const results = await byTurns(peers, transferRounds, (peer) => turn(peer, load, scratch));
      for (const [key, way] of Object.entries(WAYS)) {
        const ofWay = results.map((each) => each.map((result) => result[key]));
        figures.push(...printWay(`${way} of ${load.name}`, peers, ofWay));
      }
    }
    console.log('whole processes, their start included; rclone sends over SFTP and fetches over HTTP');
    return figures;
  } finally {
    for (const peer of peers) await peer.stop();
  }
}
