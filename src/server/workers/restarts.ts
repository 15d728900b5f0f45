/** When a worker that has ended is started again: at once, but less and less often when it ends again and again. */

/** A worker that has served for so long has ended for a reason that is likely to be over. */
const STEADY_MS = 10_000;
const [DELAY_FIRST_MS, DELAY_MAX_MS] = [100, 30_000];

export interface Restarts {
  /** A worker has ended. Returns in how many milliseconds another may take its place. */
  readonly ended: (livedMs: number) => number;
}

/** For the place of one worker. */
export function createRestarts(): Restarts {
  /** How often one has ended soon after it was started, without one that stayed in between. */
  let inARow = 0;
  return {
    ended: (livedMs) => {
      if (livedMs >= STEADY_MS) {
        inARow = 0;
        return 0;
      }
      inARow++;
      return inARow === 1 ? 0 : Math.min(DELAY_FIRST_MS * 2 ** (inARow - 2), DELAY_MAX_MS);
    },
  };
}
