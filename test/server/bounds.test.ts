/**
 * In virtual time: whatever peers do, together and one after the other, the credit that is taken stays within what the
 * limits add up to. `test/e2e/resilience/bounds.test.ts` measures the same, and memory and descriptors, of a process.
 */
import { fc, test as property } from '@fast-check/vitest';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { boundsOf, CONNECTION_CREDIT_MAX } from '../../src/server/bounds.ts';
import { budgetMin, defaultLimits, descriptorsFor, limitsWithin } from '../../src/server/limits.ts';
import type { FileStore } from '../../src/store/contract.ts';
import { memoryStore } from '../../src/store/memory/memory-store.ts';
import { frame, putFrame } from '../support/network/peer.ts';
import { cases } from '../support/random/cases.ts';
import { fill, servedInMemory } from '../support/sessions/served-in-memory.ts';

const LARGE = 3_000_000;
const many = (count: number, one: (i: number) => Uint8Array): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => one(i));
/** So many of the shortest frames. */
const shortest = (count: number): Uint8Array => Buffer.concat(new Array(count).fill(frame({})));
const bytewise = (bytes: Uint8Array): Uint8Array[] => many(bytes.length, (i) => bytes.subarray(i, i + 1));

/** What a peer sends that reads nothing, chunk by chunk. */
const attacks: Readonly<Record<string, (n: number) => Uint8Array[]>> = {
  'half a header': (n) => [frame({ cmd: 'ping', pad: 'x'.repeat(60_000) }).subarray(0, 200 * (n + 1) ** 2)],
  'a header byte by byte': () => bytewise(frame({ cmd: 'ping', pad: 'x'.repeat(6_000) }).subarray(0, 5_000)),
  'the shortest frames, behind a body that came fast': (n) => [
    putFrame(`fast ${n}`, new Uint8Array(400_000)),
    shortest(5_000),
  ],
  'the shortest frames': () => [shortest(3_000)],
  'requests with long ids that are echoed': () => [
    Buffer.concat(many(2_000, (i) => frame({ cmd: i % 2 === 0 ? 'ping' : 'nope', id: 'i'.repeat(256) }))),
  ],
  'deep and wide JSON, and a byte of a body': (n) => [
    frame(
      { cmd: 'put', filename: `deep ${n}`, filesize: 1e9, x: many(20_000, () => new Uint8Array(0)) },
      'x',
    ),
  ],
  gets: () => many(40, () => frame({ cmd: 'get', filename: 'large' })),
  'lists, behind a body that came fast': (n) => [
    putFrame(`fast ${n}`, new Uint8Array(400_000)),
    Buffer.concat(new Array(2_000).fill(frame({ cmd: 'list' }))),
  ],
  'a get, and a list behind it': () => [frame({ cmd: 'get', filename: 'large' }), frame({ cmd: 'list' })],
  'puts of a byte each': (n) => [Buffer.concat(many(250, (i) => putFrame(`${n}/${i}`, 'x', { id: i })))],
  'a put that tells its progress at each byte': (n) => [
    frame({ cmd: 'get', filename: 'large' }),
    frame({ cmd: 'put', filename: `p${n}`, filesize: 1e6, progress: 1 }),
    ...bytewise(new Uint8Array(2_000)),
  ],
  'a body that is refused': () => many(5, () => putFrame('../x', new Uint8Array(300_000))),
  'a large body': (n) => [putFrame(`large ${n}`, new Uint8Array(1_000_000))],
};

/** A store that takes its time to write, and to be asked. */
function slow(store: FileStore, ms: number): FileStore {
  const later = <T>(answer: () => T) =>
    new Promise<Awaited<T>>((resolve) => setTimeout(async () => resolve(await answer()), ms));
  return {
    ...store,
    list: (options) => later(() => store.list(options)),
    put: async (name, options) => {
      const sink = await store.put(name, options);
      if (!sink.ok) return sink;
      const { value } = sink;
      return {
        ok: true,
        value: {
          ...value,
          write: (chunks) => later(() => value.write(chunks)),
          sync: () => later(() => value.sync()),
          commit: () => later(() => value.commit()),
          abort: () => value.abort(),
        },
      };
    },
  };
}

describe('the credit of all connections together', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  async function peakOf(kinds: readonly string[], high: number, ms: number): Promise<number> {
    const store = memoryStore();
    await fill(store, 'large', new Uint8Array(LARGE));
    for (let i = 0; i < 1_000; i++) await fill(store, `${'n'.repeat(i % 200)}${i}`, new Uint8Array(0));
    const limits = { ...defaultLimits, budget: { high, low: Math.floor((high * 3) / 4) } };
    const server = servedInMemory(slow(store, ms), limits);
    const peers = kinds.map((kind, n) => {
      const connection = server.connect();
      connection.pause();
      for (const chunk of attacks[kind]?.(n) ?? []) connection.write([chunk], () => {});
      return connection;
    });
    let peak = 0;
    for (let step = 0; step < 300; step++) {
      await vi.advanceTimersByTimeAsync(1);
      peak = Math.max(peak, server.stats().unsettled);
    }
    for (const connection of peers) connection.destroy();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(server.stats()).toMatchObject({ connections: 0, unsettled: 0 });
    await server.end();
    return peak;
  }

  const bound = (high: number, connections: number) =>
    boundsOf({ ...defaultLimits, budget: { high, low: high } }, { connections }).unsettled;

  test.each(Object.keys(attacks))(
    'the credit of all connections is bounded for peers that send %s',
    async (kind) => {
      // Small enough that each kind which costs credit would go beyond the bound, were it not paused.
      const high = 500_000;
      expect(await peakOf(new Array(8).fill(kind), high, 5)).toBeLessThanOrEqual(bound(high, 8));
    },
  );

  test('the credit of all connections is bounded when very many begin with the shortest frames while others use the budget', async () => {
    const high = 400_000;
    const kinds = [...new Array(8).fill('a large body'), ...new Array(40).fill('the shortest frames')];
    expect(await peakOf(kinds, high, 50)).toBeLessThanOrEqual(bound(high, kinds.length));
  });

  property.prop(
    [
      fc.array(fc.constantFrom(...Object.keys(attacks)), { minLength: 1, maxLength: 20 }),
      fc.integer({ min: budgetMin(defaultLimits.headerBytes), max: 8_000_000 }),
      fc.nat({ max: 50 }),
    ],
    { numRuns: cases(4) },
  )(
    'the credit of all connections is bounded whatever each of them sends, however small the budget and slow the store',
    async (kinds, high, ms) => {
      expect(await peakOf(kinds, high, ms)).toBeLessThanOrEqual(bound(high, kinds.length));
    },
  );
});

describe('the bounds of a server', () => {
  test('the bounds of a server grow with its connections, by no more than each needs to continue', () => {
    const of = (connections: number) => boundsOf(defaultLimits, { connections });
    expect(of(10).unsettled - of(0).unsettled).toBe(10 * CONNECTION_CREDIT_MAX);
    expect(CONNECTION_CREDIT_MAX).toBeLessThan(256 * 1024);
    expect(of(1).memory - of(0).memory).toBeLessThan(640 * 1024);
  });

  test('the bounds of a server have no more descriptors than the process may have', () => {
    for (const openFiles of [512, 1024, 20_000]) {
      const limits = { ...defaultLimits, ...limitsWithin(openFiles) };
      const { descriptors } = boundsOf(limits, { connections: limits.connections });
      expect(descriptors).toBeLessThanOrEqual(openFiles);
      expect(descriptors).toBeGreaterThan(descriptorsFor(limits.connections));
    }
  });
});
