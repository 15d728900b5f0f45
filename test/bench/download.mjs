// Sluice's `get` beside nginx's GET by sendfile: one file of 1 GiB from a tmpfs, to a receiver that discards it.
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { receive } from './clients/programs.mjs';
import { fileName, makeFiles } from './support/files.mjs';
import { installed } from './support/install.mjs';
import { startNginx, startSluice } from './support/peers.mjs';
import { measured } from './support/process-facts.mjs';
import { shownBytes } from './support/table.mjs';
import { removeAtExit } from './support/tidy.mjs';
import { compareTransfers, largeSize, ratesBeside, transferContest } from './support/transfers.mjs';

const file = { count: 1, size: largeSize() };

/** Gets the file once. */
const turn = ({ pid, port, protocol }) => measured(pid, () => receive(protocol, port, fileName(0)));

export function contests() {
  const scratch = removeAtExit(mkdtempSync('/dev/shm/sluice-bench-'));
  return [
    transferContest('download, one large file', file, async (build) => {
      const root = removeAtExit(mkdtempSync(join(scratch, 'root-')));
      const peer = await startSluice(root, 'os', [], 'sluice', build);
      makeFiles(peer.root, 1, file.size);
      return { close: peer.stop, turn: () => turn({ ...peer, protocol: 'wire' }) };
    }),
  ];
}

export async function run() {
  const scratch = removeAtExit(mkdtempSync('/dev/shm/sluice-bench-'));
  const peers = [{ ...(await startSluice(scratch, 'os')), protocol: 'wire' }];
  if (installed('nginx')) peers.push({ ...(await startNginx(scratch)), protocol: 'http' });
  const size = shownBytes(file.size);
  try {
    for (const { root } of peers) makeFiles(root, 1, file.size);
    const rows = await compareTransfers(
      `One file of ${size}, to a receiver that discards it`,
      peers,
      file,
      turn,
    );
    return ratesBeside(`get of ${size}`, rows, { nginx: { atLeast: 0.8 } });
  } finally {
    for (const peer of peers) await peer.stop();
  }
}
