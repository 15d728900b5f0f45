/**
 * Virtual time for pipelines that are not all RxJS: an hour of a recording in milliseconds, through promises as well.
 *
 * A `TestScheduler` runs its actions one after the other within one call, so whatever waits for a promise in between
 * comes too late. Here the actions of one point in time are run, then promises and turns of the event loop are let
 * settle, and only then does time go on.
 */
import type { Observable, VirtualTimeScheduler } from 'rxjs';
import { StateError } from '../base/sluice-error.ts';
import { check, checkOptions, OBSERVABLE, optional, wholeFrom, withMethods } from '../wire/argument.ts';
import { hasPendingReads } from './replay/run-replay.ts';

/** Something that was emitted, and when. `inVirtualTime` resolves with a list of these. */
export interface InTime<T> {
  /** In the scheduler's milliseconds. */
  readonly at: number;
  /** The value that the pipeline has emitted. */
  readonly value: T;
}

/** How `inVirtualTime` finds out that nothing more happens at a point in time. */
export interface VirtualTimeOptions {
  /**
   * Turns of the event loop in a row in which nothing was due, after which all is taken to have settled; from 1,
   * default 10.
   */
  readonly turns?: number;
}

const VIRTUAL = withMethods('a VirtualTimeScheduler of RxJS', ['now', 'schedule', 'flush']);

/** Turns after which what still goes on is taken to go on by itself. */
const TURNS_MAX = 10_000;

/**
 * Subscribes to a pipeline and runs it to its end in the virtual time of a scheduler: a `VirtualTimeScheduler` or a
 * `TestScheduler`, outside its `run`. Give the same scheduler to everything in the pipeline that waits (`replay`,
 * `memoryPair`, RxJS operators). Resolves with what it emitted and when; rejects with what it errored with, or
 * with a `StateError` `not-completed` when nothing is left to be done and it has not completed.
 *
 * It does not see sockets, workers, timers of the real clock, and files other than a replay's capture. Virtual time
 * goes on without a pipeline that waits for one of those. A memory store is none of
 * those, a disk store is.
 *
 * @example
 * import { TestScheduler } from 'rxjs/testing';
 *
 * const scheduler = new TestScheduler(() => {});
 * const connections$ = replay(capture, { speed: 'recorded', scheduler });
 * const chunks = await inVirtualTime(scheduler, connections$.pipe(mergeMap(({ connection }) => connection.chunks$)));
 * chunks[0]; // { at: 0, value: Uint8Array }
 */
export async function inVirtualTime<T>(
  scheduler: VirtualTimeScheduler,
  pipeline$: Observable<T>,
  options: VirtualTimeOptions = {},
): Promise<InTime<T>[]> {
  check('inVirtualTime: the scheduler', scheduler, VIRTUAL);
  check('inVirtualTime: the pipeline', pipeline$, OBSERVABLE);
  checkOptions('inVirtualTime', options, { turns: optional(wholeFrom(1)) });
  const { turns = 10 } = options;
  const emitted: InTime<T>[] = [];
  let end: { readonly thrown?: unknown } | null = null;
  const subscription = pipeline$.subscribe({
    next: (value) => emitted.push({ at: scheduler.now(), value }),
    error: (thrown: unknown) => {
      end = { thrown };
    },
    complete: () => {
      end = {};
    },
  });
  const over = () => end;
  const farthest = scheduler.maxFrames;
  try {
    for (;;) {
      await settled(turns);
      const how = over();
      if (how !== null) {
        if ('thrown' in how) throw how.thrown;
        return emitted;
      }
      const next = scheduler.actions[0];
      if (next === undefined) {
        const message = `the pipeline has not completed, and nothing is due after ${scheduler.now()} ms`;
        throw new StateError('not-completed', message);
      }
      // An action that became due while others were let settle is run now: time does not go back.
      scheduler.maxFrames = Math.max(dueAt(next), scheduler.now());
      scheduler.flush();
    }
  } finally {
    scheduler.maxFrames = farthest;
    subscription.unsubscribe();
  }
}

/** The point in virtual time at which an action is due: what `flush` compares with `maxFrames`. */
const dueAt = (action: unknown): number => (action as { readonly delay: number }).delay;

/** Lets the event loop go round until nothing was due in it for so many turns. */
async function settled(turns: number): Promise<void> {
  let quiet = 0;
  for (let turn = 0; turn < TURNS_MAX && quiet < turns; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    const isBusy = hasPendingReads() || process.getActiveResourcesInfo().includes('Immediate');
    quiet = isBusy ? 0 : quiet + 1;
    // A pending read may take any number of turns.
    if (hasPendingReads()) turn = 0;
  }
}
