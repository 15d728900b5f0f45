/** A set of indices at one bit each. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createIndexSet } from '../../src/base/index-set.ts';

test('an index set has what was added, and counts it once', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(5000)), fc.array(fc.integer({ min: -1, max: 5001 })), (added, asked) => {
      const [set, model] = [createIndexSet(), new Set(added)];
      for (const index of added) set.add(index);
      expect(set.size).toBe(model.size);
      for (const index of [...added, ...asked]) expect(set.has(index)).toBe(model.has(index));
    }),
  );
});
