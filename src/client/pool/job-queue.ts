/**
 * Jobs that wait, in order; jobs that were begun before go first. Their callers bound their number. The queue drops a
 * job that was given up while it waited when the job's turn comes.
 */
import { createFifo, type Fifo } from '../../base/fifo.ts';

export interface JobQueue<T> {
  readonly push: (job: T) => void;
  /** Puts back a job that was begun: before all that were not, behind those put back earlier. */
  readonly pushAgain: (job: T) => void;
  /** The next one; null when there is none. */
  readonly first: () => T | null;
  readonly shift: () => void;
  readonly takeAll: () => readonly T[];
}

export function createJobQueue<T extends { readonly over: boolean }>(): JobQueue<T> {
  const begun = createFifo<T>();
  const queue = createFifo<T>();
  const first = () => firstWanted(begun) ?? firstWanted(queue);
  const shift = () => {
    const from = firstWanted(begun) === null ? queue : begun;
    if (firstWanted(from) !== null) from.shift();
  };
  return {
    push: (job) => queue.push(job),
    pushAgain: (job) => begun.push(job),
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

/** Drops the jobs in front that were given up; answers the first that was not, or null. */
function firstWanted<T extends { readonly over: boolean }>(jobs: Fifo<T>): T | null {
  let job = jobs.first();
  while (job?.over) {
    jobs.shift();
    job = jobs.first();
  }
  return job ?? null;
}
