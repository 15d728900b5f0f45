/**
 * Jobs that wait, in order; jobs that were begun before go first. Their callers bound their number. The queue drops a
 * job that was given up while it waited when the job's turn comes.
 */
import { createFifo } from '../../base/fifo.ts';

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
  const again = createHeadQueue<T>();
  const queue = createHeadQueue<T>();
  const first = () => again.first() ?? queue.first();
  const shift = () => (again.first() === null ? queue : again).shift();
  return {
    push: queue.push,
    pushAgain: again.push,
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

/** A queue whose first job can be read without taking it. */
function createHeadQueue<T extends { readonly over: boolean }>() {
  const queue = createFifo<T>();
  let head: T | null = null;
  function first(): T | null {
    while (head === null || head.over) {
      head = queue.shift() ?? null;
      if (head === null) break;
    }
    return head;
  }

  return {
    push: queue.push,
    first,
    shift: () => {
      first();
      head = null;
    },
  };
}
