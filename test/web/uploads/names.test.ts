/** The names of further copies, and of files in a folder. */
import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { explainBadFilename } from '../../../src/files/protocol/filename.ts';
import { nameIn, nameParts, numberedName } from '../../../src/web/uploads/names.ts';
import { cases } from '../../support/random/cases.ts';

const segment = fc.stringMatching(/^[a-z.() ]{1,12}$/).filter((text) => text !== '.' && text !== '..');
const name = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => segments.join('/'));

describe('the name of a further copy', () => {
  test.each([
    ['a.txt', 'a (2).txt'],
    ['photos/a.tar.gz', 'photos/a.tar (2).gz'],
    ['photos.d/a', 'photos.d/a (2)'],
    ['.profile', '.profile (2)'],
    ['below/.profile', 'below/.profile (2)'],
    ['a.', 'a (2).'],
  ])('%s is numbered before its ending', (from, to) => {
    expect(numberedName(from, 2)).toBe(to);
  });

  property.prop([name, fc.integer({ min: 2, max: 99 }), fc.integer({ min: 2, max: 99 })], {
    numRuns: cases(200),
  })(
    'it is allowed where the first name is, in the same folder, with the same ending, and another for each number',
    (from, one, other) => {
      fc.pre(explainBadFilename(from) === null);
      const copy = numberedName(from, one);
      expect(explainBadFilename(copy)).toBeNull();
      const folderOf = (path: string) => path.slice(0, path.lastIndexOf('/') + 1);
      expect(folderOf(copy)).toBe(folderOf(from));
      expect(copy).not.toBe(from);
      expect(copy === numberedName(from, other)).toBe(one === other);
    },
  );
});

test('a file goes to the folder that is shown, whatever slashes the browser begins its path with', () => {
  expect(nameIn('', 'a.txt')).toBe('a.txt');
  expect(nameIn('photos/', '/2024/a.txt')).toBe('photos/2024/a.txt');
});

describe('a name as it is shown', () => {
  test('a short name is shown whole, and a long one is cut before its end, whatever its characters', () => {
    expect(nameParts('trip/a.jpg')).toEqual({ folder: 'trip/', head: '', tail: 'a.jpg' });
    const long = `trip/${'😀'.repeat(30)} 0017.jpg`;
    const { folder, head, tail } = nameParts(long);
    expect([folder, tail]).toEqual(['trip/', '😀 0017.jpg']);
    expect(folder + head + tail).toBe(long);
  });
});
