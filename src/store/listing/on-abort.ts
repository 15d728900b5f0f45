/** Hears of an abort, for many who wait on one signal: Node warns when one signal has more than ten listeners. */
const listenersBySignal = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `act` once when the signal is aborted, which it is not yet.
 *
 * @returns what is to be called when it is not to be told any more.
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  let listeners = listenersBySignal.get(signal);
  if (listeners === undefined) {
    const all = new Set<() => void>();
    listenersBySignal.set(signal, all);
    const aborted = () => {
      for (const each of [...all]) each();
    };
    signal.addEventListener('abort', aborted, { once: true });
    listeners = all;
  }
  const own = () => listener();
  listeners.add(own);
  return () => listeners.delete(own);
}
