/** Tells that changes are dropped from a log of changes which is full. */
import { catchError, EMPTY, exhaustMap, filter, from, map, type Observable, pairwise, timer } from 'rxjs';
import type { ChangeLogStatus } from '../../store/changes/change-log.ts';

/** A full log drops a change each time that somebody makes one: that is told no more often than this. */
const EVERY_MS = 5_000;

/**
 * How many changes have been dropped since the last look, where there are any. Never completes, and passes over a look that
 * fails.
 */
export const dropped = (status: () => Promise<Pick<ChangeLogStatus, 'dropped'>>): Observable<number> =>
  timer(0, EVERY_MS).pipe(
    exhaustMap(() => from(status()).pipe(catchError(() => EMPTY))),
    map((now) => now.dropped),
    pairwise(),
    map(([before, now]) => now - before),
    filter((more) => more > 0),
  );
