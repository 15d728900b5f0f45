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

/** Runs the work of one key at a time. It keeps an entry for each key in use, so the callers bound it. */
export function createKeyedTurns(): KeyedTurns {
  const turns = new Map<string, Turns>();
  return <T>(key: string, work: () => Promise<T>): Promise<T> => {
    const mine = turns.get(key) ?? createTurns();
    turns.set(key, mine);
    return mine.run(work).finally(() => {
      if (turns.get(key) === mine && !mine.isBusy()) turns.delete(key);
    });
  };
}

export type KeyedTurns = <T>(key: string, work: () => Promise<T>) => Promise<T>;
