/** What a folder shows: its order, its search, and the addresses of its files. */
import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import {
  addressOf,
  type Entry,
  fileEntry,
  folderEntry,
  folderOf,
  found,
  sorted,
  waysTo,
} from '../../../src/web/browse/entry.ts';

const file = (name: string, size = 0, mtime = 0): Entry => fileEntry({ name, size, mtime });
const names = (entries: readonly Entry[]) => entries.map(({ name }) => name);

describe('the order', () => {
  const entries = [
    file('b10', 1, 3),
    file('b9', 3, 1),
    folderEntry('z/'),
    file('a', 2, 2),
    folderEntry('y/'),
  ];

  test('folders come first, and numbers in names count as numbers', () => {
    expect(names(sorted(entries, { by: 'name', isDescending: false }))).toEqual(['y', 'z', 'a', 'b9', 'b10']);
    expect(names(sorted(entries, { by: 'name', isDescending: true }))).toEqual(['z', 'y', 'b10', 'b9', 'a']);
  });

  test('files are ordered by size and by time, either way', () => {
    expect(names(sorted(entries, { by: 'size', isDescending: true }))).toEqual(['y', 'z', 'b9', 'a', 'b10']);
    expect(names(sorted(entries, { by: 'mtime', isDescending: false }))).toEqual([
      'y',
      'z',
      'b9',
      'a',
      'b10',
    ]);
  });
});

describe('names', () => {
  test('the search looks at neither case nor accents', () => {
    const entries = [file('Größe.txt'), file('Café'), file('other')];
    expect(names(found(entries, ' cafe '))).toEqual(['Café']);
    expect(names(found(entries, 'GROSSE'))).toEqual([]);
    expect(names(found(entries, 'groß'))).toEqual(['Größe.txt']);
    expect(found(entries, ' ')).toBe(entries);
  });

  test('each folder on the way has its path', () => {
    expect(waysTo('')).toEqual([]);
    expect(waysTo('a/b c/')).toEqual([
      { path: 'a/', name: 'a' },
      { path: 'a/b c/', name: 'b c' },
    ]);
    expect(['a', 'a/', 'a/b', 'a/b/', 'a/b/c'].map(folderOf)).toEqual(['', '', 'a/', 'a/', 'a/b/']);
  });

  property.prop([
    fc.array(
      fc.string({ unit: 'binary', minLength: 1 }).filter((part) => !/[/\p{Surrogate}]/u.test(part)),
      { minLength: 1 },
    ),
  ])('the address of a file leads to its name alone, whatever is in it', (parts) => {
    const { pathname, search, hash } = new URL(addressOf(parts.join('/')), 'http://localhost/');
    fc.pre(!parts.some((part) => /^\.{1,2}$/.test(part)));
    expect([search, hash]).toEqual(['', '']);
    expect(pathname.split('/').slice(2).map(decodeURIComponent)).toEqual(parts);
  });
});
