/** Hears of an abort, for many who wait on one signal: Node warns when one signal has more than ten listeners. */
const acts = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `act` once when the signal is aborted, which it is not yet.
 *
 * @returns what is to be called when it is not to be told any more.
 */
export function onAbort(signal: AbortSignal, act: () => void): () => void {
  let waiting = acts.get(signal);
  if (waiting === undefined) {
    const all = new Set<() => void>();
    acts.set(signal, all);
    const aborted = () => {
      for (const each of [...all]) each();
    };
    signal.addEventListener('abort', aborted, { once: true });
    waiting = all;
  }
  const mine = () => act();
  waiting.add(mine);
  return () => waiting.delete(mine);
}
