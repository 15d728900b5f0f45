/** News for very many who listen: told to some of them in each turn, so that nothing else waits for all of them. */
import { Observable, type Subscriber } from 'rxjs';
import { runCooperatively } from './cooperative.ts';

/** Listeners that are told in one turn. */
export const LISTENERS_PER_TURN = 128;

export interface Broadcast {
  readonly messages$: Observable<void>;
  /** Tells everybody who listens now; resolves when all have been told. Who stops listening meanwhile is left out. */
  readonly broadcast: () => Promise<void>;
}

export function createBroadcast(): Broadcast {
  /** Bounded by who listens: each connection of a server does so once. */
  const listeners = new Set<Subscriber<void>>();

  function* notifyAll(): Generator<void, void> {
    let notified = 0;
    for (const listener of [...listeners]) {
      if (notified > 0 && notified % LISTENERS_PER_TURN === 0) yield;
      notified += 1;
      listener.next();
    }
  }

  return {
    messages$: new Observable((subscriber) => {
      listeners.add(subscriber);
      return () => listeners.delete(subscriber);
    }),
    broadcast: () => runCooperatively(notifyAll()),
  };
}
