/** The order of an operator whose subscriber may make the source emit at once, while it is given something. */
import { createFifo } from '../base/fifo.ts';

/**
 * Creates a function that runs pieces of work in the order in which they are handed in: one that is handed in while
 * another runs waits for it, until the subscriber is closed. What waits is bounded by the source. An exception is the
 * subscriber's error.
 */
export function createInTurn(subscriber: {
  readonly closed: boolean;
  readonly error: (error: unknown) => void;
}): (work: () => void) => void {
  const waiting = createFifo<() => void>();
  let isRunning = false;
  return (work) => {
    if (isRunning) return waiting.push(work);
    isRunning = true;
    try {
      work();
      for (let next = waiting.shift(); next !== undefined && !subscriber.closed; next = waiting.shift())
        next();
    } catch (error) {
      subscriber.error(error);
    } finally {
      isRunning = false;
    }
  };
}
