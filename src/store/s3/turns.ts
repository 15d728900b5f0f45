/** Runs pieces of work one at a time, in the order in which they came. */

export interface Turns {
  /** Begins the work at once if there is none under way, else behind all that came before. */
  run<T>(work: () => Promise<T>): Promise<T>;
  isBusy(): boolean;
}

/** The callers bound what waits: each has one piece of work at a time. */
export function createTurns(): Turns {
  let last: Promise<unknown> | null = null;
  return {
    run(work) {
      const done = last === null ? work() : last.then(work);
      const settled = done
        .catch(() => {})
        .then(() => {
          if (last === settled) last = null;
        });
      last = settled;
      return done;
    },
    isBusy: () => last !== null,
  };
}
