/** A server that pages watch, over connections in memory and a clock that the test moves. */
import { expect, test } from 'vitest';
import { serviceFault } from '../../../src/files/protocol/errors.ts';
import type { ConnectionRow } from '../../../src/files/protocol/watching.ts';
import { LOOKS_MAX } from '../../../src/server/observe/table.ts';
import { memoryStore } from '../../../src/store/memory/memory-store.ts';
import type { Connection } from '../../../src/transport/connection.ts';
import { manualClock } from '../../support/manual-clock.ts';
import { frame, peer, putFrame } from '../../support/network/peer.ts';
import { ofType, tableOf, watchedServer } from '../../support/sessions/watched-server.ts';

test('a page is told of the server at first, and of its numbers every second', async () => {
  const clock = manualClock();
  const { page, connect } = watchedServer();
  const { messages } = page();
  await clock.advance(0);
  expect(messages).toMatchObject([{ type: 'opening', history: [], refusals: [] }]);
  const client = peer(connect());
  await client.send(putFrame('a', 'hello', { id: 1 }), frame({ cmd: 'get', filename: '../b', id: 2 }));
  await client.replies(2);
  await clock.advance(1000);
  await clock.advance(1000);
  const [first, second] = ofType(messages, 'sample');
  expect(first).toMatchObject({
    point: { connections: 1, requests: 2, refused: 1, p50: expect.any(Number) },
    outcomes: { put: { served: 1 }, get: { 'bad-filename': 1 } },
    latencies: { put: { count: 1 }, get: { count: 1 } },
    unfinished: null,
    health: { status: 'ok' },
    refusals: [{ number: 0, remote: client.connection.local, name: '', cmd: 'get', code: 'bad-filename' }],
  });
  expect(second).toMatchObject({ point: { requests: 0, refused: 0, p50: null }, refusals: [] });
});

test('a page that comes later is given what was before it', async () => {
  const clock = manualClock();
  const { page, connect } = watchedServer();
  const client = peer(connect());
  await client.send(frame({ cmd: 'stat', filename: 'missing', id: 1 }));
  await client.replies(1);
  for (let second = 0; second < 3; second++) await clock.advance(1000);
  const { messages } = page();
  await clock.advance(0);
  expect(messages).toMatchObject([
    { history: [{ requests: 1 }, { requests: 0 }, { requests: 0 }], refusals: [{ code: 'not-found' }] },
  ]);
});

test('a transfer under way is shown with its file, how far it is, and what it waits for', async () => {
  const clock = manualClock();
  const { page, connect } = watchedServer();
  const { messages } = page();
  const client = peer(connect());
  /** The only connection is shown so: in the next second or, on a busy machine, some seconds later. */
  const shows = async (row: Partial<ConnectionRow>): Promise<void> => {
    const rows = () => [...tableOf(messages).values()];
    for (let second = 0; second < 100; second++) {
      await clock.advance(1000);
      const [first] = rows();
      const fields = Object.entries(row);
      if (first !== undefined && fields.every(([key, value]) => first[key as keyof ConnectionRow] === value))
        return;
    }
    expect(rows()).toMatchObject([row]);
  };
  const half = putFrame('in/a', 'x'.repeat(100)).subarray(0, -60);
  await client.send(half);
  await shows({ name: '', cmd: 'put', filename: 'in/a', at: 40, size: 100, open: 1, received: half.length });
  await shows({ at: 40, receivedRate: 0, waits: 'sender' });
  await client.send(new Uint8Array(60));
  // Its ack may wait for a second, since it has given no id.
  await shows({ cmd: null, at: null, open: 0, waits: null });
  client.connection.destroy();
  for (let turn = 0; tableOf(messages).size > 0 && turn < 100; turn++) await clock.advance(100);
  expect(tableOf(messages).size).toBe(0);
});

test('nothing is looked at while no page watches', async () => {
  const clock = manualClock();
  const { page, connect, observer } = watchedServer();
  for (let i = 0; i < 10; i++) connect();
  for (let second = 0; second < 3; second++) await clock.advance(1000);
  expect(observer.looks()).toBe(0);
  const { connection } = page();
  // A busy machine begins some turns later, and ends so.
  for (let second = 0; observer.looks() < 10 && second < 100; second++) await clock.advance(1000);
  expect(observer.looks()).toBeGreaterThanOrEqual(10);
  connection.destroy();
  let looks: number;
  let turns = 0;
  do {
    looks = observer.looks();
    await clock.advance(1000);
  } while (looks !== observer.looks() && ++turns < 100);
  for (let second = 0; second < 3; second++) await clock.advance(1000);
  expect(observer.looks()).toBe(looks);
});

test('a second of watching looks at no more connections when there are ten times as many', async () => {
  const clock = manualClock();
  const looksInASecond = async (connections: number) => {
    const { page, connect, observer } = watchedServer();
    for (let i = 0; i < connections; i++) connect();
    page();
    // The first pass is over.
    for (let i = 0; i < connections / LOOKS_MAX + 2; i++) await clock.advance(100);
    await clock.advance(1000);
    const before = observer.looks();
    for (let second = 0; second < 5; second++) await clock.advance(1000);
    return (observer.looks() - before) / 5;
  };
  expect(await looksInASecond(600)).toBeLessThanOrEqual(2 * LOOKS_MAX);
  expect(await looksInASecond(6000)).toBeLessThanOrEqual(2 * LOOKS_MAX);
});

test('a page that does not read costs a few lines, and has the whole table again when it reads', async () => {
  const clock = manualClock();
  const prefix = 'x'.repeat(1000);
  const quotas = Array.from({ length: 50 }, () => ({ prefix, bytes: 1, used: 1, reserved: 0 }));
  const { page, connect } = watchedServer({ usage: () => quotas });
  const { messages, read, connection } = page(undefined, { isSlow: true });
  const clients: Connection[] = [];
  // Each second there is something to say of a connection: one comes, and an older one goes.
  for (let second = 0; second < 60; second++) {
    clients.push(connect());
    if (second % 2 === 1) clients.shift()?.destroy();
    await clock.advance(1000);
  }
  read();
  for (let second = 0; second < 12; second++) await clock.advance(1000);
  const said = ofType(messages, 'sample').length;
  expect(said).toBeLessThan(60);
  expect([...tableOf(messages).keys()].length).toBe(clients.length);
  connection.destroy();
});

test('a page that may not watch any more is told so, and its connection ends', async () => {
  const clock = manualClock();
  const { page } = watchedServer();
  let may = true;
  const { messages, over, connection } = page(() => may);
  await clock.advance(1000);
  expect(ofType(messages, 'refused')).toEqual([]);
  may = false;
  await clock.advance(1000);
  connection.end();
  await over;
  expect(messages.at(-1)).toEqual({ type: 'refused', why: "the right 'observe' was taken away" });
});

test('more than 32 pages are turned away', async () => {
  const clock = manualClock();
  const { page } = watchedServer();
  for (let i = 0; i < 32; i++) page();
  const { messages, connection } = page();
  connection.end();
  for (let turn = 0; messages.length === 0 && turn < 100; turn++) await clock.advance(10);
  expect(messages).toEqual([{ type: 'refused', why: 'too many pages watch this server' }]);
});

test('the store is asked only while a page watches, and its state is shown', async () => {
  const clock = manualClock();
  let asked = 0;
  const { page } = watchedServer({
    store: memoryStore(),
    writable: async () => {
      asked++;
      return serviceFault('disk-full');
    },
    disk: async () => ({ free: 0, size: 1000 }),
    usage: () => [
      { prefix: 'a/', bytes: 100, used: 10, reserved: 0 },
      { prefix: 'b/', bytes: 100, used: 90, reserved: 0 },
    ],
    sinks: async () => [{ sink: 'webhook', at: 1, pending: 2, oldest: 5, deadLetters: 3 }],
    unfinished: () => ({ count: 2, bytes: 30 }),
  });
  for (let second = 0; second < 10; second++) await clock.advance(1000);
  expect(asked).toBe(0);
  const { messages } = page();
  for (let second = 0; second < 6; second++) await clock.advance(1000);
  expect(ofType(messages, 'sample').at(-1)).toMatchObject({
    health: { disk: { free: 0, size: 1000 } },
    quotas: [{ prefix: 'b/' }, { prefix: 'a/', bytes: 100, used: 10 }],
    sinks: [{ sink: 'webhook', pending: 2, oldest: 5, deadLetters: 3 }],
    unfinished: { count: 2, bytes: 30 },
  });
});
