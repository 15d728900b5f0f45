/** How fast something goes, over the last few seconds. */

/** Milliseconds that count. */
const WINDOW_MS = 5000;
/**
 * Milliseconds between two samples that are kept, so that there are at most `span / apart` of them, and the least over
 * which a rate is told: what goes into the buffers of a connection at once is no rate.
 */
const SAMPLE_INTERVAL_MS = 200;

export interface Speed {
  /** So much is done in all, now. */
  readonly at: (value: number) => void;
  /** It goes on from there: what lies before was not done now. */
  readonly from: (value: number) => void;
  /** A second; 0 before anything is known. */
  readonly rate: () => number;
}

/**
 * @param now the clock, in milliseconds; for tests.
 * @param from what was done before it began.
 */
export function createSpeed(now: () => number = () => performance.now(), from = 0): Speed {
  const samples: { readonly time: number; readonly value: number }[] = [{ time: now(), value: from }];
  let latest = samples[0]!;

  function begin(value: number): void {
    latest = { time: now(), value };
    samples.splice(0, samples.length, latest);
  }

  return {
    at: (value) => {
      // It began again, from further back.
      if (value < latest.value) return begin(value);
      latest = { time: now(), value };
      if (latest.time - samples.at(-1)!.time < SAMPLE_INTERVAL_MS) return;
      samples.push(latest);
      while (samples.length > 2 && latest.time - samples[0]!.time > WINDOW_MS) samples.shift();
    },
    from: begin,
    rate: () => {
      const first = samples[0]!;
      return ((latest.value - first.value) / Math.max(now() - first.time, SAMPLE_INTERVAL_MS)) * 1000;
    },
  };
}
