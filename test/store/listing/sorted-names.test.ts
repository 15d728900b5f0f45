/** Names in blocks, compared with a set that is sorted at each question. */
import assert from 'node:assert/strict';
import { fc, test } from '@fast-check/vitest';
import { describe } from 'vitest';
import { SIZES_BYTES } from '../../../src/store/listing/name-block.ts';
import { createNameSelection } from '../../../src/store/listing/name-selection.ts';
import { createSortedNames, type SortedNames } from '../../../src/store/listing/sorted-names.ts';

const name = fc.string({ unit: fc.constantFrom('a', 'b', '/', 'é', 'ÿ'), minLength: 1, maxLength: 4 });
const names = fc.array(name, { maxLength: 120 });
const blockNames = fc.constantFrom(2, 8, 1024);

function allFrom(sorted: SortedNames, from: string): string[] {
  const all: string[] = [];
  for (let next: string | undefined = from; next !== undefined; ) {
    const run = sorted.run(next);
    all.push(...run.names.slice(run.at));
    next = run.next;
  }
  return all;
}

const inOrder = (set: Iterable<string>): string[] => [...set].sort();

type Act = readonly ['add' | 'remove' | 'has' | 'run' | 'cut' | 'drop', string];
const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(fc.constant('add' as const), name) },
  { weight: 4, arbitrary: fc.tuple(fc.constant('remove' as const), name) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom('has' as const, 'run' as const), name) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom('cut' as const, 'drop' as const), name) },
);

describe('sorted names', () => {
  test.prop([blockNames, names, fc.array(act, { maxLength: 150 })])(
    'sorted names are an ordered set after any additions and removals',
    (blockNamesMax, first, acts) => {
      const sorted = createSortedNames(blockNamesMax, first);
      const model = new Set(first);
      for (const [what, given] of acts) {
        if (what === 'add') {
          sorted.add(given);
          model.add(given);
        } else if (what === 'remove') {
          sorted.remove(given);
          model.delete(given);
        } else if (what === 'has') assert.equal(sorted.has(given), model.has(given));
        else if (what === 'run')
          assert.deepEqual(
            allFrom(sorted, given),
            inOrder(model).filter((each) => each >= given),
          );
        else {
          const from = what === 'drop' ? sorted.dropLast() : given;
          const taken = what === 'cut' ? sorted.cut(given) : undefined;
          const behind = inOrder(model).filter((each) => from !== undefined && each >= from);
          if (taken !== undefined) assert.deepEqual(allFrom(taken, ''), behind);
          for (const each of behind) model.delete(each);
        }
      }
      assert.deepEqual(allFrom(sorted, ''), inOrder(model));
    },
  );

  test.prop([blockNames, fc.uniqueArray(name, { minLength: 1, maxLength: 100 })])(
    'sorted names take a few bytes more than their characters, and a fixed amount per block and change',
    (blockNamesMax, given) => {
      const sorted = createSortedNames(blockNamesMax);
      for (const each of given) sorted.add(each);
      const chars = given.reduce((sum, { length }) => sum + length + 1, 0);
      assert.ok(sorted.bytes >= chars - given.length);
      const blocks = Math.ceil((2 * given.length) / blockNamesMax) + 1;
      const each = SIZES_BYTES.change + SIZES_BYTES.unpacked;
      assert.ok(sorted.bytes <= 2.5 * chars + given.length * each + blocks * (SIZES_BYTES.block + 1024));
      const before = sorted.bytes;
      const right = sorted.cut(given[0]!);
      assert.ok(sorted.bytes + right.bytes <= before + 2 * (SIZES_BYTES.block + 1024) + chars);
      for (const one of given) for (const half of [sorted, right]) half.remove(one);
      assert.deepEqual([...allFrom(sorted, ''), ...allFrom(right, '')], []);
    },
  );
});

describe('a selection of names', () => {
  const positions = fc.uniqueArray(fc.oneof(name, fc.constant('')), { minLength: 1, maxLength: 5 });
  test.prop([blockNames, positions, names, fc.integer({ min: 0, max: 20_000 })])(
    'a selection has every name from each position on, as far as its memory reaches',
    (blockNamesMax, from, given, bytes) => {
      const selection = createNameSelection(from, blockNamesMax);
      for (const each of given) {
        if (selection.wants(each)) selection.add(each);
        selection.fitInto(bytes);
      }
      const ranges = selection.ranges();
      const oneBlockEach =
        from.length * (SIZES_BYTES.block + 2048 + blockNamesMax * (SIZES_BYTES.change + 8));
      assert.ok(selection.bytes <= Math.max(bytes, oneBlockEach));
      assert.deepEqual(
        ranges.map((range) => range.from),
        inOrder(from),
      );
      for (const [i, range] of ranges.entries()) {
        const end = ranges[i + 1]?.from;
        assert.ok(end === undefined || (range.to !== undefined && range.to <= end));
        const expected = inOrder(new Set(given)).filter(
          (each) => each >= range.from && (range.to === undefined || each < range.to),
        );
        assert.deepEqual(allFrom(range.names, ''), expected);
        assert.ok(bytes < oneBlockEach || from.length > 1 || blockNamesMax < 1024 || range.to === undefined);
      }
    },
  );
});
