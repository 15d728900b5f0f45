/** Amounts in words. */
import { expect, test } from 'vitest';
import { milliseconds } from '../../../src/web/watch/amounts.ts';

test.each([
  [0, '0 ms'],
  [0.0168, '0.02 ms'],
  [0.168, '0.17 ms'],
  [1.234, '1.23 ms'],
  [123.4, '123 ms'],
  [10_512, '10.5 s'],
])('a time of %f ms has few digits and a short unit: %s', (ms, words) => {
  expect(milliseconds(ms)).toBe(words);
});
