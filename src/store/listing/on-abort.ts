/**
 * Listens to an abort for many callers of one signal: Node warns when one signal has more than ten listeners.
 */
const listenersBySignal = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `listener` once when the signal is aborted. The signal must not be aborted yet.
 *
 * @returns a function that removes the listener.
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
