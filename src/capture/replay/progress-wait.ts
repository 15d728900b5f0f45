/** Waiting for what comes over live connections, but not for ever. */
import type { SchedulerLike } from 'rxjs';

export interface ProgressWaits {
  /**
   * Resolves with true when the condition holds, looked at whenever `look` is called; with false when nothing has come
   * for so long (`stall` milliseconds, see `createWaits`), or when stopped. `came` says how much has come: it is waited on
   * while that grows.
   */
  readonly until: (condition: () => boolean, progress: () => number, stall?: number) => Promise<boolean>;
  /** To be called when a condition may have become otherwise. */
  readonly recheck: () => void;
  readonly stop: () => void;
}

/** @param defaultStall milliseconds in which something must come. */
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
