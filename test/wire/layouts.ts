/**
 * Length-field configurations: all of them in a grid, and arbitrary ones.
 */
import { fc } from '@fast-check/vitest';
import type { LengthFieldOptions } from '../../src/wire/length-options.ts';

const widths = [1, 2, 3, 4, 8, 'varint'] as const;
const endians = ['big', 'little'] as const;
const countings = ['body', 'field', 'frame'] as const;
const offsets = [0, 1, 5];
const adjustments = [-20, -1, 0, 1, 7];

/** Widths x endian x signed x offset x counts x adjustment; a varint has neither endian nor sign. */
export function everyLayout(maxLength: number): LengthFieldOptions[] {
  const all: LengthFieldOptions[] = [];
  for (const counts of countings) {
    for (const offset of offsets) {
      for (const adjustment of adjustments) {
        for (const width of widths) {
          const rest = { offset, counts, adjustment, maxLength };
          if (width === 'varint')
            for (const maxVarint of [1, 2, 4, 10]) all.push({ width, maxVarint, ...rest });
          else
            for (const endian of endians) {
              all.push({ width, endian, signed: false, ...rest }, { width, endian, signed: true, ...rest });
            }
        }
      }
    }
  }
  return all;
}

/** An arbitrary configuration, with bounds that lie on and around the powers of two too. */
export const layouts: fc.Arbitrary<LengthFieldOptions> = fc
  .record({
    width: fc.constantFrom(...widths),
    endian: fc.constantFrom(...endians),
    signed: fc.boolean(),
    offset: fc.nat(9),
    counts: fc.constantFrom(...countings),
    adjustment: fc.oneof(fc.integer({ min: -12, max: 12 }), fc.integer({ min: -(2 ** 32), max: 2 ** 32 })),
    maxLength: fc.oneof(fc.nat(300), lengthsAround(), fc.constant(Number.MAX_SAFE_INTEGER)),
    maxVarint: fc.integer({ min: 1, max: 10 }),
  })
  .map((options) => (options.width === 'varint' ? { ...options, signed: false } : options));

/** Numbers from 0 to 2^53 - 1, mostly near a power of two. */
export function lengthsAround(): fc.Arbitrary<number> {
  return fc
    .tuple(fc.nat(53), fc.integer({ min: -30, max: 30 }))
    .map(([power, by]) => Math.max(0, Math.min(2 ** power + by, Number.MAX_SAFE_INTEGER)));
}
