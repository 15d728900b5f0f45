import { TestScheduler } from 'rxjs/testing';
import { describe, expect, test } from 'vitest';
import { createBandwidth } from '../../../src/cli/shared/bandwidth.ts';
import { byteRate } from '../../../src/cli/shared/option-parsers.ts';
import type { Connection } from '../../../src/transport/connection.ts';
import { memoryPair } from '../../../src/transport/memory/memory-pair.ts';
import { connectionContract } from '../../transport/connection-contract.ts';
import { tcpPair } from '../../transport/tcp-pair.ts';

const MiB = 1024 ** 2;

const paced = ([left, right]: readonly [Connection, Connection], perSecond: number) => {
  const limit = createBandwidth(perSecond);
  return [limit(left), right] as const;
};
connectionContract('a memory pair with a limited end', async () => paced(memoryPair(), 512 * MiB));
connectionContract('a TCP connection with a limited end', async () => paced(await tcpPair(), 512 * MiB));

interface Timed {
  readonly at: number;
  readonly bytes: number;
}

/** Connections in virtual time, of which the near ends share a limit. Answers what arrived when, on all together. */
function inVirtualTime(
  perSecond: number,
  connections: number,
  use: (near: Connection, far: Connection) => void,
  ms = 60_000,
): {
  readonly sent: readonly Timed[];
  readonly received: readonly Timed[];
  readonly ends: readonly string[];
} {
  const scheduler = new TestScheduler(() => {});
  const [sent, received]: [Timed[], Timed[]] = [[], []];
  const ends: string[] = [];
  scheduler.maxFrames = ms;
  scheduler.run(() => {
    const limit = createBandwidth(perSecond, scheduler);
    for (let i = 0; i < connections; i++) {
      const [left, far] = memoryPair({ scheduler });
      const near = limit(left);
      const note = (list: Timed[]) => (chunk: Uint8Array) =>
        list.push({ at: scheduler.now(), bytes: chunk.length });
      far.chunks$.subscribe({ next: note(sent), error: () => {}, complete: () => ends.push('far') });
      near.chunks$.subscribe({ next: note(received), error: () => {} });
      near.closed$.subscribe((fault) => ends.push(fault?.code ?? 'in good order'));
      use(near, far);
    }
  });
  return { sent, received, ends };
}

const total = (list: readonly Timed[]) => list.reduce((sum, { bytes }) => sum + bytes, 0);

/** The most bytes in any span of so many milliseconds. */
function busiest(list: readonly Timed[], span: number): number {
  return Math.max(
    ...list.map(({ at: from }) => total(list.filter(({ at }) => at >= from && at < from + span))),
  );
}

const settled = () => {};

describe('a limit of the bandwidth', () => {
  test.each([1, 4])('%d connections together send no more than the rate, evenly', (connections) => {
    const bytes = 1_000_000 / connections;
    const { sent } = inVirtualTime(100_000, connections, (near) =>
      near.write([new Uint8Array(bytes)], settled),
    );
    expect(total(sent)).toBe(1_000_000);
    const piece = 10_000;
    expect(busiest(sent, 1000)).toBeLessThanOrEqual(100_000 + 10_000 + connections * piece);
    expect(busiest(sent, 200)).toBeLessThanOrEqual(20_000 + 10_000 + connections * piece);
    const last = sent.at(-1)!.at;
    expect(last).toBeGreaterThan(9500);
    expect(last).toBeLessThan(10_100);
  });

  test.each([1, 4])('%d connections together receive no more than the rate', (connections) => {
    const { received } = inVirtualTime(100_000, connections, (_, far) => {
      for (let i = 0; i < 100; i++) far.write([new Uint8Array(10_000 / connections)], settled);
    });
    expect(total(received)).toBe(1_000_000);
    expect(busiest(received, 1000)).toBeLessThanOrEqual(100_000 + 10_000 + connections * 10_000);
    expect(received.at(-1)!.at).toBeGreaterThan(9500);
  });

  test('a write is not copied, and settles when all of it was sent', () => {
    const order: string[] = [];
    inVirtualTime(100_000, 1, (near, far) => {
      far.chunks$.subscribe({ error: () => {} });
      near.write([new Uint8Array(30_000), new Uint8Array(5)], () => order.push('first'));
      near.write([], () => order.push('nothing'));
      near.write([new Uint8Array(30_000)], () => order.push('second'));
      near.end();
    });
    expect(order).toEqual(['first', 'nothing', 'second']);
  });

  test('our end comes behind what waits', () => {
    const { sent, ends } = inVirtualTime(100_000, 1, (near, far) => {
      near.write([new Uint8Array(300_000)], settled);
      near.end();
      far.end();
    });
    expect(total(sent)).toBe(300_000);
    expect(ends).toEqual(['far', 'in good order']);
  });

  test.each([
    ['we destroy it', (near: Connection, _: Connection) => near.destroy(), 'destroyed'],
    ['the peer destroys it', (_: Connection, far: Connection) => far.destroy(), 'reset'],
  ])('what waits settles with a fault when %s, before the connection is said to be over', (_, drop, code) => {
    const order: string[] = [];
    const { ends } = inVirtualTime(
      100_000,
      1,
      (near, far) => {
        for (const name of ['a', 'b', 'c'])
          near.write([new Uint8Array(100_000)], (fault) => order.push(`${name} ${fault?.code ?? 'sent'}`));
        near.closed$.subscribe(() => order.push('closed'));
        drop(near, far);
      },
      2000,
    );
    expect(ends).toEqual([code]);
    expect(order.at(-1)).toBe('closed');
    expect(order.map((each) => each.slice(0, 1))).toEqual(['a', 'b', 'c', 'c']);
    expect(order[1]).not.toContain('sent');
  });

  test('a reader that pauses itself stays paused when the limit lets go', () => {
    const { received } = inVirtualTime(100_000, 1, (near, far) => {
      near.pause();
      far.write([new Uint8Array(100_000)], settled);
    });
    expect(total(received)).toBe(0);
  });
});

describe('a rate on the command line', () => {
  test.each([
    ['64K', 65_536],
    ['1.5M', 1.5 * MiB],
    ['1g', 1024 * MiB],
    ['100kB', 100_000],
    ['10MiB', 10 * MiB],
    ['70000', 70_000],
  ])('%s is so many bytes a second', (text, bytes) => {
    expect(byteRate(65_536)(text)).toBe(bytes);
  });

  test.each(['', '63K', '0', '-1M', '1X', 'fast', '10M/s', 'K'])('%j is none', (text) => {
    expect(() => byteRate(65_536)(text)).toThrow('64K or more, such as 512K, 1.5M or 10MiB');
  });
});
