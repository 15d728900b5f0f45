/** What the charts draw. */
import { describe, expect, test } from 'vitest';
import { lonely } from '../../../src/web/watch/charts.ts';

describe('a chart', () => {
  test('draws a dot for each value between two seconds without one, where there is no line', () => {
    expect(lonely([null, 5, null, 1, 2, null, 3, 4, 5, null, 0])).toEqual([1, 10]);
    expect(lonely([7])).toEqual([0]);
    expect(lonely([1, 2, 3])).toEqual([]);
    expect(lonely([null, undefined])).toEqual([]);
    expect(lonely([])).toEqual([]);
  });
});
