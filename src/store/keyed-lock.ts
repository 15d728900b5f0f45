/** One at a time for each key: who comes while another is at it waits, in order. */
import { type Task, wait } from './task.ts';

export interface KeyedLock {
  /** Runs the steps when all that came before with this key are through. */
  run<T>(key: string, steps: Task<T>): Task<T>;
}

/** It holds an entry for each key that is in use, and one for each call that waits: the callers bound it. */
export function createKeyedLock(): KeyedLock {
  const waiting = new Map<string, (() => void)[]>();

  return {
    *run(key, steps) {
      const queue = waiting.get(key);
      if (queue === undefined) waiting.set(key, []);
      else yield* wait((callback) => queue.push(() => callback(null)));
      try {
        return yield* steps;
      } finally {
        const next = waiting.get(key)?.shift();
        if (next === undefined) waiting.delete(key);
        else next();
      }
    },
  };
}
