/** A gate that lets so many through at once; the others wait, first come first served. */
import { type Task, wait } from './task.ts';

export interface Gate {
  /** Runs the steps when it is their turn. */
  through<T>(steps: Task<T>): Task<T>;
}

/** What becomes of those who take long: so that they, and not the others, have to wait. */
export interface Overtime {
  /** Milliseconds after which somebody gives the place inside to the next, and goes on outside. */
  readonly afterMs: number;
  /** How many may do so at once; the others keep their places. */
  readonly most: number;
}

/** What waits is bounded by the callers, each of which waits with one call at a time. */
export function gate(most: number, overtime: Overtime = { afterMs: 0, most: 0 }): Gate {
  let inside = 0;
  let outside = 0;
  const waiting: (() => void)[] = [];

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

  /** @returns ends the stay, wherever it is by then. */
  function stay(): () => void {
    if (overtime.most === 0) return leave;
    let timer: NodeJS.Timeout;
    let isInside = true;
    const look = () => {
      if (outside < overtime.most) {
        outside += 1;
        isInside = false;
        leave();
      } else timer = setTimeout(look, overtime.afterMs).unref();
    };
    timer = setTimeout(look, overtime.afterMs).unref();
    return () => {
      clearTimeout(timer);
      if (isInside) leave();
      else outside -= 1;
    };
  }

  return {
    *through(steps) {
      // Nobody comes in between whoever leaves and who is next.
      if (inside >= most || waiting.length > 0) yield* wait((back) => waiting.push(() => back(null)));
      else inside += 1;
      const end = stay();
      try {
        return yield* steps;
      } finally {
        end();
      }
    },
  };
}

/** Lets everybody else have a turn of the event loop. */
export const turn = (): Task<void> => wait((back) => setImmediate(back, null));
