/** The wish that a server shuts down. */
import { catchError, NEVER, type Observable, of, ReplaySubject, share, take } from 'rxjs';

/**
 * Emits once, when `shutdown$` emits or errors, and again for whoever subscribes later. `shutdown$` itself is subscribed
 * to once. A server whose shutdown can no longer be asked for is not left running: an error counts as the wish, and is
 * handed to `failed`.
 */
export const shutdownSignal = (
  shutdown$: Observable<unknown> = NEVER,
  failed: (thrown: unknown) => void,
): Observable<unknown> =>
  shutdown$.pipe(
    catchError((thrown: unknown) => {
      failed(thrown);
      return of(null);
    }),
    take(1),
    share({ connector: () => new ReplaySubject(1), resetOnComplete: false, resetOnError: false }),
  );
