/** A lock for each key: tasks with the same key run one at a time, in the order in which they asked. */
import { type Task, wait } from './task.ts';

export interface KeyedLock {
  /** Runs the steps when all earlier tasks with this key have ended. */
  run<T>(key: string, steps: Task<T>): Task<T>;
}

/** It stores an entry for each key in use and each waiting task, so the callers bound it. */
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
