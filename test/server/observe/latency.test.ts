/** Percentiles of a histogram, beside those of a sorted list. */
import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import {
  addLatency,
  clearLatencies,
  createLatencyHistogram,
  latencyOf,
} from '../../../src/server/observe/latency.ts';

const LEAST_MS = 0.01;

property.prop([fc.array(fc.double({ min: 0, max: 1e7, noNaN: true }), { minLength: 1, maxLength: 300 })])(
  'the percentiles of a histogram are those of all values, or up to a fifth more',
  (values) => {
    const histogram = createLatencyHistogram();
    for (const ms of values) addLatency(histogram, ms);
    const sorted = values.toSorted((a, b) => a - b);
    const { count, p50, p99 } = latencyOf([histogram])!;
    expect(count).toBe(values.length);
    for (const [shown, part] of [
      [p50, 0.5],
      [p99, 0.99],
    ] as const) {
      const exact = Math.max(LEAST_MS, sorted[Math.ceil(part * values.length) - 1]!);
      expect(shown).toBeGreaterThanOrEqual(exact * 0.999_999);
      expect(shown).toBeLessThanOrEqual(exact * 1.2);
    }
  },
);

test('several histograms are taken together, and one that was cleared has nothing', () => {
  const [a, b] = [createLatencyHistogram(), createLatencyHistogram()];
  addLatency(a, 1);
  addLatency(b, 100);
  addLatency(b, Number.POSITIVE_INFINITY);
  expect(latencyOf([a, b])).toMatchObject({ count: 3 });
  clearLatencies(b);
  expect(latencyOf([a, b])).toMatchObject({ count: 1, p50: latencyOf([a])!.p99 });
  clearLatencies(a);
  expect(latencyOf([a, b])).toBeNull();
});
