// One large file over TLS, put and got: Sluice beside nginx, and beside the limit of Node's TLS: a server on node:tls that
// only reads, or only writes. From and to a tmpfs, durability `os`.
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeCertificate } from './certificate.mjs';
import { receiveByTls, sendByTls, tlsClient } from './clients/programs.mjs';
import { empty, makeFiles, verify, warmPages } from './files.mjs';
import { installed } from './install.mjs';
import { launchListening, startNginx, startSluice } from './peers.mjs';
import { measured } from './process-facts.mjs';
import { shownBytes } from './table.mjs';
import { removeAtExit } from './tidy.mjs';
import { compareTransfers, largeSize, ratesBeside, transferContest } from './transfers.mjs';

const bareServer = fileURLToPath(new URL('servers/bare-server.mjs', import.meta.url));

/** The facts of one transfer, with the processor time of the client. */
async function timed(peer, transfer) {
  let clientCpu;
  const facts = await measured(peer.pid, async () => {
    const { seconds, cpu } = await transfer();
    clientCpu = cpu;
    return seconds;
  });
  return { ...facts, clientCpu };
}

/** Sends the file to an empty root, and checks what arrived; a bare server keeps nothing. */
async function put(peer, file, scratch) {
  if (peer.root !== undefined) empty(peer.root);
  warmPages(scratch, file.size);
  const result = await timed(peer, () => sendByTls(peer.protocol, peer.port, file));
  if (peer.root !== undefined) verify(file, peer.root);
  return result;
}

/** Gets the file that the last `put` has left there. */
const get = (peer) => timed(peer, () => receiveByTls(peer.protocol, peer.port));

const startSecureSluice = async (dir, { cert, key }, build) => ({
  ...(await startSluice(dir, 'os', ['--tls-cert', cert, '--tls-key', key], 'sluice', build)),
  protocol: 'wire',
});

export function contests() {
  if (!installed('openssl')) return [];
  const scratch = removeAtExit(mkdtempSync('/dev/shm/sluice-bench-'));
  const certificate = makeCertificate(scratch);
  const file = makeFiles(join(scratch, 'big'), 1, largeSize(2 ** 28));
  const contest = (name, turn, before) =>
    transferContest(`tls, ${name} of one large file`, file, async (build) => {
      const dir = removeAtExit(mkdtempSync(join(scratch, 'build-')));
      const peer = await startSecureSluice(dir, certificate, build);
      before(peer);
      return { close: peer.stop, turn: () => turn(peer, file, scratch) };
    });
  return [contest('put', put, () => {}), contest('get', get, ({ root }) => makeFiles(root, 1, file.size))];
}

export async function run() {
  if (!installed('openssl')) return [];
  const scratch = removeAtExit(mkdtempSync('/dev/shm/sluice-bench-'));
  const certificate = makeCertificate(scratch);
  const file = makeFiles(join(scratch, 'big'), 1, largeSize());
  const size = shownBytes(file.size);
  const peers = [await startSecureSluice(scratch, certificate)];
  if (installed('nginx')) {
    peers.push({ ...(await startNginx(scratch, { tls: certificate })), protocol: 'http' });
  }
  const { cert, key } = certificate;
  const bare = await launchListening('bare', [bareServer, 'tls', cert, key, String(file.size)], scratch);
  peers.push({ ...bare, name: 'bare node:tls', protocol: 'wire' });
  try {
    const puts = await compareTransfers(`TLS: one file of ${size}, put`, peers, file, (peer) =>
      put(peer, file, scratch),
    );
    const gets = await compareTransfers(`TLS: one file of ${size}, got and discarded`, peers, file, get);
    console.log(
      `TLS 1.3 with AES-256-GCM for all; the client is ${tlsClient()}: busy at 100 %, it is the bottleneck`,
    );
    const goal = { nginx: { atLeast: 0.95 } };
    return [
      ...ratesBeside(`TLS put of ${size}`, puts, goal),
      ...ratesBeside(`TLS get of ${size}`, gets, goal),
    ];
  } finally {
    for (const peer of peers) await peer.stop();
  }
}
