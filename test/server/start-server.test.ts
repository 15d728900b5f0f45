/** A running server as an object, as a framework or a test holds it. */
import { createServer } from 'node:net';
import { firstValueFrom, lastValueFrom, NEVER, toArray } from 'rxjs';
import { afterEach, expect, test } from 'vitest';
import { connectClient } from '../../src/client/connect.ts';
import { bytesContent } from '../../src/client/content/content.ts';
import { type RunningServer, type StartServerOptions, startServer } from '../../src/server/start-server.ts';
import type { FileStore } from '../../src/store/contract.ts';
import { memoryStore } from '../../src/store/memory/memory-store.ts';
import { connectTcp } from '../../src/transport/socket/tcp.ts';
import { frame, peer, putFrame } from '../support/network/peer.ts';

const running: RunningServer[] = [];
afterEach(async () => {
  for (const each of running.splice(0)) await each.close({ grace: 0 });
});

function started(options: Partial<StartServerOptions> = {}) {
  const server = startServer({ store: memoryStore(), ...options });
  running.push(server);
  return server;
}

const connected = async ({ ready }: RunningServer) => {
  const { port } = await ready;
  return peer(await firstValueFrom(connectTcp({ host: '127.0.0.1', port })));
};

test('a server that is started is ready with its port, and serves a client', async () => {
  const server = started();
  expect(server).toMatchObject({ phase: 'starting', listening: null });
  const { port } = await server.ready;
  expect(server).toMatchObject({ phase: 'listening', listening: { port } });
  const client = await firstValueFrom(connectClient({ host: '127.0.0.1', port }));
  await lastValueFrom(client.put('a', bytesContent(new Uint8Array(3))));
  expect(await lastValueFrom(client.stat('a'))).toMatchObject({ name: 'a', size: 3 });
  client.end();
});

test('its events are seen by whoever subscribes, and what was missed is in its properties', async () => {
  const server = started();
  await server.ready;
  const types = lastValueFrom(server.events$.pipe(toArray())).then((all) => all.map(({ type }) => type));
  const client = await connected(server);
  await client.send(putFrame('a', 'abc', { id: 1 }));
  await client.replies(1);
  expect(server.stats()).toMatchObject({ connections: 1, requests: 1 });
  client.connection.end();
  await client.over;
  await server.close();
  expect(await types).toEqual(['opened', 'stored', 'served', 'closed']);
  expect(server).toMatchObject({ phase: 'closed', listening: expect.anything() });
  expect(server.stats()).toMatchObject({ connections: 0, requests: 1 });
  expect(await lastValueFrom(server.events$.pipe(toArray()))).toEqual([]);
});

test('a server that cannot listen rejects, says so for whoever comes later, and can be closed all the same', async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const { port } = taken.address() as { readonly port: number };
  const server = started({ port });
  await expect(server.ready).rejects.toMatchObject({ fault: { code: 'in-use' } });
  await expect(server.closed).rejects.toMatchObject({ fault: { code: 'in-use' } });
  expect(server.phase).toBe('failed');
  await server.close();
  taken.close();
});

/** A store whose puts never begin. */
const stuck = (): FileStore => ({ ...memoryStore(), put: () => new Promise(() => {}) });

test('close finishes what runs, and cuts off what does not end within the grace time', async () => {
  const server = started({ store: stuck() });
  const client = await connected(server);
  await client.send(putFrame('a', 'abc', { id: 1 }));
  await expect.poll(() => server.stats().requests, { timeout: 60_000 }).toBe(1);
  const closing = server.close({ grace: 50 });
  expect(server.phase).toBe('closing');
  await closing;
  expect(server.phase).toBe('closed');
  await client.over;
  await server.close();
});

test('an idle connection does not keep a server from closing', async () => {
  const server = started();
  const client = await connected(server);
  await client.send(frame({ cmd: 'ping' }));
  await client.replies(1);
  const closing = server.close();
  client.connection.end();
  await closing;
  expect(server.phase).toBe('closed');
});

test('a server that is closed before it listens is closed, and not ready', async () => {
  const server = started({ connections$: NEVER });
  await server.close({ grace: 0 });
  await expect(server.ready).rejects.toThrow(/before it could listen/);
  expect(server.phase).toBe('closed');
});

test.each([
  [{ port: 1.5 }, /startServer: 'port'|port/],
  [{ host: 7 }, /host/],
  [{ store: null }, /store/],
])('an option of the wrong kind is refused by name: %j', (wrong, why) => {
  expect(() => startServer({ store: memoryStore(), ...wrong } as never)).toThrow(why);
});
