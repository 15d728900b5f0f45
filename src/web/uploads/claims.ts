/**
 * Which tab of the browser sends which file, by Web Locks: the browser gives a lock back when its tab is closed or
 * crashes. Where there are none (a page without TLS that is not of this machine), each tab is on its own.
 */
import { map, Observable } from 'rxjs';
import type { Source } from './entry.ts';

export interface Claims {
  /**
   * Emits `mine`, and holds the file until it is unsubscribed. Or emits `taken` while another tab has it, then `free`,
   * and completes.
   */
  readonly claim: (source: Source) => Observable<'mine' | 'taken' | 'free'>;
  /** The tabs that are alive, by the names that they have given themselves; null where nobody knows. */
  readonly tabs: () => Promise<ReadonlySet<string> | null>;
  /** Emits and completes when a tab is no longer alive. */
  readonly gone: (tab: string) => Observable<void>;
}

const OF_TAB = 'sluice-tab:';
const OF_FILE = 'sluice-upload:';

/** @param tab the name of this one, which lives as long as its page. */
export function createClaims(tab: string, locks: LockManager | undefined = navigator.locks): Claims {
  if (locks === undefined) return ALONE;
  locks.request(OF_TAB + tab, () => new Promise<never>(() => {})).catch(() => {});
  const own = new Map<string, Promise<void>>();
  return {
    claim: ({ source, size, modified }) =>
      claim(locks, own, OF_FILE + JSON.stringify([source, size, modified])),
    tabs: async () => {
      const held = await locks.query().then(
        (known) => known.held ?? [],
        () => null,
      );
      if (held === null) return null;
      const names = held.map(({ name = '' }) => name).filter((name) => name.startsWith(OF_TAB));
      return new Set(names.map((name) => name.slice(OF_TAB.length)));
    },
    gone: (other) => freed(locks, OF_TAB + other),
  };
}

const ALONE: Claims = {
  claim: () => new Observable((subscriber) => subscriber.next('mine')),
  tabs: async () => null,
  gone: () => new Observable(),
};

/** @param own the locks that this tab has, each with the end of it: what it gives back it may want again at once. */
function claim(
  locks: LockManager,
  own: Map<string, Promise<void>>,
  name: string,
): Observable<'mine' | 'taken' | 'free'> {
  return new Observable((subscriber) => {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const onAnswer = (lock: Lock | null): Promise<void> | undefined => {
      if (subscriber.closed) return;
      if (lock !== null) {
        subscriber.next('mine');
        return held;
      }
      subscriber.next('taken');
      const free$ = freed(locks, name).pipe(map(() => 'free' as const));
      subscriber.add(free$.subscribe(subscriber));
      return;
    };
    const before = (own.get(name) ?? Promise.resolve()).catch(() => {});
    const asked = before.then(() => locks.request(name, { ifAvailable: true }, onAnswer));
    own.set(name, asked);
    void asked
      // A browser that gives no locks: each tab is on its own.
      .catch(() => subscriber.next('mine'))
      .finally(() => {
        if (own.get(name) === asked) own.delete(name);
      });
    return release;
  });
}

function freed(locks: LockManager, name: string): Observable<void> {
  return new Observable((subscriber) => {
    const given = new AbortController();
    locks
      .request(name, { signal: given.signal }, () => {
        subscriber.next();
        subscriber.complete();
      })
      // It was unsubscribed.
      .catch(() => {});
    return () => given.abort();
  });
}
