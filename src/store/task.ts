/**
 * Work in steps that answers at once when nothing in it has to be waited for.
 *
 * The disk store does small things by synchronous calls and large or slow ones through the thread pool, and which
 * it is to be is only known on the way. A task is written once, as a generator: where it has to wait it yields what
 * starts the waiting, and where it need not it just goes on. So `run` gives the value itself when no step waited,
 * and one promise for the whole task (not one a step) when one did.
 */

import type { MaybeAsync, Outcome } from './contract.ts';

/** Starts something. It calls back exactly once, node-style, in this turn or a later one. */
export type Start = (callback: (error: Error | null, value?: unknown) => void) => void;

/**
 * Steps that return a `T`. An error of a step passes through the task as an exception would, `finally`
 * included.
 */
export type Task<T> = Generator<Start, T, unknown>;

/**
 * One step that waits for a node-style callback.
 *
 * @example
 * const fd = yield* wait<number>((back) => fs.open(path, flags, mode, back));
 */
export function* wait<T>(start: (callback: (error: Error | null, value?: T) => void) => void): Task<T> {
  return (yield start as Start) as T;
}

/** Starts all of them and waits for each; throws the first error once all have called back. */
export function together(starts: readonly Start[]): Task<void> {
  return wait((callback) => {
    let left = starts.length;
    let first: Error | null = null;
    if (left === 0) callback(null);
    for (const start of starts) {
      start((error) => {
        first ??= error;
        left -= 1;
        if (left === 0) callback(first);
      });
    }
  });
}

/** Waits for an answer of a store, unless it was given at once. */
export function* awaitOutcome<T>(answer: MaybeAsync<T>): Task<Outcome<T>> {
  if (!(answer instanceof Promise)) return answer;
  return yield* wait<Outcome<T>>((callback) => {
    answer.then((outcome) => callback(null, outcome), callback);
  });
}

/** Runs a task to its end. Returns its value, or a promise if a step had to wait. */
export function run<T>(task: Task<T>): T | Promise<T> {
  const step = task.next();
  if (step.done === true) return step.value;
  return new Promise((resolve, reject) => resume(task, step.value, resolve, reject));
}

function resume<T>(task: Task<T>, start: Start, resolve: (value: T) => void, reject: (why: unknown) => void) {
  start((error, value) => {
    try {
      const step = error === null || error === undefined ? task.next(value) : task.throw(error);
      if (step.done === true) resolve(step.value);
      else resume(task, step.value, resolve, reject);
    } catch (thrown) {
      reject(thrown);
    }
  });
}
