/**
 * Which worker gets the next socket: the one that has the fewest; of several, the one whose turn it is. One that does not
 * take what it is handed gets nothing more, while there is another one.
 */

export interface Spread<T> {
  readonly add: (worker: T) => void;
  readonly remove: (worker: T) => void;
  /** The worker for one more socket, which counts from now on; undefined when there is none. */
  readonly pick: () => T | undefined;
  /** A socket of a worker is over. */
  readonly over: (worker: T) => void;
}

/** @param isBehind whether a worker has not taken what it was handed. */
export function createSpread<T>(isBehind: (worker: T) => boolean = () => false): Spread<T> {
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
      const best = fewestOf(sockets, isBehind) ?? fewestOf(sockets, () => false);
      if (best === undefined) return undefined;
      const [worker, count] = best;
      sockets.delete(worker);
      sockets.set(worker, count + 1);
      return worker;
    },
  };
}

function fewestOf<T>(
  sockets: ReadonlyMap<T, number>,
  isLeftOut: (worker: T) => boolean,
): readonly [T, number] | undefined {
  let best: readonly [T, number] | undefined;
  for (const each of sockets) {
    if ((best === undefined || each[1] < best[1]) && !isLeftOut(each[0])) best = each;
  }
  return best;
}
