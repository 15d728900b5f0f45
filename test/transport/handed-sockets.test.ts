/** Sockets that are accepted in one place and served in another are connections as those of a server that listens. */
import type { ListenOptions, Socket } from 'node:net';
import { join } from 'node:path';
import { filter, of } from 'rxjs';
import { expect, onTestFinished, test } from 'vitest';
import { acceptHandles } from '../../src/transport/hand-over.ts';
import type { HandedEvent, HandedSockets } from '../../src/transport/handed-sockets.ts';
import { ListenError } from '../../src/transport/listen-error.ts';
import { acceptTcp, connectTcp, listenTcp } from '../../src/transport/socket/tcp.ts';
import { acceptTls, connectTls } from '../../src/transport/tls/tls.ts';
import { acceptUnix, atUnixPath, connectUnix } from '../../src/transport/unix/unix.ts';
import { createAuthority } from '../support/certificates.ts';
import { tempFolder } from '../support/stores/temp-folder.ts';
import { connectionContract } from './connection-contract.ts';
import { once, turns } from './connection-helpers.ts';
import { listener } from './tcp-pair.ts';

const host = '127.0.0.1';
const authority = createAuthority('Test CA');
const server = authority.issue({ subject: [['CN', 'server']], names: [host] });

/** What a place to listen on hands over. */
function handedFrom(where: ListenOptions, sockets: Socket[] = []): HandedSockets {
  const handed$ = acceptHandles(where).pipe(
    filter((event): event is HandedEvent => event.type !== 'accept-failed'),
  );
  return { handed$, taken: (socket) => sockets.push(socket) };
}

connectionContract('TCP that was handed over', async () => {
  const { port, connection, stop } = await listener(acceptTcp(handedFrom({ host, port: 0 })));
  const pair = await Promise.all([once(connectTcp({ host, port })), connection()]);
  stop();
  return pair;
});

connectionContract('TLS that was handed over', async () => {
  const options = { port: 0, credentials$: of(server) };
  const { port, connection, stop } = await listener(acceptTls(options, handedFrom({ host, port: 0 })));
  const pair = await Promise.all([once(connectTls({ host, port, ca: authority.cert })), connection()]);
  stop();
  // The server still has tickets to send, and nobody is told when a reset takes just these away.
  await turns(5);
  return pair;
});

test('a Unix socket whose connections are handed over is at its path as long as it is listened on', async () => {
  const path = join(tempFolder(), 's');
  const sockets: Socket[] = [];
  const handed$ = atUnixPath({ path }, (where) => handedFrom(where).handed$);
  const { connection, stop } = await listener(
    acceptUnix(path, { handed$, taken: (socket) => sockets.push(socket) }),
  );
  const [client, accepted] = await Promise.all([once(connectUnix({ path })), connection()]);
  expect(accepted.remote).toMatch(/^unix:.*#\d+$/);
  expect(sockets).toHaveLength(1);
  stop();
  await expect(once(connectUnix({ path }))).rejects.toMatchObject({ fault: { code: 'unreachable' } });
  client.destroy();
  accepted.destroy();
});

test('a place that is taken errors with the fault of a server that listens', async () => {
  const { port, stop } = await listener(listenTcp({ port: 0 }));
  onTestFinished(stop);
  const error = await once(acceptHandles({ host, port })).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ListenError);
  expect(error).toMatchObject({ fault: { code: 'in-use', address: `${host}:${port}` } });
});
