// One large file both ways, from and to a tmpfs: what `tls` and `unix` measure.
//
// A peer is { name, pid, stop(), root?, put(file), get() }; `put` and `get` answer the seconds and, where the client may be
// what the server waits for, its processor seconds as `cpu`. A peer without a root keeps nothing.
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { empty, makeFiles, verify, warmPages } from './files.mjs';
import { measured } from './process-facts.mjs';
import { shownBytes } from './table.mjs';
import { removeAtExit } from './tidy.mjs';
import { compareTransfers, largeSize, transferContest } from './transfers.mjs';

async function timed(pid, transfer) {
  let clientCpu;
  const facts = await measured(pid, async () => {
    const { seconds, cpu } = await transfer();
    clientCpu = cpu;
    return seconds;
  });
  return { ...facts, clientCpu };
}

/** Sends the file to an empty root, and checks what arrived. */
async function putOnce(peer, file, scratch) {
  if (peer.root !== undefined) empty(peer.root);
  warmPages(scratch, file.size);
  const result = await timed(peer.pid, () => peer.put(file));
  if (peer.root !== undefined) verify(file, peer.root);
  return result;
}

/** Gets the file that the last put has left there. */
const getOnce = (peer) => timed(peer.pid, () => peer.get());

/** A folder in memory, and in it the file to send. */
export function largeFileIn(otherwise) {
  const scratch = removeAtExit(mkdtempSync('/dev/shm/sluice-bench-'));
  return { scratch, file: makeFiles(join(scratch, 'big'), 1, largeSize(otherwise)) };
}

/** Both ways by turns; answers the rows of both tables. */
export async function compareTwoWays(how, peers, file, scratch) {
  const what = `${how}: one file of ${shownBytes(file.size)}`;
  const puts = await compareTransfers(`${what}, put`, peers, file, (peer) => putOnce(peer, file, scratch));
  const gets = await compareTransfers(`${what}, got and discarded`, peers, file, getOnce);
  return { puts, gets };
}

/** Both ways, to two builds. `start` answers the peer of a build in that folder. */
export function twoWayContests(name, start) {
  const { scratch, file } = largeFileIn(2 ** 28);
  const contest = (way, before, turn) =>
    transferContest(`${name}, ${way} of one large file`, file, async (build) => {
      const peer = await start(removeAtExit(mkdtempSync(join(scratch, 'build-'))), build);
      before(peer);
      return { close: peer.stop, turn: () => turn(peer, file, scratch) };
    });
  return [
    contest('put', () => {}, putOnce),
    contest('get', ({ root }) => makeFiles(root, 1, file.size), getOnce),
  ];
}
