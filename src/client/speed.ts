/** How fast something goes, over the last few seconds. */

/** Milliseconds that count. */
const span = 5000;
/** Milliseconds between two samples that are kept, so that there are at most `span / apart` of them. */
const apart = 200;

export interface Speed {
  /** So much is done in all, now. */
  readonly at: (value: number) => void;
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
  return {
    at: (value) => {
      // It began again, from further back.
      if (value < latest.value) samples.splice(0, samples.length, { time: now(), value });
      latest = { time: now(), value };
      if (latest.time - samples.at(-1)!.time < apart) return;
      samples.push(latest);
      while (samples.length > 2 && latest.time - samples[0]!.time > span) samples.shift();
    },
    rate: () => {
      const first = samples[0]!;
      const seconds = (now() - first.time) / 1000;
      return seconds > 0 ? (latest.value - first.value) / seconds : 0;
    },
  };
}
