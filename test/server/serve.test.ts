/** A whole server over real sockets, as one Observable. */

import { connect as rawConnect } from 'node:net';
import {
  concat,
  filter,
  firstValueFrom,
  map,
  NEVER,
  of,
  ReplaySubject,
  Subject,
  type Subscription,
  toArray,
} from 'rxjs';
import { P } from 'ts-pattern';
import { afterEach, describe, expect, test } from 'vitest';
import { acknowledge } from '../../src/files/session/answers.ts';
import { defineCommand } from '../../src/files/session/command.ts';
import { commands } from '../../src/files/session/dispatch.ts';
import type { ServerEvent } from '../../src/server/event.ts';
import { type ServeOptions, serve } from '../../src/server/serve.ts';
import { type MemoryStore, memoryStore } from '../../src/store/memory/memory-store.ts';
import type { ListenEvent } from '../../src/transport/listen-event.ts';
import { memoryPair } from '../../src/transport/memory/memory-pair.ts';
import { connectTcp, listenTcp } from '../../src/transport/socket/tcp.ts';
import { frame, peer, putFrame } from '../support/network/peer.ts';

const running: Subscription[] = [];
afterEach(() => {
  for (const each of running.splice(0)) each.unsubscribe();
});

type Typed<T extends ServerEvent['type']> = Extract<ServerEvent, { type: T }>;

async function started(options: Partial<ServeOptions> = {}) {
  const store = memoryStore();
  const events$ = new ReplaySubject<ServerEvent>();
  const subscription = serve({ connections$: listenTcp({ port: 0 }), store, ...options }).subscribe(events$);
  running.push(subscription);
  const next = <T extends ServerEvent['type']>(type: T): Promise<Typed<T>> =>
    firstValueFrom(events$.pipe(filter((event): event is Typed<T> => event.type === type)));
  const { port } = await next('listening');
  const client = async () => peer(await firstValueFrom(connectTcp({ host: '127.0.0.1', port })));
  return { store, events$, next, port, client, stop: () => subscription.unsubscribe() };
}

describe('a server', () => {
  test('a server emits its events: listening, opened, stored, refused, closed', async () => {
    const server = await started();
    const client = await server.client();
    await client.send(putFrame('a', 'hello'), putFrame('../b', 'x'));
    client.connection.end();
    await client.over;
    expect(await server.next('opened')).toMatchObject({ remote: client.connection.local });
    expect(await server.next('stored')).toMatchObject({ filename: 'a', size: 5, durable: false });
    expect(await server.next('refused')).toMatchObject({ cmd: 'put', error: { code: 'bad-filename' } });
    expect(await server.next('closed')).toMatchObject({ fault: null });
  });

  test('a server stops listening and drops its connections when unsubscribed', async () => {
    const server = await started();
    const client = await server.client();
    await client.send(putFrame('a', 'hello').subarray(0, -1));
    await server.next('opened');
    server.stop();
    expect(await client.over).toMatchObject({ code: 'reset' });
    await expect(server.client()).rejects.toMatchObject({ code: 'refused' });
    expect(server.store.sinks).toBe(0);
  });

  test('a server that shuts down finishes the requests under way and completes', async () => {
    const shutdown$ = new Subject<void>();
    const server = await started({ shutdown$ });
    const client = await server.client();
    const whole = putFrame('a', 'hello');
    await client.send(whole.subarray(0, -1));
    await expect.poll(() => server.store.sinks).toBe(1);
    shutdown$.next();
    await client.send(whole.subarray(-1));
    expect(await client.all()).toMatchObject([{ ack: 'put' }]);
    client.connection.end();
    await firstValueFrom(server.events$.pipe(filter(({ type }) => type === 'closed')));
    await new Promise<void>((complete) => server.events$.subscribe({ complete }));
  });

  test('a server whose shutdown$ errors reports that once, and shuts down', async () => {
    const shutdown$ = new Subject<void>();
    const server = await started({ shutdown$ });
    const client = await server.client();
    await client.send(frame({ cmd: 'ping' }));
    expect(await client.replies(1)).toEqual([{ ack: 'ping' }]);
    const thrown = new Error('no signals');
    shutdown$.error(thrown);
    await client.over;
    client.connection.end();
    const events = await firstValueFrom(server.events$.pipe(toArray()));
    expect(events.filter(({ type }) => type === 'internal-error')).toEqual([
      { type: 'internal-error', thrown },
    ]);
    expect(events.at(-1)).toMatchObject({ type: 'closed', fault: null });
  });

  test('a server cuts off the requests that are not finished within the grace time', async () => {
    const shutdown$ = new Subject<void>();
    const server = await started({ shutdown$, limits: { grace: 1 } });
    const client = await server.client();
    await client.send(putFrame('a', 'hello').subarray(0, -1));
    await expect.poll(() => server.store.sinks).toBe(1);
    shutdown$.next();
    expect(await client.over).toMatchObject({ code: 'reset' });
    await new Promise<void>((complete) => server.events$.subscribe({ complete }));
    expect(server.store.contents.size).toBe(0);
  });

  test('a server that shuts down still handles what a connection sent that the system had accepted before', async () => {
    const [shutdown$, connections$] = [new Subject<void>(), new Subject<ListenEvent>()];
    const server$ = serve({ connections$, store: memoryStore(), shutdown$ });
    const types = firstValueFrom(
      server$.pipe(
        map(({ type }) => type),
        toArray(),
      ),
    );
    const [theirs, connection] = memoryPair();
    shutdown$.next();
    connections$.next({ type: 'connection', connection });
    const client = peer(theirs);
    await client.send(frame({ cmd: 'ping' }));
    expect(await client.replies(1)).toEqual([{ ack: 'ping' }]);
    // It is shut down as well, only later, and not cut off.
    expect(await client.all()).toEqual([{ ack: 'ping' }]);
    client.connection.end();
    expect(await types).toEqual(['opened', 'served', 'closed']);
  });

  test('a server answers one client while another one stalls in the middle of a body', async () => {
    const server = await started();
    const [slow, other] = [await server.client(), await server.client()];
    await slow.send(putFrame('a', 'hello').subarray(0, -1));
    await other.send(frame({ cmd: 'ping' }));
    expect(await other.replies(1)).toEqual([{ ack: 'ping' }]);
  });

  test('a server runs a custom command and its custom effect', async () => {
    const shout = defineCommand({
      pattern: { cmd: 'shout', text: P.string },
      touches: {},
      start: ({ text }) => ({ state: null, effects: [{ type: 'custom', call: 'upper', with: text }] }),
      on: (state: null, event) =>
        event.type === 'result' && event.result.of === 'custom' && event.result.ok
          ? acknowledge(state, { text: event.result.value })
          : { state },
    });
    const customHandlers = {
      upper: async (text: unknown) => ({ ok: true, value: String(text).toUpperCase() }) as const,
    };
    const server = await started({ commands: [...commands, shout], customHandlers });
    const client = await server.client();
    await client.send(frame({ cmd: 'shout', text: 'hey' }));
    expect(await client.replies(1)).toEqual([{ ack: 'shout', text: 'HEY' }]);
  });
});

test.each(['answered at once', 'behind a request that is under way'])(
  'requests with long answers that a peer sends ahead, %s, begin only as far as its memory allows',
  async (when) => {
    const BODY_BYTES = 1024 * 1024;
    let answered = 0;
    const long = defineCommand({
      pattern: { cmd: 'long' },
      touches: {},
      start: () => {
        answered++;
        return acknowledge(null, {}, new Uint8Array(BODY_BYTES));
      },
      on: (state: null) => ({ state }),
    });
    const slow = defineCommand({
      pattern: { cmd: 'slow' },
      touches: {},
      start: () => ({ state: null, effects: [{ type: 'custom', call: 'wait', with: null }] }),
      on: (state: null, event) => (event.type === 'result' ? acknowledge(state) : { state }),
    });
    const go$ = new Subject<void>();
    const wait = () => firstValueFrom(go$).then(() => ({ ok: true, value: null }) as const);
    const [theirs, connection] = memoryPair();
    const opened = { type: 'connection', connection } as const;
    running.push(
      serve({
        connections$: concat(of(opened), NEVER),
        store: memoryStore(),
        commands: [...commands, long, slow],
        customHandlers: { wait },
      }).subscribe(),
    );
    const first = when === 'answered at once' ? [] : [frame({ cmd: 'slow' })];
    const requests = Array.from({ length: 100 }, () => frame({ cmd: 'long' }));
    theirs.write([Buffer.concat([...first, ...requests])], () => {});
    await expect.poll(() => answered).toBeGreaterThan(0);
    for (let turns = 0; turns < 50; turns++) await new Promise((resolve) => setImmediate(resolve));
    // The high mark of a connection is 4 MiB.
    expect(answered).toBeLessThanOrEqual(5);
    go$.next();
    const client = peer(theirs);
    expect(await client.replies(first.length + 100)).toHaveLength(first.length + 100);
    expect(answered).toBe(100);
  },
);

test('a custom command that throws for the length of its body ends the connection of its peer, and no other', async () => {
  const faulty = defineCommand({
    pattern: { cmd: 'faulty', list: P.array() },
    touches: {},
    bodyLength: (header) => (header.list as unknown[]).length,
    start: () => acknowledge(null),
    on: (state: null) => ({ state }),
  });
  const server = await started({ commands: [...commands, faulty] });
  const [client, other] = [await server.client(), await server.client()];
  for (const each of [client, other]) {
    await each.send(frame({ cmd: 'ping' }));
    expect(await each.replies(1)).toEqual([{ ack: 'ping' }]);
  }
  await other.send(frame({ cmd: 'faulty' }));
  expect(await other.all()).toMatchObject([{ ack: 'ping' }, { error: { code: 'bad-body-length' } }]);
  // The framing is that of all connections, and the exception is that of one.
  const remote = other.connection.local;
  expect(await server.next('internal-error')).toMatchObject({ remote, thrown: expect.any(TypeError) });
  await client.send(frame({ cmd: 'ping' }));
  expect(await client.replies(2)).toEqual([{ ack: 'ping' }, { ack: 'ping' }]);
});

describe('a peer that never reads', () => {
  /** Sends it all, reads nothing, and closes as soon as the system has taken it; the rest is up to the systems. */
  const sendAndClose = (port: number, ...pieces: readonly Uint8Array[]): Promise<void> =>
    new Promise((resolve, reject) => {
      const socket = rawConnect(port, '127.0.0.1');
      socket.pause();
      socket.on('error', reject);
      for (const piece of pieces) socket.write(piece);
      socket.write('', () => {
        socket.destroy();
        resolve();
      });
    });

  test('every file of a peer that never reads is whole, although the peer closes with acks unread', async () => {
    const server = await started();
    const files = Array.from({ length: 200 }, (_, i) => Buffer.alloc((i * 7919) % 50_000, i));
    await sendAndClose(server.port, ...files.map((bytes, i) => putFrame(`f${i}`, bytes)));
    await server.next('closed');
    expect(server.store.contents.size).toBe(200);
    const { contents } = server.store as MemoryStore;
    for (const [i, bytes] of files.entries()) expect(bytes.equals(contents.get(`f${i}`)!.bytes)).toBe(true);
  });
});
