/** A gate that lets so many through at once; the others wait, first come first served. */
import { type Task, wait } from './task.ts';

export interface Gate {
  /** Runs the steps when it is their turn. */
  through<T>(steps: Task<T>): Task<T>;
}

/** What waits is bounded by the callers, each of which waits with one call at a time. */
export function gate(most: number): Gate {
  let inside = 0;
  const waiting: (() => void)[] = [];
  return {
    *through(steps) {
      // Whoever leaves hands its place on, so that nobody can come in between.
      if (inside === most) yield* wait((back) => waiting.push(() => back(null)));
      else inside += 1;
      try {
        return yield* steps;
      } finally {
        const next = waiting.shift();
        if (next === undefined) inside -= 1;
        else next();
      }
    },
  };
}

/** Lets everybody else have a turn of the event loop. */
export const turn = (): Task<void> => wait((back) => setImmediate(back, null));
