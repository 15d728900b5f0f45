// What workers gain: small files over 64 connections at once, to a tmpfs, durability `os`, with 1, 2 and as many workers as
// there are cores, beside nginx with as many.
import { mkdtempSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { empty, makeFiles, verify, warmPages } from './support/files.mjs';
import { installed } from './support/install.mjs';
import { startNginx, startSluice } from './support/peers.mjs';
import { measured } from './support/process-facts.mjs';
import { figure } from './support/table.mjs';
import { removeAtExit } from './support/tidy.mjs';
import { compareTransfers, ratesBeside, transferContest } from './support/transfers.mjs';

const CONNECTIONS = 64;
const [FILES_EACH, FILE_BYTES] = [160, 10_240];
/** Requests of a connection that are ahead of their replies. */
const WINDOW = 16;
const counts = [...new Set([1, 2, availableParallelism()])].sort((one, other) => one - other);

const prefixOf = (connection) => `c${connection}/`;
const scratchFolder = () => removeAtExit(mkdtempSync('/dev/shm/sluice-bench-'));
const everything = { count: CONNECTIONS * FILES_EACH, size: FILE_BYTES };
const makeSmall = (scratch) => makeFiles(join(scratch, 'small'), FILES_EACH, FILE_BYTES);

/** One turn: an empty root, and all connections at once, each a sender of its own. Answers until the last has ended. */
async function turn(peer, files, scratch) {
  empty(peer.root);
  warmPages(scratch, everything.count * 16_384);
  const connections = Array.from({ length: CONNECTIONS }, (_, i) => i);
  const result = await measured(peer.pid, async () => {
    const from = performance.now();
    await Promise.all(connections.map((i) => peer.send(files, WINDOW, undefined, prefixOf(i))));
    return (performance.now() - from) / 1000;
  });
  for (const i of connections) verify(files, join(peer.root, prefixOf(i)));
  empty(peer.root);
  return result;
}

/** The same with two workers, to two builds. */
export function contests() {
  const scratch = scratchFolder();
  const files = makeSmall(scratch);
  return [
    transferContest(`workers, ${CONNECTIONS} connections`, everything, async (build) => {
      const root = removeAtExit(mkdtempSync(join(scratch, 'root-')));
      const peer = await startSluice(root, 'os', ['--workers', '2'], 'sluice', build);
      return { close: peer.stop, turn: () => turn(peer, files, scratch) };
    }),
  ];
}

export async function run() {
  const scratch = scratchFolder();
  const files = makeSmall(scratch);
  const contestants = [];
  for (const workers of counts) {
    const peer = await startSluice(scratch, 'os', ['--workers', String(workers)], `sluice-${workers}`);
    contestants.push({ name: `Sluice, ${workers}`, workers, peer });
  }
  for (const workers of installed('nginx') ? counts : []) {
    const dir = join(scratch, `nginx-${workers}`);
    const peer = await startNginx(dir, { workers, connections: 2 * CONNECTIONS });
    contestants.push({ name: `nginx, ${workers}`, workers, peer });
  }
  try {
    const title = `${everything.count} files of 10 KiB on ${CONNECTIONS} connections, by workers, on ${availableParallelism()} cores`;
    const rows = await compareTransfers(title, contestants, everything, ({ peer }) =>
      turn(peer, files, scratch),
    );
    const rowOf = (name) => rows.find((row) => row.name === name);
    const [one, ...more] = counts;
    return [
      ...more.map((workers) => {
        const gained = rowOf(`Sluice, ${one}`).seconds / rowOf(`Sluice, ${workers}`).seconds;
        return figure(`64 connections, ${workers} workers / 1`, gained, '×');
      }),
      ...counts
        .filter((workers) => rowOf(`nginx, ${workers}`))
        .flatMap((workers) =>
          ratesBeside('64 connections', [rowOf(`Sluice, ${workers}`), rowOf(`nginx, ${workers}`)]),
        ),
    ];
  } finally {
    for (const { peer } of contestants) await peer.stop();
  }
}
