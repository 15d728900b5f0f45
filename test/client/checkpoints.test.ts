import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { createCheckpoints } from '../../src/client/checkpoints.ts';

const mega = 1024 * 1024;
/** Stands for the CRC-32 of so many bytes. */
const sumOf = (offset: number) => (offset * 31) % 65_521;

describe('checkpoints', () => {
  test('of nothing say nothing', () => {
    expect(createCheckpoints().before(5 * mega)).toEqual({ offset: 0, crc32: 0 });
  });

  property.prop([fc.array(fc.integer({ min: 1, max: 6 * mega }), { maxLength: 400 }), fc.nat(100)])(
    'answer with one that was noted, at or before, and not far off however much there is',
    (steps, percent) => {
      const it = createCheckpoints();
      let end = 0;
      let longest = 0;
      for (const step of steps) {
        end += step;
        longest = Math.max(longest, step);
        it.note(end, sumOf(end));
      }
      const asked = Math.floor((end * percent) / 100);
      const { offset, crc32 } = it.before(asked);
      expect(offset).toBeLessThanOrEqual(asked);
      expect(crc32).toBe(sumOf(offset));
      // 64 at the most over all there is, and at least half as many before they are thinned out.
      expect(asked - offset).toBeLessThanOrEqual(Math.max(mega, end / 16) + 2 * longest);
    },
  );

  property.prop([fc.integer({ min: 1, max: 300 }), fc.nat(300), fc.nat(300)])(
    'once passed, still answer for all behind it',
    (count, passed, asked) => {
      const [one, other] = [createCheckpoints(), createCheckpoints()];
      for (let i = 1; i <= count; i++) for (const it of [one, other]) it.note(i * mega, sumOf(i * mega));
      one.passed(passed * mega);
      const at = Math.max(passed, asked) * mega;
      expect(one.before(at)).toEqual(other.before(at));
    },
  );

  test('of another content are forgotten', () => {
    const it = createCheckpoints();
    it.note(2 * mega, 7);
    it.clear();
    expect(it.before(2 * mega)).toEqual({ offset: 0, crc32: 0 });
  });

  test('of a beginning that is read once more change nothing', () => {
    const it = createCheckpoints();
    for (const offset of [2, 4, 1, 3]) it.note(offset * mega, offset);
    expect([1, 2, 3, 4].map((offset) => it.before(offset * mega).crc32)).toEqual([0, 2, 2, 4]);
  });
});
