import { afterEach, describe, expect, test } from 'vitest';
import type { Connection } from '../../src/transport/connection.ts';
import { connectTcp } from '../../src/transport/tcp.ts';
import { type Rechunking, type RechunkProxy, rechunkProxy } from '../support/rechunk-proxy.ts';
import { once, pattern, read, turns, write } from './connection-helpers.ts';
import { listener } from './tcp-pair.ts';

describe('the re-chunking proxy', () => {
  const proxies: RechunkProxy[] = [];
  afterEach(async () => {
    for (const proxy of proxies.splice(0)) await proxy.close();
  });

  /** Two ends with the proxy between them. */
  async function through(strategy: Rechunking): Promise<[Connection, Connection]> {
    const { port, connection, stop } = await listener();
    const proxy = await rechunkProxy({ target: { host: '127.0.0.1', port }, seed: 42, strategy });
    proxies.push(proxy);
    const ends = await Promise.all([once(connectTcp({ host: '127.0.0.1', port: proxy.port })), connection()]);
    stop();
    return ends;
  }

  test.each([
    ['bytes', 3_000, 200],
    ['random', 500_000, 20],
    ['coalesce', 500_000, 1],
  ] as const)(
    '%s: the same bytes both ways, in other pieces, and both ends',
    async (strategy, total, pieces) => {
      const [left, right] = await through(strategy);
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

  test('passes a reset on', async () => {
    const [left, right] = await through('random');
    const reading = read(right);
    left.write([pattern(10)], () => {});
    await reading.reached(10);
    left.destroy();
    expect((await reading.done)?.code).toBe('reset');
  });

  test('passes flow control on', async () => {
    const [left, right] = await through('coalesce');
    let settled = false;
    const writing = write(left, pattern(32 * 1024 * 1024)).then(() => {
      settled = true;
    });
    await turns(200);
    expect(settled).toBe(false);
    await read(right).reached(32 * 1024 * 1024);
    await writing;
  });
});
