/** What folders come to, of files in the order of their names. */
import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { createFolderSums, type FolderSum } from '../../../src/cli/files/folder-sums.ts';

const part = fc.constantFrom('a', 'b', 'a!', 'a0', '照片');
const name = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
const file = fc.record({ name, size: fc.nat(1000), mtime: fc.nat(1000) });
const files = fc
  .uniqueArray(file, { selector: (each) => each.name, maxLength: 30 })
  .map((all) => all.toSorted((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name))));

describe('folder sums', () => {
  test.prop([files, fc.integer({ min: 0, max: 5 }), fc.constantFrom('', 'a/')])(
    'every folder down to the depth is told once, with all that is below it, after the folders in it',
    (all, depth, top) => {
      const below = all.filter((each) => each.name.startsWith(top));
      const told: FolderSum[] = [];
      const sums = createFolderSums({ top, depth, ended: (sum) => told.push(sum) });
      for (const each of below) sums.add(each);
      sums.end();
      const folders = new Set(
        below.flatMap((each) => {
          const parts = each.name.slice(top.length).split('/').slice(0, -1).slice(0, depth);
          return parts.map((_, at) => `${top}${parts.slice(0, at + 1).join('/')}/`);
        }),
      );
      const expected = [...folders].map((folder) => {
        const inside = below.filter((each) => each.name.startsWith(folder));
        const size = inside.reduce((sum, each) => sum + each.size, 0);
        return {
          name: folder,
          size,
          files: inside.length,
          mtime: Math.max(...inside.map(({ mtime }) => mtime)),
        };
      });
      const byName = (a: FolderSum, b: FolderSum) => (a.name < b.name ? -1 : 1);
      expect(told.toSorted(byName)).toEqual(expected.toSorted(byName));
      for (const [at, { name: later }] of told.entries())
        expect(told.slice(0, at).filter((earlier) => later.startsWith(earlier.name))).toEqual([]);
    },
  );
});
