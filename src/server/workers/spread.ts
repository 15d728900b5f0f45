/** Which worker gets the next socket: the one that has the fewest; of several, the one whose turn it is. */

export interface Spread<T> {
  readonly add: (worker: T) => void;
  readonly remove: (worker: T) => void;
  /** The worker for one more socket, which counts from now on; undefined when there is none. */
  readonly pick: () => T | undefined;
  /** A socket of a worker is over. */
  readonly over: (worker: T) => void;
}

export function createSpread<T>(): Spread<T> {
  /** In the order of their last socket: the one that has waited longest first. */
  const sockets = new Map<T, number>();
  return {
    add: (worker) => void sockets.set(worker, 0),
    remove: (worker) => void sockets.delete(worker),
    over: (worker) => {
      const count = sockets.get(worker);
      if (count !== undefined) sockets.set(worker, count - 1);
    },
    pick: () => {
      let best: T | undefined;
      let fewest = Number.POSITIVE_INFINITY;
      for (const [worker, count] of sockets) if (count < fewest) [best, fewest] = [worker, count];
      if (best === undefined) return undefined;
      sockets.delete(best);
      sockets.set(best, fewest + 1);
      return best;
    },
  };
}
