/** Measures how fast a value grows, over the last few seconds. */

/** The rate is that of so many last milliseconds. */
const WINDOW_MS = 5000;
/**
 * Milliseconds between two samples that are kept, which bounds their number. It is also the shortest time that a rate
 * is computed over: bytes that fill the buffers of a connection at once are no rate.
 */
const SAMPLE_INTERVAL_MS = 200;

export interface Speed {
  /** The value is so large now. */
  readonly at: (value: number) => void;
  /** The value jumps to this: the growth up to it does not count. */
  readonly from: (value: number) => void;
  /** Growth a second; 0 before anything is known. */
  readonly rate: () => number;
}

/**
 * @param now the clock, in milliseconds; for tests.
 * @param from the value at the beginning.
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
      // The transfer began again, further back.
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
