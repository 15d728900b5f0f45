/** Makes a replay wait: for a time, or for a condition to change. One wait at a time. */
import type { SchedulerLike, Subscription } from 'rxjs';

/** Milliseconds of one timer. Longer waits take several, as timers take at most 2^31. */
const TIMER_MAX_MS = 2 ** 30;

export interface ReplayClock {
  /** Whether so many milliseconds after the start, which is the first call, are still to come. */
  readonly isEarly: (due: number) => boolean;
  /** Resolves so many milliseconds after the start, or when stopped. */
  readonly until: (due: number) => Promise<void>;
  /** Resolves when the condition does not hold any more, or when stopped. `recheck` checks it. */
  readonly while: (condition: () => boolean) => Promise<void>;
  /** Call it when a condition may have changed. */
  readonly recheck: () => void;
  /** Ends the current wait and all later ones at once. */
  readonly stop: () => void;
}

export function createReplayClock(scheduler: SchedulerLike): ReplayClock {
  let start: number | null = null;
  let stopped = false;
  let recheck = () => {};
  let timer: Subscription | undefined;
  let release = () => {};

  const remaining = (due: number): number => {
    start ??= scheduler.now();
    return start + due - scheduler.now();
  };

  return {
    isEarly: (due) => remaining(due) > 0,
    async until(due) {
      for (let wait = remaining(due); wait > 0 && !stopped; wait = remaining(due)) {
        await new Promise<void>((resolve) => {
          release = resolve;
          timer = scheduler.schedule(() => resolve(), Math.min(wait, TIMER_MAX_MS));
        });
      }
    },
    while: (condition) =>
      new Promise((resolve) => {
        recheck = () => {
          if (condition() && !stopped) return;
          recheck = () => {};
          resolve();
        };
        recheck();
      }),
    recheck: () => recheck(),
    stop() {
      stopped = true;
      timer?.unsubscribe();
      release();
      recheck();
    },
  };
}
