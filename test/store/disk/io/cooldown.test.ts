import { expect, it } from 'vitest';
import { afterWrite, type Cooldown, NO_COOLDOWN } from '../../../../src/store/disk/io/cooldown.ts';

/** The lengths of the cooldowns after writes that took so long, each so many milliseconds after the last cooldown. */
function lengths(writes: readonly { took: number; after?: number }[]): readonly number[] {
  let cooldown: Cooldown = NO_COOLDOWN;
  let now = 0;
  return writes.map(({ took, after = 1 }) => {
    const began = Math.max(now, cooldown.until) + after;
    now = began + took;
    const next = afterWrite(cooldown, began, now);
    const isSame = next === cooldown;
    cooldown = next;
    if (!isSame) expect(cooldown.until).toBe(now + cooldown.length);
    return isSame ? 0 : cooldown.length;
  });
}

it('a fast write sends nothing to the pool', () => {
  expect(lengths([{ took: 0 }, { took: 10 }])).toEqual([0, 0]);
});

it('one slow write sends the writes of a tenth of a second to the pool', () => {
  expect(lengths([{ took: 11 }])).toEqual([100]);
});

it('slow writes one after the other send more and more to the pool, up to two seconds', () => {
  expect(lengths([{ took: 11 }, { took: 20 }, { took: 11 }, { took: 11 }, { took: 11 }])).toEqual([
    100, 400, 1_600, 2_000, 2_000,
  ]);
});

it('fast writes between slow ones change nothing, since a slow disk takes some at once', () => {
  expect(lengths([{ took: 11 }, { took: 1 }, { took: 1 }, { took: 11 }])).toEqual([100, 0, 0, 400]);
});

it('a slow write long after the last one counts as the first', () => {
  expect(lengths([{ took: 11 }, { took: 11 }, { took: 11, after: 1_001 }])).toEqual([100, 400, 100]);
});

it('a write that took a tenth of a second sends those of two seconds to the pool at once', () => {
  expect(lengths([{ took: 100 }])).toEqual([2_000]);
});
