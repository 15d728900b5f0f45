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
  readonly outsideMax: number;
}

/** Somebody inside, or who has made way. */
interface Occupant {
  readonly since: number;
  isInside: boolean;
}

/** What waits is bounded by the callers, each of which waits with one call at a time. */
export function createSemaphore(capacity: number, overtime?: Overtime): Semaphore {
  let inside = 0;
  let outside = 0;
  const waiting: (() => void)[] = [];
  /** In the order in which they came. */
  const occupants = new Set<Occupant>();
  let hasTimer = false;
  let isAdmitting = false;

  /** In a loop: who comes in may be out again before this goes on, and there may be thousands. */
  function release(): void {
    inside -= 1;
    if (isAdmitting) return;
    isAdmitting = true;
    while (inside < capacity) {
      const next = waiting.shift();
      if (next === undefined) break;
      inside += 1;
      next();
    }
    isAdmitting = false;
  }

  /** Looks, while somebody waits, who has been inside for too long. */
  function watchOvertime({ afterMs, outsideMax }: Overtime): void {
    if (hasTimer) return;
    hasTimer = true;
    const look = () => {
      hasTimer = false;
      const late = performance.now() - afterMs;
      for (const occupant of occupants) {
        if (waiting.length === 0 || outside >= outsideMax || occupant.since > late) break;
        if (!occupant.isInside) continue;
        occupant.isInside = false;
        outside += 1;
        release();
      }
      if (waiting.length > 0) watchOvertime({ afterMs, outsideMax });
    };
    setTimeout(look, afterMs).unref();
  }

  return {
    *run(steps) {
      // Nobody comes in between whoever leaves and who is next.
      if (inside >= capacity || waiting.length > 0) {
        if (overtime !== undefined) watchOvertime(overtime);
        yield* wait((callback) => waiting.push(() => callback(null)));
      } else inside += 1;
      const occupant = { since: performance.now(), isInside: true };
      occupants.add(occupant);
      try {
        return yield* steps;
      } finally {
        occupants.delete(occupant);
        if (occupant.isInside) release();
        else outside -= 1;
      }
    },
  };
}

/** Lets everybody else have a turn of the event loop. */
export const yieldTurn = (): Task<void> => wait((callback) => setImmediate(callback, null));
