/**
 * The clock of RxJS (`Date` and `setInterval`), which a test moves by hand: what the test says of time is then
 * the same on any machine. Sockets, promises and turns of the event loop are not affected.
 *
 * @example
 * const clock = manualClock();
 * timer(1000).subscribe(() => console.log('a second'));
 * await clock.advance(1000);
 */
import { onTestFinished, vi } from 'vitest';

export interface ManualClock {
  /** Moves the clock on by `ms`, then waits for a turn of the event loop. */
  readonly advance: (ms: number) => Promise<void>;
  /** Moves the clock on by `ms` at a time until the promise has settled. Returns the same promise. */
  readonly advanceUntil: <T>(promise: Promise<T>, ms: number) => Promise<T>;
}

/** Stops the clock until the test has ended. */
export function manualClock(): ManualClock {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const advance = async (ms: number): Promise<void> => {
    vi.advanceTimersByTime(ms);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    advance,
    async advanceUntil(promise, ms) {
      let isPending = true;
      const settled = promise.finally(() => {
        isPending = false;
      });
      while (isPending) await advance(ms);
      return settled;
    },
  };
}
