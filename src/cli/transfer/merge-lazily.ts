/** Work on many values, so many of them at once. */
import { defer, finalize, map, merge, mergeMap, type Observable, range, Subject, takeWhile } from 'rxjs';

/**
 * `from(values).pipe(mergeMap(work, concurrency))`, but each value is taken from `values` when its turn has come. So
 * values that end early begin no further work, and those under way are finished.
 *
 * `mergeMap` alone would take all values at once, and keep those that wait in an array that it shifts: 9 s for 100,000
 * files and 64 s for 300,000, where this takes 1 s and 2 s.
 */
export const mergeLazily = <T, R>(
  values: Iterable<T>,
  work: (value: T) => Observable<R>,
  concurrency: number,
): Observable<R> =>
  defer(() => {
    const rest = values[Symbol.iterator]();
    /** Emits when work has ended, and so there is room for more. */
    const room$ = new Subject<void>();
    return merge(room$, range(0, concurrency)).pipe(
      map(() => rest.next()),
      takeWhile((next): next is IteratorYieldResult<T> => next.done !== true),
      mergeMap(({ value }) => work(value).pipe(finalize(() => room$.next())), concurrency),
    );
  });
