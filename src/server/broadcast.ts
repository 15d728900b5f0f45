/**
 * A broadcast to very many subscribers: it notifies some of them in each turn of the event loop, so that
 * nothing else waits until all were notified.
 */
import { Observable, type Subscriber } from 'rxjs';
import { runCooperatively } from './cooperative.ts';

/** Subscribers that are notified in one turn. */
export const LISTENERS_PER_TURN = 128;

export interface Broadcast {
  readonly messages$: Observable<void>;
  /**
   * Notifies all current subscribers, and resolves when all were. A subscriber that leaves meanwhile is not
   * notified.
   */
  readonly broadcast: () => Promise<void>;
}

export function createBroadcast(): Broadcast {
  /** Each connection of a server subscribes once, so the connections bound it. */
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
