/** The rule by which heads that follow one another are believed, and from which of them on frames are read. */
import { describe, expect, test } from 'vitest';
import { addHead, type Chains, endChains, noChains } from '../../../src/capture/inspect/resync/chains.ts';

interface Heads {
  readonly bits: number;
  readonly many: number;
  /** Places that were tried before the first, and packets that had begun. */
  readonly places?: number;
  readonly packetStarts?: number;
  /** Whether a packet begins with the first. */
  readonly beginsPacket?: boolean;
}

const SIZE = 100;

/** What is said of each of these heads, each behind the one before it, from place 1,000 on. */
function chained({ bits, many, places = 0, packetStarts = 0, beginsPacket = true }: Heads): {
  chains: Chains;
  said: (number | null)[];
} {
  const chains: Chains = { ...noChains(), places, packetStarts };
  const said = Array.from({ length: many }, (_, i) =>
    addHead(chains, 1000 + i * SIZE, { size: SIZE, bits }, beginsPacket && i === 0),
  );
  return { chains, said };
}

const believedAt = (heads: Heads): number => chained(heads).said.findIndex((read) => read !== null) + 1;
const readFrom = (heads: Heads): number | null => chained(heads).said.find((read) => read !== null) ?? null;

describe('a chain of heads', () => {
  test.each([
    ['of little evidence only when it is long enough: 41 bits are needed', { bits: 10, many: 9 }, 5],
    ['of as much evidence as one head can have only with three', { bits: 57, many: 9 }, 3],
    [
      'later when a million places were tried',
      { bits: 10, many: 9, places: 2 ** 20, beginsPacket: false },
      7,
    ],
    ['later when many packets had begun', { bits: 10, many: 9, packetStarts: 2 ** 10 }, 6],
    ['never when its heads say nothing', { bits: 0, many: 50 }, 0],
  ])('a chain of heads is believed %s', (_, heads: Heads, at) => {
    expect(believedAt(heads)).toBe(at);
  });

  test('a chain that a packet begins with is read from its first head on, when that has evidence enough', () => {
    expect(readFrom({ bits: 23, many: 5 })).toBe(1000);
    expect(readFrom({ bits: 10, many: 5 })).toBe(1000 + 2 * SIZE);
  });

  test('a chain that no packet begins with is never read from its first head on, which may lie in a body', () => {
    expect(readFrom({ bits: 57, many: 5, beginsPacket: false })).toBe(1000 + SIZE);
  });

  test('heads of which none is where another says are never believed', () => {
    const chains = noChains();
    for (let i = 0; i < 5000; i++) {
      expect(addHead(chains, i * 7, { size: 10_000_000 + i * i, bits: 57 }, true)).toBeNull();
    }
    expect(chains.byNext.size).toBeLessThanOrEqual(1024);
  });

  test('a chain that leads to the very last byte has evidence in that, more if the side has ended there', () => {
    const two = { bits: 17, many: 2 };
    const end = 1000 + 2 * SIZE;
    expect(endChains(chained(two).chains, end, 'ended', null)).toBe(1000 + SIZE);
    expect(endChains(chained(two).chains, end, 'cut', null)).toBeNull();
    expect(endChains(chained(two).chains, end + 1, 'ended', null)).toBeNull();
  });

  test('a single head that explains a whole recording from the middle is believed, and elsewhere it is not', () => {
    const one = { bits: 23, many: 1 };
    expect(endChains(chained(one).chains, 1000 + SIZE, 'cut', 1000)).toBe(1000);
    expect(endChains(chained(one).chains, 1000 + SIZE, 'cut', 900)).toBeNull();
    expect(endChains(chained(one).chains, 1000 + SIZE, 'ended', null)).toBeNull();
  });
});
