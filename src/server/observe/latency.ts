/** How long requests take: counts by length in a fixed number of buckets, from a hundredth of a millisecond to a day. */
import type { ShownLatency } from '../../files/protocol/watching.ts';

/** The upper bound of the first bucket, in milliseconds. */
const LEAST_MS = 0.01;
/** Each bucket is longer than the one before by a fifth of it. */
const BUCKETS_AN_OCTAVE = 4;
const BUCKETS = 136;

export interface LatencyHistogram {
  readonly counts: Uint32Array;
  total: number;
}

export const createLatencyHistogram = (): LatencyHistogram => ({
  counts: new Uint32Array(BUCKETS),
  total: 0,
});

export function addLatency(histogram: LatencyHistogram, ms: number): void {
  histogram.counts[bucketOf(ms)]!++;
  histogram.total++;
}

export function clearLatencies(histogram: LatencyHistogram): void {
  histogram.counts.fill(0);
  histogram.total = 0;
}

/** Null when there are none. @param histograms those that are taken together. */
export function latencyOf(histograms: readonly LatencyHistogram[]): ShownLatency | null {
  let count = 0;
  for (const { total } of histograms) count += total;
  if (count === 0) return null;
  const [p50, p99] = [percentile(histograms, count * 0.5), percentile(histograms, count * 0.99)];
  return { count, p50, p99 };
}

function bucketOf(ms: number): number {
  if (!(ms > LEAST_MS)) return 0;
  return Math.min(BUCKETS - 1, Math.ceil(Math.log2(ms / LEAST_MS) * BUCKETS_AN_OCTAVE));
}

/** The upper bound of the bucket in which the one with this rank is. */
function percentile(histograms: readonly LatencyHistogram[], rank: number): number {
  let seen = 0;
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    for (const { counts } of histograms) seen += counts[bucket]!;
    if (seen >= rank) return LEAST_MS * 2 ** (bucket / BUCKETS_AN_OCTAVE);
  }
  return LEAST_MS * 2 ** (BUCKETS / BUCKETS_AN_OCTAVE);
}
