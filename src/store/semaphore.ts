/** A gate that lets so many through at once; the others wait, first come first served. */
import { type Task, wait } from './task.ts';

export interface Semaphore {
  /** Runs the steps when it is their turn. */
  run<T>(steps: Task<T>): Task<T>;
}

/** What becomes of those who take long: so that they, and not the others, have to wait. */
export interface Overtime {
  /** Milliseconds after which somebody gives the place inside to the next, and goes on outside. */
  readonly afterMs: number;
  /** How many may do so at once; the others keep their places. */
  readonly most: number;
}

/** Somebody inside, or who has made way. */
interface Stay {
  readonly since: number;
  isInside: boolean;
}

/** What waits is bounded by the callers, each of which waits with one call at a time. */
export function semaphore(most: number, overtime?: Overtime): Semaphore {
  let inside = 0;
  let outside = 0;
  const waiting: (() => void)[] = [];
  /** In the order in which they came. */
  const stays = new Set<Stay>();
  let isWatched = false;
  let isLetting = false;

  /** In a loop: who comes in may be out again before this goes on, and there may be thousands. */
  function leave(): void {
    inside -= 1;
    if (isLetting) return;
    isLetting = true;
    while (inside < most) {
      const next = waiting.shift();
      if (next === undefined) break;
      inside += 1;
      next();
    }
    isLetting = false;
  }

  /** Looks, while somebody waits, who has been inside for too long. */
  function watch({ afterMs, most: mostOutside }: Overtime): void {
    if (isWatched) return;
    isWatched = true;
    const look = () => {
      isWatched = false;
      const late = performance.now() - afterMs;
      for (const stay of stays) {
        if (waiting.length === 0 || outside >= mostOutside || stay.since > late) break;
        if (!stay.isInside) continue;
        stay.isInside = false;
        outside += 1;
        leave();
      }
      if (waiting.length > 0) watch({ afterMs, most: mostOutside });
    };
    setTimeout(look, afterMs).unref();
  }

  return {
    *run(steps) {
      // Nobody comes in between whoever leaves and who is next.
      if (inside >= most || waiting.length > 0) {
        if (overtime !== undefined) watch(overtime);
        yield* wait((back) => waiting.push(() => back(null)));
      } else inside += 1;
      const stay = { since: performance.now(), isInside: true };
      stays.add(stay);
      try {
        return yield* steps;
      } finally {
        stays.delete(stay);
        if (stay.isInside) leave();
        else outside -= 1;
      }
    },
  };
}

/** Lets everybody else have a turn of the event loop. */
export const turn = (): Task<void> => wait((back) => setImmediate(back, null));
