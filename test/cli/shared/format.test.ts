import { describe, expect, test } from 'vitest';
import {
  cutTo,
  fitted,
  formatSeconds,
  formatTime,
  ofName,
  printable,
} from '../../../src/cli/shared/format.ts';

test.each([
  [0, '0:00'],
  [0.2, '0:01'],
  [75, '1:15'],
  [3600, '1:00:00'],
  [359_999, '99:59:59'],
  [360_000, '5 d'],
  [Number.POSITIVE_INFINITY, '-:--'],
  [Number.NaN, '-:--'],
])('%d seconds are written as %s', (seconds, words) => expect(formatSeconds(seconds)).toBe(words));

test('a time that is none does not throw', () => {
  expect(formatTime(1e300)).toHaveLength(16);
  expect(formatTime(0)).toMatch(/^19(70-01-01|69-12-31) \d\d:\d\d$/);
});

test('what would move the cursor or hide text is escaped', () => {
  expect(printable('a\x1b[31mb\u202ec\u0085照')).toBe('a\\u{1b}[31mb\\u{202e}c\\u{85}照');
});

describe('what is said of a name', () => {
  test.each([
    [
      'd',
      'they cannot both be: d is a folder with files in it',
      'd: they cannot both be: it is a folder with files in it',
    ],
    ['d/a', 'they cannot both be: d is a file', 'd/a: they cannot both be: d is a file'],
    ['a', 'a: there is no such file', 'a: there is no such file'],
    ['a$&', 'no: a$& is a file', 'a$&: no: it is a file'],
    ['a\x1b', 'b\x1b', 'a\\u{1b}: b\\u{1b}'],
  ])('what is said of a name has it once, and nothing that moves the cursor: %j', (name, why, said) => {
    expect(ofName(name, why)).toBe(said);
  });
});

describe('a name in so many columns', () => {
  test.each([
    ['abc', 5, 'abc  '],
    ['abcdefghij', 7, 'ab…ghij'],
    ['照片照片照片', 8, '照…照片 '],
    ['e\u0301', 2, 'e\u0301 '],
  ])('the name %s is fitted into %i columns', (name, columns, text) =>
    expect(fitted(name, columns)).toBe(text),
  );
});

test.each([
  ['SELECT 1', 8, 'SELECT 1'],
  ['SELECT 10', 8, 'SELECT …'],
  ['put photos/a.jpg', 10, 'put…/a.jpg'],
  ['日本語日本語', 12, '日本語日本語'],
  ['日本語日本語', 8, '日本語…'],
])('%s in %i columns is cut to %s', (text, columns, cut) => expect(cutTo(text, columns)).toBe(cut));
