/**
 * In virtual time: however little memory there is, and whoever holds it without going on, every peer that goes on reading
 * and writing finishes what it has begun.
 */
import { fc, test as property } from '@fast-check/vitest';
import { afterEach, beforeEach, expect, vi } from 'vitest';
import { budgetMin, defaultLimits } from '../../../src/server/limits.ts';
import type { FileStore, Sink } from '../../../src/store/contract.ts';
import { memoryStore } from '../../../src/store/memory/memory-store.ts';
import type { JsonHeader } from '../../../src/wire/json-header.ts';
import { frame, outcomes, peer, putFrame } from '../../support/network/peer.ts';
import { cases } from '../../support/random/cases.ts';
import { fill, servedInMemory } from '../../support/sessions/served-in-memory.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const timeouts = {
  firstBytes: 1_000,
  header: 1_000,
  body: 1_000,
  bodyBytes: 64,
  idle: 600_000,
  unread: 2_000,
};
const LARGE = 3_000_000;

/** A store that takes its time: so many milliseconds for whatever it is asked. */
function slow(store: FileStore, delay: () => number): FileStore {
  const later = async <T>(answer: () => T): Promise<Awaited<T>> => {
    await new Promise((resolve) => setTimeout(resolve, delay()));
    return await answer();
  };
  return {
    ...store,
    put: (name, options) =>
      later(async () => {
        const sink = await store.put(name, options);
        if (!sink.ok) return sink;
        const { value } = sink;
        const write: Sink['write'] = (chunks) => later(() => value.write(chunks));
        return {
          ok: true as const,
          value: { ...value, write, abort: () => value.abort(), commit: () => later(() => value.commit()) },
        };
      }),
    list: (options) => later(() => store.list(options)),
  };
}

/** What a peer may hold without going on. */
const holds = {
  'half a header': () =>
    frame({ cmd: 'put', filename: 'h', filesize: 1, pad: 'x'.repeat(50_000) }).subarray(0, 40_000),
  'a header of nested arrays, and a byte of a body': (n: number) => {
    const header = {
      cmd: 'put',
      filename: `n${n}`,
      filesize: 1e9,
      x: Array.from({ length: 20_000 }, () => []),
    };
    return frame(header, 'x');
  },
  'gets that it does not read': () =>
    Buffer.concat(Array.from({ length: 20 }, () => frame({ cmd: 'get', filename: 'large' }))),
  'gets that it hardly reads, and much of a header behind them': () =>
    Buffer.concat([
      putFrame('larger pieces from now on', new Uint8Array(100_000)),
      ...Array.from({ length: 20 }, () => frame({ cmd: 'get', filename: 'large' })),
      frame({ cmd: 'ping', pad: 'x'.repeat(50_000) }).subarray(0, 30_000),
    ]),
  'lists that it does not read, and a request behind them': () =>
    Buffer.concat(Array.from({ length: 100 }, () => frame({ cmd: 'list', pad: 'x'.repeat(2_000) }))),
  'a header that comes byte by byte': () => frame({ cmd: 'ping', pad: 'x'.repeat(9_000) }).subarray(0, 8_000),
} as const;

const put = fc.record({
  pad: fc.oneof(fc.nat({ max: 2_000 }), fc.nat({ max: 60_000 })),
  size: fc.oneof(fc.nat({ max: 100 }), fc.nat({ max: 200_000 })),
});
const honest = fc.array(fc.array(put, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 8 });
const silent = fc.array(fc.constantFrom(...(Object.keys(holds) as (keyof typeof holds)[])), {
  maxLength: 12,
});

property.prop(
  [
    honest,
    silent,
    fc.integer({ min: budgetMin(defaultLimits.headerBytes), max: 2_000_000 }),
    fc.array(fc.nat({ max: 30 }), { minLength: 1, maxLength: 10 }),
    fc.nat({ max: 1 }),
  ],
  { numRuns: cases(12) },
)(
  'every peer that goes on finishes what it has begun, whatever the others hold and however little memory there is',
  async (clients, attackers, high, delays, shared) => {
    const store = memoryStore();
    await fill(store, 'large', new Uint8Array(LARGE));
    let asked = 0;
    const server = servedInMemory(
      slow(store, () => delays[asked++ % delays.length]!),
      {
        timeouts,
        linger: 100,
        budget: { high, low: Math.floor((high * 3) / 4) },
        openFiles: { reading: shared, writing: shared },
      },
    );
    const deaf = attackers.map((kind, n) => {
      const connection = server.connect();
      connection.pause();
      connection.write([holds[kind](n)], () => {});
      // A little is read now and then: enough that something of the replies is always taken in time.
      if (kind.includes('hardly')) {
        connection.chunks$.subscribe({ next: () => connection.pause(), error: () => {} });
        const reading = setInterval(() => connection.resume(), 1_000);
        connection.closed$.subscribe(() => clearInterval(reading));
      }
      return connection;
    });
    await vi.advanceTimersByTimeAsync(50);
    const peers = clients.map((puts, who) => {
      const it = peer(server.connect());
      const frames = puts.map(({ pad, size }, n) =>
        putFrame(`c${who}.${n}`, new Uint8Array(size), { id: n, pad: 'x'.repeat(pad) }),
      );
      void it.send(...frames);
      const got: JsonHeader[] = [];
      it.headers$.subscribe((header) => got.push(header));
      return { it, got };
    });
    await vi.advanceTimersByTimeAsync(120_000);
    expect(peers.map(({ got }) => outcomes(got))).toEqual(clients.map((puts) => puts.map(() => 'put')));
    for (const { it } of peers) it.connection.end();
    for (const connection of deaf) connection.destroy();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(server.stats()).toMatchObject({ connections: 0, unsettled: 0 });
    await server.end();
  },
);
