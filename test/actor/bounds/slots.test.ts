import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { createSlots } from '../../../src/actor/bounds/slots.ts';

describe('a slot', () => {
  test('a slot of its own is a holder’s whatever the others hold', () => {
    const slots = createSlots({ shared: 1, perHolder: 1 });
    const [greedy, other] = [slots.join(), slots.join()];
    for (let i = 0; i < 5; i++) greedy.acquire(() => {});
    let granted = false;
    other.acquire(() => {
      granted = true;
    });
    expect(granted).toBe(true);
  });

  test('a slot that comes free goes to the holder that has waited longest, one each in turn', () => {
    const slots = createSlots({ shared: 2, perHolder: 0 });
    const order: string[] = [];
    const held = new Map<string, () => void>();
    const holders = { a: slots.join(), b: slots.join(), c: slots.join() };
    for (const name of ['a1', 'a2', 'a3', 'a4', 'a5', 'b1', 'b2', 'c1']) {
      const letGo = holders[name[0] as 'a'].acquire(() => order.push(name));
      held.set(name, letGo);
    }
    for (let i = 0; i < order.length; i++) held.get(order[i]!)!();
    expect(order).toEqual(['a1', 'a2', 'a3', 'b1', 'c1', 'a4', 'b2', 'a5']);
    expect(slots.taken()).toBe(0);
  });

  test('a slot that is wanted no more is not granted to the holder that wanted it', () => {
    const slots = createSlots({ shared: 1, perHolder: 0 });
    const holder = slots.join();
    const letGo = holder.acquire(() => {});
    const forget = holder.acquire(() => expect.unreachable());
    forget();
    let granted = false;
    holder.acquire(() => {
      granted = true;
    });
    letGo();
    expect(granted).toBe(true);
  });

  test('a slot that each holder releases at once goes round all that wait, however many they are', () => {
    const many = 50_000;
    for (const [holders, shared] of [
      [many, 1],
      [1, 0],
    ] as const) {
      const slots = createSlots({ shared, perHolder: 1 - shared });
      const letGo = slots.join().acquire(() => {});
      const all = Array.from({ length: holders }, () => slots.join());
      const letGos = shared === 1 ? [letGo] : all.map((holder) => holder.acquire(() => {}));
      let granted = 0;
      for (let i = 0; i < many; i++) {
        all[i % holders]!.acquire((leave) => {
          granted++;
          leave();
        });
      }
      expect(granted).toBe(0);
      for (const go of letGos) go();
      expect(granted).toBe(many);
      letGo();
      expect(slots.taken()).toBe(0);
    }
  });
});

const moves = fc.array(
  fc.oneof(
    fc.nat(3).map((who) => ({ do: 'acquire' as const, who })),
    fc.nat(100).map((which) => ({ do: 'let go' as const, which })),
  ),
  { maxLength: 120 },
);

property.prop([moves, fc.nat(4), fc.nat(2)])(
  'whatever is asked for and let go, the bound holds, own slots never wait, and in the end every holder was served in order',
  (steps, shared, perHolder) => {
    fc.pre(shared + perHolder > 0);
    const slots = createSlots({ shared, perHolder });
    const holders = Array.from({ length: 4 }, () => slots.join());
    interface Claim {
      readonly who: number;
      letGo: () => void;
      granted: boolean;
      over: boolean;
    }
    const claims: Claim[] = [];
    const held = (who: number) => claims.filter((it) => it.who === who && it.granted && !it.over).length;
    const waits = (who: number) => claims.filter((it) => it.who === who && !it.granted && !it.over);
    const end = (claim: Claim) => {
      claim.over = true;
      claim.letGo();
    };
    const check = () => {
      const taken = [0, 1, 2, 3].map(held);
      expect(slots.taken()).toBe(taken.reduce((sum, it) => sum + it, 0));
      const beyond = taken.reduce((sum, it) => sum + Math.max(0, it - perHolder), 0);
      expect(beyond).toBeLessThanOrEqual(shared);
      // Nobody waits who has a place of its own to take, or while a shared one is free.
      const waiting = [0, 1, 2, 3].filter((who) => waits(who).length > 0);
      for (const who of waiting) expect(taken[who]).toBeGreaterThanOrEqual(perHolder);
      if (waiting.length > 0) expect(beyond).toBe(shared);
    };
    for (const step of steps) {
      if (step.do === 'let go') {
        const open = claims.filter((it) => !it.over);
        const claim = open[step.which % Math.max(open.length, 1)];
        if (claim !== undefined) end(claim);
      } else {
        const claim: Claim = { who: step.who, letGo: () => {}, granted: false, over: false };
        claims.push(claim);
        claim.letGo = holders[step.who]!.acquire(() => {
          expect(claim.over).toBe(false);
          expect(waits(step.who)[0]).toBe(claim);
          claim.granted = true;
        });
      }
      check();
    }
    for (let claim = claims.find((it) => it.granted && !it.over); claim !== undefined; ) {
      end(claim);
      check();
      claim = claims.find((it) => it.granted && !it.over);
    }
    expect(claims.every((it) => it.over)).toBe(true);
    expect(slots.taken()).toBe(0);
  },
);
