/** The proxy that plays the bad network does what its plan says, and nothing else. */
import { filter, firstValueFrom, NEVER, Subject, take, toArray } from 'rxjs';
import { afterEach, describe, expect, test } from 'vitest';
import type { Connection } from '../../src/transport/connection.ts';
import { connectTcp } from '../../src/transport/socket/tcp.ts';
import { manualClock } from '../support/manual-clock.ts';
import {
  type Pieces,
  type Plan,
  type RunningProxy,
  startFaultProxy,
} from '../support/network/fault-proxy.ts';
import { once, pattern, read, turns, write, writeUntilItFails } from './connection-helpers.ts';
import { listener } from './tcp-pair.ts';

const proxies: RunningProxy[] = [];
afterEach(() => {
  for (const proxy of proxies.splice(0)) proxy.close();
});

async function proxyTo(port: number, plan: Plan): Promise<RunningProxy> {
  const proxy = await startFaultProxy({ target: () => port, seed: 42, plan: () => plan });
  proxies.push(proxy);
  return proxy;
}

/** Two ends with the proxy between them. */
async function through(plan: Plan): Promise<[Connection, Connection, RunningProxy]> {
  const { port, connection, stop } = await listener();
  const proxy = await proxyTo(port, plan);
  const ends = await Promise.all([once(connectTcp({ host: '127.0.0.1', port: proxy.port })), connection()]);
  stop();
  return [...ends, proxy];
}

const both = (pieces: Pieces): Plan => ({ up: { pieces }, down: { pieces } });
const mib = 1024 * 1024;

describe('a plan of pieces alone', () => {
  test.each([
    ['as-is', 500_000, 1],
    ['bytes', 3_000, 200],
    ['random', 500_000, 20],
    ['coalesce', 500_000, 1],
  ] as const)(
    'a plan of the pieces %s passes on the same bytes both ways, and both ends',
    async (strategy, total, pieces) => {
      const [left, right] = await through(both(strategy));
      const [atLeft, atRight] = [read(left), read(right)];
      left.write([pattern(total)], () => {});
      left.end();
      expect(await atRight.done).toBeNull();
      expect(atRight.bytes().equals(pattern(total))).toBe(true);
      expect(atRight.chunks.length).toBeGreaterThanOrEqual(pieces);
      right.write([pattern(total, 7)], () => {});
      right.end();
      expect(await atLeft.done).toBeNull();
      expect(atLeft.bytes().equals(pattern(total, 7))).toBe(true);
      expect(await Promise.all([once(left.closed$), once(right.closed$)])).toEqual([null, null]);
    },
  );

  test('a plan of pieces alone passes a reset on', async () => {
    const [left, right] = await through(both('random'));
    const reading = read(right);
    left.write([pattern(10)], () => {});
    await reading.reached(10);
    left.destroy();
    expect((await reading.done)?.code).toBe('reset');
  });

  test('a plan of pieces alone passes flow control on, so that little is in memory', async () => {
    const [left, right] = await through(both('coalesce'));
    let settled = false;
    const writing = write(left, pattern(32 * mib)).then(() => {
      settled = true;
    });
    await turns(200);
    expect(settled).toBe(false);
    await read(right).reached(32 * mib);
    await writing;
  });
});

describe('a cut', () => {
  test.each([0, 1, 1000, 70_000])(
    'a cut after %i bytes carries exactly so many, then ends both sides',
    async (after) => {
      const [left, right] = await through({ up: { faults: [{ after, type: 'end' }] } });
      const [atLeft, atRight] = [read(left), read(right)];
      left.write([pattern(200_000)], () => {});
      expect(await atRight.done).toBeNull();
      expect(atRight.bytes().equals(pattern(after))).toBe(true);
      expect(await atLeft.done).toBeNull();
      left.end();
      right.end();
      expect(await Promise.all([once(left.closed$), once(right.closed$)])).toEqual([null, null]);
    },
  );

  test('a cut by a reset is a reset to both sides, after no more bytes than it says', async () => {
    const [left, right] = await through({ down: { faults: [{ after: 5000, type: 'reset' }] } });
    const [atLeft, atRight] = [read(left), read(right)];
    right.write([pattern(200_000)], () => {});
    // A system may report a reset that follows data as a plain end, and the reset only to the next write.
    await atLeft.done;
    expect((await writeUntilItFails(left)).code).toBe('reset');
    await atRight.done;
    expect((await writeUntilItFails(right)).code).toBe('reset');
    expect(atLeft.bytes().equals(pattern(atLeft.length()))).toBe(true);
    expect(atLeft.length()).toBeLessThanOrEqual(5000);
  });

  test('a cut in one direction leaves alone what the other has carried', async () => {
    const [left, right, proxy] = await through({ up: { faults: [{ after: 10, type: 'end' }] } });
    const [atLeft, atRight] = [read(left), read(right)];
    const events = firstValueFrom(proxy.events$.pipe(filter((event) => event.type === 'end')));
    right.write([pattern(3000)], () => {});
    await atLeft.reached(3000);
    left.write([pattern(11)], () => {});
    expect(await events).toEqual({ type: 'end', connection: 0, way: 'up', after: 10 });
    expect(await Promise.all([atLeft.done, atRight.done])).toEqual([null, null]);
    expect(atRight.length()).toBe(10);
  });
});

describe('a stall', () => {
  test('a stall lasts until told, while the other direction goes on and the sender is slowed down', async () => {
    const until = new Subject<void>();
    const [left, right] = await through({ up: { faults: [{ after: 100, type: 'stall', until }] } });
    const [atLeft, atRight] = [read(left), read(right)];
    let settled = false;
    const writing = write(left, pattern(32 * mib)).then(() => {
      settled = true;
    });
    await atRight.reached(100);
    right.write([pattern(mib)], () => {});
    await atLeft.reached(mib);
    expect(atRight.length()).toBe(100);
    expect(settled).toBe(false);
    until.next();
    await atRight.reached(32 * mib);
    await writing;
  });

  test('a stall ends with the proxy, when it would not by itself', async () => {
    const [left, right, proxy] = await through({
      up: { faults: [{ after: 0, type: 'stall', until: NEVER }] },
    });
    const [atLeft, atRight] = [read(left), read(right)];
    left.write([pattern(100)], () => {});
    await once(proxy.events$.pipe(filter((event) => event.type === 'stall')));
    proxy.close();
    expect((await atLeft.done)?.code).toBe('reset');
    expect((await atRight.done)?.code).toBe('reset');
    expect(atRight.length()).toBe(0);
  });
});

test('a rate bounds how fast bytes are carried', async () => {
  const [left, right] = await through({ up: { rate: 500_000 } });
  const reading = read(right);
  const clock = manualClock();
  left.write([pattern(100_000)], () => {});
  for (let ms = 0; reading.length() < 100_000; ms++) {
    // What the time is worth, and a piece, which is a fiftieth of a second's.
    expect(reading.length()).toBeLessThanOrEqual(500 * ms + 10_000);
    await clock.advance(1);
  }
  expect(reading.bytes().equals(pattern(100_000))).toBe(true);
});

test('a refusal resets the client, and the server sees nothing', async () => {
  const { port, connection, stop } = await listener();
  const proxy = await proxyTo(port, { refuse: true });
  const events = firstValueFrom(
    proxy.events$.pipe(
      filter((event) => event.type !== 'listening'),
      take(1),
      toArray(),
    ),
  );
  // It may see the reset before it sees that it is connected.
  const connecting = once(connectTcp({ host: '127.0.0.1', port: proxy.port }));
  const fault = await connecting.then((client) => read(client).done).catch((fault) => fault);
  expect(fault?.code).toBe('reset');
  expect(await events).toEqual([{ type: 'refused', connection: 0 }]);
  const direct = await once(connectTcp({ host: '127.0.0.1', port }));
  expect((await connection()).remote).toBe(direct.local);
  direct.destroy();
  stop();
});

test('a server that cannot be reached is a reset to the client', async () => {
  const { port, stop } = await listener();
  stop();
  const proxy = await proxyTo(port, {});
  const client = await once(connectTcp({ host: '127.0.0.1', port: proxy.port }));
  expect((await read(client).done)?.code).toBe('reset');
});
