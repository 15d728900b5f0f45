/** News for very many who listen: told to some of them in each turn, so that nothing else waits for all of them. */
import { Observable, type Subscriber } from 'rxjs';
import { inTurns } from './turns.ts';

/** Listeners that are told in one turn. */
export const TOLD_PER_TURN = 128;

export interface ToldInTurns {
  readonly told$: Observable<void>;
  /** Tells everybody who listens now; resolves when all have been told. Who stops listening meanwhile is left out. */
  readonly tell: () => Promise<void>;
}

export function toldInTurns(): ToldInTurns {
  /** Bounded by who listens: each connection of a server does so once. */
  const listeners = new Set<Subscriber<void>>();

  function* tellAll(): Generator<void, void> {
    let told = 0;
    for (const listener of [...listeners]) {
      if (told > 0 && told % TOLD_PER_TURN === 0) yield;
      told += 1;
      listener.next();
    }
  }

  return {
    told$: new Observable((subscriber) => {
      listeners.add(subscriber);
      return () => listeners.delete(subscriber);
    }),
    tell: () => inTurns(tellAll()),
  };
}
