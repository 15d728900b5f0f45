/** Waits for progress of live connections, with a limit on the time without any. */
import type { SchedulerLike } from 'rxjs';

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
      const done = (held: boolean) => {
        timer.unsubscribe();
        waiting.delete(recheck);
        resolve(held);
      };
      const recheck = () => {
        if (stopped) done(false);
        else if (condition()) done(true);
      };
      const timer = scheduler.schedule(function expire() {
        const now = progress();
        if (now === before) return done(false);
        before = now;
        this.schedule(undefined, stall);
      }, stall);
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
