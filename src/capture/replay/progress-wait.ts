/** Waits for progress of live connections, with a limit on the time without any. */
import type { SchedulerLike } from 'rxjs';

/**
 * Times that progress is looked at until a wait gives up. A process that does not run for a while, as on a busy machine,
 * finds one look due and not all: the time in which nothing could come hardly counts.
 */
const LOOKS = 10;

export interface ProgressWaits {
  /**
   * Resolves with true when the condition holds, which `recheck` checks; with false when there was no progress for
   * `stall` milliseconds, or when stopped. `progress` returns how much has come: the wait goes on while that grows.
   */
  readonly until: (condition: () => boolean, progress: () => number, stall?: number) => Promise<boolean>;
  /** Call it when a condition may have changed. */
  readonly recheck: () => void;
  readonly stop: () => void;
}

/** @param defaultStall milliseconds within which there must be progress. */
export function createProgressWaits(scheduler: SchedulerLike, defaultStall: number): ProgressWaits {
  /** Bounded by the connections that are open. */
  const waiting = new Set<() => void>();
  let stopped = false;

  function until(condition: () => boolean, progress: () => number, stall = defaultStall): Promise<boolean> {
    if (condition()) return Promise.resolve(true);
    return new Promise((resolve) => {
      let before = progress();
      let looksLeft = LOOKS;
      const done = (held: boolean) => {
        timer.unsubscribe();
        waiting.delete(recheck);
        resolve(held);
      };
      const recheck = () => {
        if (stopped) done(false);
        else if (condition()) done(true);
      };
      const timer = scheduler.schedule(function look() {
        const now = progress();
        looksLeft = now === before ? looksLeft - 1 : LOOKS;
        before = now;
        if (looksLeft === 0) done(false);
        else this.schedule(undefined, stall / LOOKS);
      }, stall / LOOKS);
      waiting.add(recheck);
      recheck();
    });
  }

  const recheck = () => {
    for (const each of [...waiting]) each();
  };
  return {
    until,
    recheck,
    stop() {
      stopped = true;
      recheck();
    },
  };
}
