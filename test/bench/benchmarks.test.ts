import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const here = (name: string) => new URL(name, import.meta.url);
const { all, quick } = await import(here('./benchmarks.mjs').href);
const { byTurns } = await import(here('./support/turns.mjs').href);
const { percentile } = await import(here('./support/table.mjs').href);

describe('the benchmarks', () => {
  it.each(all as string[])('%s can be run alone and against another build', async (name) => {
    const { run, contests } = await import(here(`./${name}.mjs`).href);
    expect(run).toBeTypeOf('function');
    expect(contests).toBeTypeOf('function');
  });

  it('are those in the table of the README, in the same order', () => {
    const rows = readFileSync(here('./README.md'), 'utf8').matchAll(/^\| \[`([\w-]+)`\]\(\1\.mjs\) \|/gm);
    expect(Array.from(rows, ([, name]) => name)).toEqual(all);
  });

  it('has only benchmarks that exist in the quick ones', () => {
    expect(all).toEqual(expect.arrayContaining(quick));
  });
});

describe('contestants by turns', () => {
  const recorded = async (contestants: { name: string; once?: boolean }[], options?: { fresh: boolean }) => {
    const order: string[] = [];
    const turn = ({ name }: { name: string }) => {
      order.push(name);
      return order.length;
    };
    const results = await byTurns(contestants, 2, turn, options);
    return { order: order.join(''), results };
  };

  it('each have a turn in a round, and the turns of the first round do not count', async () => {
    const { order, results } = await recorded([{ name: 'a' }, { name: 'b' }]);
    expect(order).toBe('ababab');
    expect(results).toEqual([
      [3, 5],
      [4, 6],
    ]);
  });

  it('do not warm up when each turn starts from nothing', async () => {
    const { order, results } = await recorded([{ name: 'a' }, { name: 'b' }], { fresh: true });
    expect(order).toBe('abab');
    expect(results).toEqual([
      [1, 3],
      [2, 4],
    ]);
  });

  it('have one turn in all when they take long', async () => {
    const { order, results } = await recorded([{ name: 'a' }, { name: 'b', once: true }]);
    expect(order).toBe('aaba');
    expect(results).toEqual([[2, 4], [3]]);
  });
});

describe('a percentile', () => {
  it('is the least number that so many of a hundred are not above, in any order', () => {
    const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
    expect([50, 99, 100].map((of) => percentile(hundred, of))).toEqual([50, 99, 100]);
    expect(percentile([7], 99)).toBe(7);
    expect(percentile([2, 1], 50)).toBe(1);
  });
});
