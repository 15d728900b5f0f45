import { expect, test } from 'vitest';
import {
  formatBytes,
  formatCount,
  formatCountOf,
  formatExactBytes,
  formatNanos,
  plainCountOf,
} from '../../src/base/units.ts';

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 KiB'],
  [1024, '1.0 KiB'],
  [101_837, '99.5 KiB'],
  [101_888, '100 KiB'],
  [1_023_487, '999 KiB'],
  [1_023_488, '1.0 MiB'],
  [1234567, '1.2 MiB'],
  [2 ** 53, '8.0 PiB'],
])('%i bytes are %s in words', (bytes, words) => expect(formatBytes(bytes)).toBe(words));

test.each([
  [0, '0B'],
  [1000, '1000B'],
  [65_536, '64KiB'],
  [1024 ** 2 + 1, '1048577B'],
  [2 ** 60, '1024PiB'],
])('%i bytes are exactly %s', (bytes, words) => expect(formatExactBytes(bytes)).toBe(words));

test.each([
  [0n, '0 ns'],
  [999n, '999 ns'],
  [1000n, '1.0 µs'],
  [1_500_000n, '1.5 ms'],
  [999_499_999n, '999 ms'],
  [60_000_000_000n, '60 s'],
])('%i nanoseconds are %s in words', (nanos, words) => expect(formatNanos(nanos)).toBe(words));

test('one of a thing has no plural, and only large counts for people are grouped', () => {
  expect([1, 2, 1000].map((count) => formatCountOf(count, 'file'))).toEqual([
    '1 file',
    '2 files',
    '1,000 files',
  ]);
  expect([1, 1000].map((count) => plainCountOf(count, 'file'))).toEqual(['1 file', '1000 files']);
});

test('a count has a comma behind each three digits, of whatever length it is', () => {
  const counts = [0, 1, 999, 1000, 1001, 1010, 12_345, 999_999, 1_000_000, 2 ** 53 - 1, -5, -1234, 1.5];
  expect(counts.map(formatCount)).toEqual(counts.map((count) => count.toLocaleString('en-US')));
});
