/** When changes have come to rest. */
import {
  asyncScheduler,
  exhaustMap,
  map,
  type Observable,
  raceWith,
  type SchedulerLike,
  share,
  startWith,
  switchMap,
  take,
  timer,
} from 'rxjs';

export interface Settling {
  /** Milliseconds without a change after which they have settled. */
  readonly quiet: number;
  /** Milliseconds after the first change at which they count as settled, though more come. */
  readonly most: number;
}

/**
 * Emits once for a burst of changes: when it is over, or has taken too long.
 *
 * @example
 * changes$.pipe(settled({ quiet: 500, most: 5000 })) // 'a' 'a' 'a' … 500 ms later: one value
 */
export const settled =
  ({ quiet, most }: Settling, scheduler: SchedulerLike = asyncScheduler) =>
  (changes$: Observable<unknown>): Observable<void> => {
    const shared$ = changes$.pipe(share());
    const over$ = () =>
      shared$.pipe(
        startWith(null),
        switchMap(() => timer(quiet, scheduler)),
        raceWith(timer(most, scheduler)),
        take(1),
      );
    return shared$.pipe(
      exhaustMap(over$),
      map(() => undefined),
    );
  };
