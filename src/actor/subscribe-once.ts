/**
 * One subscription to an Observable for all connections that listen to it: to the shutdown of their server, say.
 *
 * An RxJS subscription each would take more memory than what an idle connection has to remember otherwise. So the first
 * that listens subscribes, and the others are entries of a set. Once the Observable has emitted or completed, whoever
 * comes later subscribes by itself: what a late subscriber gets is for the Observable to say.
 */
import type { Observable, Subscription } from 'rxjs';

type Listener = () => void;

interface Shared {
  /** Bounded by the connections. */
  readonly listeners: Set<Listener>;
  subscription: Subscription | null;
  hasBegun: boolean;
}

const all = new WeakMap<Observable<unknown>, Shared>();

/** Calls `listener` at each emission. Returns a function that stops it. */
export function subscribeOnce(source$: Observable<unknown>, listener: Listener): () => void {
  let shared = all.get(source$);
  if (shared === undefined) {
    shared = { listeners: new Set(), subscription: null, hasBegun: false };
    all.set(source$, shared);
  }
  if (shared.hasBegun) {
    const own = source$.subscribe(listener);
    return () => own.unsubscribe();
  }
  const { listeners } = shared;
  listeners.add(listener);
  if (listeners.size === 1) subscribe(source$, shared);
  const joined = shared;
  return () => leave(joined, listener);
}

function subscribe(source$: Observable<unknown>, shared: Shared): void {
  const begin = () => {
    shared.hasBegun = true;
  };
  shared.subscription = source$.subscribe({
    next: () => {
      begin();
      for (const listener of [...shared.listeners]) if (shared.listeners.has(listener)) listener();
    },
    complete: begin,
  });
}

function leave(shared: Shared, listener: Listener): void {
  if (!shared.listeners.delete(listener) || shared.listeners.size > 0) return;
  shared.subscription?.unsubscribe();
  shared.subscription = null;
}
