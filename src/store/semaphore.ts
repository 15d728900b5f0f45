/** A semaphore: it lets a number of tasks run at once; the others wait, first come first served. */
import { type Task, wait } from './task.ts';

export interface Semaphore {
  /** Runs the steps when a place is free. */
  run<T>(steps: Task<T>): Task<T>;
}

/** The rule for tasks that take long: they give up their place, so that they and not the others wait. */
export interface Overtime {
  /** Milliseconds after which a task gives its place to the next one and continues without a place. */
  readonly afterMs: number;
  /** How many tasks may run without a place at once; the others keep their places. */
  readonly overdueMax: number;
}

/** A task that runs, with a place or without. */
interface RunningTask {
  readonly since: number;
  hasPlace: boolean;
}

/** The callers bound the waiting tasks, since each caller waits with one call at a time. */
export function createSemaphore(capacity: number, overtime?: Overtime): Semaphore {
  let running = 0;
  let overdue = 0;
  const waiting: (() => void)[] = [];
  /** In the order in which they began. */
  const runningTasks = new Set<RunningTask>();
  let hasTimer = false;
  let isAdmitting = false;

  /**
   * A loop and not a recursion: a task may end before `callback` returns, and thousands may do so in a row.
   */
  function release(): void {
    running -= 1;
    if (isAdmitting) return;
    isAdmitting = true;
    while (running < capacity) {
      const next = waiting.shift();
      if (next === undefined) break;
      running += 1;
      next();
    }
    isAdmitting = false;
  }

  /** While tasks wait, takes the place of each task that has run for too long. */
  function watchOvertime({ afterMs, overdueMax }: Overtime): void {
    if (hasTimer) return;
    hasTimer = true;
    const demoteLate = () => {
      hasTimer = false;
      const late = performance.now() - afterMs;
      for (const runningTask of runningTasks) {
        if (waiting.length === 0 || overdue >= overdueMax || runningTask.since > late) break;
        if (!runningTask.hasPlace) continue;
        runningTask.hasPlace = false;
        overdue += 1;
        release();
      }
      if (waiting.length > 0) watchOvertime({ afterMs, overdueMax });
    };
    setTimeout(demoteLate, afterMs).unref();
  }

  return {
    *run(steps) {
      // No task overtakes the waiting ones when a place comes free.
      if (running >= capacity || waiting.length > 0) {
        if (overtime !== undefined) watchOvertime(overtime);
        yield* wait((callback) => waiting.push(() => callback(null)));
      } else running += 1;
      const runningTask = { since: performance.now(), hasPlace: true };
      runningTasks.add(runningTask);
      try {
        return yield* steps;
      } finally {
        runningTasks.delete(runningTask);
        if (runningTask.hasPlace) release();
        else overdue -= 1;
      }
    },
  };
}

/** Waits until the next turn of the event loop, so that other work can run. */
export const yieldTurn = (): Task<void> => wait((callback) => setImmediate(callback, null));
