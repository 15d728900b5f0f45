// One large file over a Unix socket, put and got, beside the same over TCP: Sluice and nginx. Durability `os`.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { receive } from './clients/programs.mjs';
import { fileName } from './support/files.mjs';
import { installed } from './support/install.mjs';
import { startNginx, startSluice } from './support/peers.mjs';
import { shownBytes } from './support/table.mjs';
import { removeAtExit } from './support/tidy.mjs';
import { ratesBeside } from './support/transfers.mjs';
import { compareTwoWays, largeFileIn, twoWayContests } from './support/two-ways.mjs';

/** A server that was started, with the ways to send to that address of it and to get from there. */
const at = (server, name, protocol, address) => ({
  ...server,
  name,
  put: async (file) => ({ seconds: await server.send(file, 1, address) }),
  get: async () => ({ seconds: await receive(protocol, address, fileName(0)) }),
});

/** The path of a socket; it must be short. */
const socketPath = () => join(removeAtExit(mkdtempSync(join(tmpdir(), 'sluice-'))), 's');

/** A Sluice that listens on that socket as well. */
const startOnUnix = (dir, path, build) => startSluice(dir, 'os', ['--unix', path], 'sluice', build);

export function contests() {
  return twoWayContests('unix', async (dir, build) => {
    const path = socketPath();
    return at(await startOnUnix(dir, path, build), 'Sluice', 'wire', path);
  });
}

export async function run() {
  const { scratch, file } = largeFileIn();
  const paths = { sluice: socketPath(), nginx: socketPath() };
  const servers = [];
  const peers = [];
  const add = (server, protocol, path) => {
    servers.push(server);
    peers.push(at(server, `${server.name}, Unix socket`, protocol, path));
    peers.push(at(server, `${server.name}, TCP`, protocol, server.port));
  };
  try {
    add(await startOnUnix(scratch, paths.sluice), 'wire', paths.sluice);
    if (installed('nginx')) add(await startNginx(scratch, { unix: paths.nginx }), 'http', paths.nginx);
    const { puts, gets } = await compareTwoWays('Unix socket and TCP', peers, file, scratch);
    console.log('a receiver on a Unix socket copies what it discards, which on TCP the system does not');
    const size = shownBytes(file.size);
    return [...ratesBeside(`put of ${size}`, puts), ...ratesBeside(`get of ${size}`, gets)];
  } finally {
    for (const server of servers) await server.stop();
  }
}
