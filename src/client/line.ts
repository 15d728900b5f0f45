/**
 * Jobs that wait, in order; those that were begun before go first. Bounded by who adds them; what was given up while
 * it waited is dropped when its turn comes.
 */
import { createQueue } from '../runtime/queue.ts';

export interface Line<T> {
  readonly push: (job: T) => void;
  /** Puts one back that was begun: before all that were not, behind those put back before. */
  readonly pushAgain: (job: T) => void;
  /** The next one; null when there is none. */
  readonly first: () => T | null;
  readonly shift: () => void;
  readonly takeAll: () => readonly T[];
}

export function createLine<T extends { readonly over: boolean }>(): Line<T> {
  const queue = createQueue<T>();
  const again = createQueue<T>();
  /** Taken out of their queues to be looked at. */
  let nextAgain: T | null = null;
  let next: T | null = null;

  function first(): T | null {
    while (nextAgain === null || nextAgain.over) {
      nextAgain = again.shift() ?? null;
      if (nextAgain === null) break;
    }
    if (nextAgain !== null) return nextAgain;
    while (next === null || next.over) {
      next = queue.shift() ?? null;
      if (next === null) break;
    }
    return next;
  }

  function shift(): void {
    first();
    if (nextAgain !== null) nextAgain = null;
    else next = null;
  }

  return {
    push: (job) => queue.push(job),
    pushAgain: (job) => again.push(job),
    first,
    shift,
    takeAll: () => {
      const all: T[] = [];
      for (let job = first(); job !== null; job = first()) {
        all.push(job);
        shift();
      }
      return all;
    },
  };
}
