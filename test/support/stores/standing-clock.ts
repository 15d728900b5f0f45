/**
 * The clock of RxJS, moved by hand: what a test says of time is then the same on any machine. Sockets, promises and turns
 * of the event loop do not notice.
 *
 * @example
 * const clock = standingClock();
 * timer(1000).subscribe(() => console.log('a second'));
 * await clock.goOn(1000);
 */
import { onTestFinished, vi } from 'vitest';

export interface StandingClock {
  /** Lets so many milliseconds go by, and then everybody else have a turn of the event loop. */
  readonly goOn: (ms: number) => Promise<void>;
  /** Goes on, so many milliseconds at a time, until it has come. */
  readonly goOnUntil: <T>(comes: Promise<T>, ms: number) => Promise<T>;
}

/** Stops the clock until the test is over. */
export function standingClock(): StandingClock {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const goOn = async (ms: number): Promise<void> => {
    vi.advanceTimersByTime(ms);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    goOn,
    async goOnUntil(comes, ms) {
      let waiting = true;
      const settled = comes.finally(() => {
        waiting = false;
      });
      while (waiting) await goOn(ms);
      return settled;
    },
  };
}
