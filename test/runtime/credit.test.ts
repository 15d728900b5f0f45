import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { createBudget } from '../../src/runtime/credit.ts';

const plenty = { high: 1e9, low: 1e8 };

describe('a window', () => {
  test('pauses above its high mark and resumes at its low mark', () => {
    const flow: boolean[] = [];
    const window = createBudget(plenty).window({ high: 10, low: 4 }, (paused) => flow.push(paused));
    window.take(10);
    expect(flow).toEqual([]);
    window.take(1);
    expect(flow).toEqual([true]);
    window.give(6);
    expect(flow).toEqual([true]);
    window.give(1);
    expect(flow).toEqual([true, false]);
  });

  test('pauses when all together hold more than the budget', () => {
    const flow: string[] = [];
    const budget = createBudget({ high: 10, low: 4 });
    const one = budget.window(plenty, (paused) => flow.push(`one ${paused}`));
    const two = budget.window(plenty, (paused) => flow.push(`two ${paused}`));
    one.take(8);
    two.take(3);
    expect(flow).toEqual(['two true']);
    one.give(8);
    two.give(1);
    expect(flow).toEqual(['two true', 'two false']);
  });

  test('that holds nothing may always read, however much others hold', () => {
    const flow: boolean[] = [];
    const budget = createBudget({ high: 10, low: 4 });
    budget.window(plenty, () => {}).take(100);
    const window = budget.window(plenty, (paused) => flow.push(paused));
    window.take(1);
    window.give(1);
    expect(flow).toEqual([true, false]);
  });
});

const steps = fc.array(
  fc.record({ who: fc.nat({ max: 3 }), take: fc.boolean(), bytes: fc.integer({ min: 1, max: 30 }) }),
  { maxLength: 200 },
);

test.prop([steps])(
  'whoever obeys holds at most its high mark and one chunk; all of them, the budget and one each',
  (moves) => {
    const [high, all, chunk] = [50, 90, 30];
    const budget = createBudget({ high: all, low: 40 });
    const paused = [false, false, false, false];
    const held = [0, 0, 0, 0];
    const windows = paused.map((_, who) =>
      budget.window({ high, low: 20 }, (now) => {
        paused[who] = now;
      }),
    );
    for (const { who, take, bytes } of moves) {
      if (take && !paused[who]) {
        windows[who]!.take(bytes);
        held[who]! += bytes;
      } else if (!take) {
        const given = Math.min(bytes, held[who]!);
        if (given > 0) windows[who]!.give(given);
        held[who]! -= given;
      }
      expect(windows.map((window) => window.unsettled())).toEqual(held);
      expect(Math.max(...held)).toBeLessThanOrEqual(high + chunk);
      expect(budget.unsettled()).toBeLessThanOrEqual(all + 4 * chunk);
      for (const [i, isPaused] of paused.entries()) if (isPaused) expect(held[i]).toBeGreaterThan(0);
    }
  },
);
