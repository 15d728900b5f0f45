import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { CREDIT_FLOOR_BYTES, type CreditWindow, createBudget } from '../../../src/actor/bounds/credit.ts';

const plenty = { high: 1e9, low: 1e8 };

describe('a window', () => {
  test('a window pauses above its high mark and resumes at its low mark', () => {
    const flow: boolean[] = [];
    const window = createBudget(plenty).window({ high: 10, low: 4 }, (paused) => flow.push(paused));
    window.charge(10);
    expect(flow).toEqual([]);
    window.charge(1);
    expect(flow).toEqual([true]);
    window.credit(6);
    expect(flow).toEqual([true]);
    window.credit(1);
    expect(flow).toEqual([true, false]);
  });

  test('a window pauses when all together hold more than the budget, and it holds more than the floor', () => {
    const flow: string[] = [];
    const budget = createBudget({ high: 10 * CREDIT_FLOOR_BYTES, low: 4 * CREDIT_FLOOR_BYTES });
    const one = budget.window(plenty, (paused) => flow.push(`one ${paused}`));
    const two = budget.window(plenty, (paused) => flow.push(`two ${paused}`));
    one.charge(9 * CREDIT_FLOOR_BYTES);
    two.charge(CREDIT_FLOOR_BYTES);
    expect(flow).toEqual([]);
    two.charge(1);
    expect(flow).toEqual(['two true']);
    one.credit(9 * CREDIT_FLOOR_BYTES);
    two.credit(1);
    expect(flow).toEqual(['two true', 'two false']);
  });

  test('a window is read from while it holds no more than the floor, however much others hold', () => {
    const flow: boolean[] = [];
    const budget = createBudget({ high: 10, low: 4 });
    budget.window(plenty, () => {}).charge(1e6);
    const window = budget.window(plenty, (paused) => flow.push(paused));
    window.charge(CREDIT_FLOOR_BYTES);
    expect(flow).toEqual([]);
    window.charge(1);
    window.credit(1);
    expect(flow).toEqual([true, false]);
  });

  test('a window is read from while a request with a large header has its body still to come', () => {
    const flow: boolean[] = [];
    const budget = createBudget({ high: 10, low: 4 });
    budget.window(plenty, () => {}).charge(1e6);
    const window = budget.window(plenty, (paused) => flow.push(paused));
    window.charge(100 * CREDIT_FLOOR_BYTES);
    window.setFrameCost(100 * CREDIT_FLOOR_BYTES);
    window.charge(CREDIT_FLOOR_BYTES);
    expect(flow).toEqual([true, false]);
    // Once the body is there, the header is like everything else that is held.
    window.setFrameCost(0);
    expect(flow).toEqual([true, false, true]);
  });

  test('a window may always have one small piece on its way to its peer, and larger ones while there is room', () => {
    const budget = createBudget({ high: 4e6, low: 3e6 });
    const deaf = Array.from({ length: 100 }, () => budget.window(plenty, () => {}));
    for (const window of deaf) for (let lent = 1; lent > 0; ) lent = window.lend(256 * 1024);
    // Half of the budget, and the floor for each.
    expect(budget.unsettled()).toBeLessThanOrEqual(2e6 + 100 * CREDIT_FLOOR_BYTES);
    const window = budget.window(plenty, () => {});
    expect(window.lend(256 * 1024)).toBe(CREDIT_FLOOR_BYTES);
    expect(window.lend(256 * 1024)).toBe(0);
    window.repay(CREDIT_FLOOR_BYTES);
    expect(window.lend(10)).toBe(10);
  });

  test('a window that is paused because of others is read from again when they let go, although nothing of its own changes', () => {
    const flow: string[] = [];
    const budget = createBudget({ high: 10 * CREDIT_FLOOR_BYTES, low: 4 * CREDIT_FLOOR_BYTES });
    const other = budget.window(plenty, () => {});
    const [one, two] = ['one', 'two'].map((name) =>
      budget.window(plenty, (paused) => flow.push(`${name} ${paused}`)),
    ) as [CreditWindow, CreditWindow];
    other.charge(10 * CREDIT_FLOOR_BYTES);
    one.charge(CREDIT_FLOOR_BYTES + 1);
    two.charge(CREDIT_FLOOR_BYTES + 1);
    expect(flow).toEqual(['one true', 'two true']);
    other.credit(7 * CREDIT_FLOOR_BYTES);
    expect(flow).toEqual(['one true', 'two true']);
    other.credit(2 * CREDIT_FLOOR_BYTES);
    expect(flow).toEqual(['one true', 'two true', 'one false', 'two false']);
  });

  test('a window that is paused because of others is read from again when what was lent to them is repaid', () => {
    const flow: boolean[] = [];
    const budget = createBudget({ high: 10 * CREDIT_FLOOR_BYTES, low: 4 * CREDIT_FLOOR_BYTES });
    const other = budget.window(plenty, () => {});
    const window = budget.window(plenty, (paused) => flow.push(paused));
    const lent = other.lend(5 * CREDIT_FLOOR_BYTES);
    expect(lent).toBe(5 * CREDIT_FLOOR_BYTES);
    window.charge(5 * CREDIT_FLOOR_BYTES + 1);
    window.credit(3 * CREDIT_FLOOR_BYTES);
    expect(flow).toEqual([true]);
    other.repay(lent);
    expect(flow).toEqual([true, false]);
  });

  test('a window is paused again while others are woken, and those behind it wait until there is room', () => {
    const flow: string[] = [];
    const budget = createBudget({ high: 4 * CREDIT_FLOOR_BYTES, low: 3 * CREDIT_FLOOR_BYTES });
    const other = budget.window(plenty, () => {});
    const one = budget.window(plenty, (paused) => {
      flow.push(`one ${paused}`);
      // What it reads at once uses up the room.
      if (!paused) one.charge(CREDIT_FLOOR_BYTES);
    });
    const two = budget.window(plenty, (paused) => flow.push(`two ${paused}`));
    other.charge(4 * CREDIT_FLOOR_BYTES);
    one.charge(CREDIT_FLOOR_BYTES + 1);
    two.charge(CREDIT_FLOOR_BYTES + 1);
    other.credit(4 * CREDIT_FLOOR_BYTES);
    expect(flow).toEqual(['one true', 'two true', 'one false']);
    one.credit(CREDIT_FLOOR_BYTES);
    expect(flow).toEqual(['one true', 'two true', 'one false', 'two false']);
  });

  test.each([0, 2])(
    'a window that keeps more than its low mark is read from again when little else is held, with %i bytes beside it',
    (beside) => {
      const flow: boolean[] = [];
      const window = createBudget(plenty).window({ high: 100, low: 50 }, (paused) => flow.push(paused));
      window.charge(80);
      window.setKept(80);
      window.charge(beside);
      window.charge(30);
      expect(flow).toEqual([true]);
      window.credit(30);
      expect(flow).toEqual([true, false]);
    },
  );

  test('a window that keeps more than its low mark is paused no later than any other, and read from no sooner than it holds less', () => {
    const flow: boolean[] = [];
    const window = createBudget(plenty).window({ high: 100, low: 50 }, (paused) => flow.push(paused));
    window.charge(80);
    window.setKept(80);
    window.charge(20);
    expect(flow).toEqual([]);
    window.charge(1);
    window.credit(10);
    expect(flow).toEqual([true]);
    window.credit(1);
    expect(flow).toEqual([true, false]);
    // What it keeps no more does not raise the mark.
    window.charge(11);
    window.setKept(0);
    window.credit(50);
    expect(flow).toEqual([true, false, true]);
    window.credit(1);
    expect(flow).toEqual([true, false, true, false]);
  });
});

const bytes = fc.integer({ min: 1, max: 3 * CREDIT_FLOOR_BYTES });
const who = fc.nat({ max: 3 });
const steps = fc.array(
  fc.oneof(
    fc.record({ do: fc.constantFrom('take', 'give', 'lend', 'repay', 'frame'), who, bytes }),
    fc.record({ do: fc.constant('end of frame'), who, bytes: fc.constant(0) }),
  ),
  { maxLength: 200 },
);

test.prop([
  steps,
  fc.integer({ min: 1, max: 20 * CREDIT_FLOOR_BYTES }),
  fc.integer({ min: 1, max: 20 * CREDIT_FLOOR_BYTES }),
])(
  'whoever obeys is within the bound, and whoever is paused goes on once what it holds has settled',
  (moves, high, all) => {
    const piece = 3 * CREDIT_FLOOR_BYTES;
    const budget = createBudget({ high: all, low: all / 2 });
    const members = [0, 1, 2, 3].map(() => {
      const member = {
        paused: false,
        held: 0,
        frame: 0,
        lent: [] as number[],
        window: null as unknown as CreditWindow,
      };
      member.window = budget.window({ high, low: high / 2 }, (paused) => {
        expect(paused).not.toBe(member.paused);
        member.paused = paused;
      });
      return member;
    });
    for (const move of moves) {
      const member = members[move.who]!;
      const { window } = member;
      if (move.do === 'take' && !member.paused) {
        window.charge(move.bytes);
        member.held += move.bytes;
      } else if (move.do === 'give') {
        const given = Math.min(move.bytes, member.held - member.frame);
        if (given > 0) window.credit(given);
        member.held -= given;
      } else if (move.do === 'frame' && member.frame === 0 && !member.paused) {
        if (move.bytes > CREDIT_FLOOR_BYTES && !window.fits(move.bytes)) continue;
        window.charge(move.bytes);
        window.setFrameCost(move.bytes);
        member.held += move.bytes;
        member.frame = move.bytes;
      } else if (move.do === 'end of frame') {
        window.setFrameCost(0);
        member.frame = 0;
      } else if (move.do === 'lend') {
        const lent = window.lend(move.bytes);
        if (member.lent.length === 0)
          expect(lent).toBeGreaterThanOrEqual(Math.min(move.bytes, CREDIT_FLOOR_BYTES));
        if (lent > 0) member.lent.push(lent);
      } else if (move.do === 'repay' && member.lent.length > 0) window.repay(member.lent.pop()!);

      const sum = (of: (member: (typeof members)[0]) => number) => members.map(of).reduce((a, b) => a + b, 0);
      const lent = sum((it) => it.lent.reduce((a, b) => a + b, 0));
      expect(members.map((it) => it.window.unsettled())).toEqual(members.map((it) => it.held));
      expect(budget.unsettled()).toBe(sum((it) => it.held) + lent);
      for (const { held, frame, paused } of members) {
        expect(held).toBeLessThanOrEqual(Math.max(high, CREDIT_FLOOR_BYTES) + 2 * piece + frame);
        if (paused) expect(held - frame).toBeGreaterThan(0);
      }
      expect(budget.unsettled()).toBeLessThanOrEqual(all + 4 * (2 * CREDIT_FLOOR_BYTES + 2 * piece));
    }
    // What it holds settles; what the others hold does not, nor what is lent, nor the request it is in the middle of.
    for (const { window, held, frame } of members) if (held > frame) window.credit(held - frame);
    for (const { paused } of members) expect(paused).toBe(false);
  },
);
