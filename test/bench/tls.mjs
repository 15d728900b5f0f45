// One large file over TLS, put and got: Sluice beside nginx, and beside the limit of Node's TLS: a server on node:tls that
// only reads, or only writes. Durability `os`.
import { fileURLToPath } from 'node:url';
import { receiveByTls, sendByTls, tlsClient } from './clients/programs.mjs';
import { makeCertificate } from './support/certificate.mjs';
import { installed } from './support/install.mjs';
import { launchListening, startNginx, startSluice } from './support/peers.mjs';
import { shownBytes } from './support/table.mjs';
import { ratesBeside } from './support/transfers.mjs';
import { compareTwoWays, largeFileIn, twoWayContests } from './support/two-ways.mjs';

const bareServer = fileURLToPath(new URL('./servers/bare-server.mjs', import.meta.url));

/** A server that was started, with the ways to send to it and to get from it. */
const overTls = (server, protocol) => ({
  ...server,
  put: (file) => sendByTls(protocol, server.port, file),
  get: () => receiveByTls(protocol, server.port),
});

async function startSecureSluice(dir, { cert, key }, build) {
  return overTls(
    await startSluice(dir, 'os', ['--tls-cert', cert, '--tls-key', key], 'sluice', build),
    'wire',
  );
}

export function contests() {
  if (!installed('openssl')) return [];
  return twoWayContests('tls', (dir, build) => startSecureSluice(dir, makeCertificate(dir), build));
}

export async function run() {
  if (!installed('openssl')) return [];
  const { scratch, file } = largeFileIn();
  const certificate = makeCertificate(scratch);
  const { cert, key } = certificate;
  const peers = [await startSecureSluice(scratch, certificate)];
  if (installed('nginx')) peers.push(overTls(await startNginx(scratch, { tls: certificate }), 'http'));
  const bare = await launchListening('bare', [bareServer, 'tls', cert, key, String(file.size)], scratch);
  peers.push(overTls({ ...bare, name: 'bare node:tls' }, 'wire'));
  try {
    const { puts, gets } = await compareTwoWays('TLS', peers, file, scratch);
    console.log(
      `TLS 1.3 with AES-256-GCM for all; the client is ${tlsClient()}: busy at 100 %, it is the bottleneck`,
    );
    const size = shownBytes(file.size);
    const goal = { nginx: { atLeast: 0.95 } };
    return [
      ...ratesBeside(`TLS put of ${size}`, puts, goal),
      ...ratesBeside(`TLS get of ${size}`, gets, goal),
    ];
  } finally {
    for (const peer of peers) await peer.stop();
  }
}
