/** What a server says to whoever watches it. The connection is made again, a little later each time, when it broke. */
import {
  catchError,
  concat,
  defer,
  EMPTY,
  map,
  type Observable,
  of,
  repeat,
  switchMap,
  takeWhile,
  tap,
  timer,
} from 'rxjs';
import { framed } from '../../actor/framed/framed.ts';
import type { WatchMessage } from '../../files/protocol/watching.ts';
import type { Connection } from '../../transport/connection.ts';
import { delimited } from '../../wire/codecs/delimited.ts';
import { jsonMessages } from '../../wire/codecs/messages.ts';

/** The connection is over; another is made in `inMs` milliseconds. */
export interface Lost {
  readonly type: 'lost';
  readonly inMs: number;
}

/** Milliseconds until the connection is made again: twice as many after each that said nothing. */
const [WAIT_MS_MIN, WAIT_MS_MAX] = [500, 30_000];
/** The longest message: the server's are shorter. */
const LINE_BYTES_MAX = 4 * 1024 * 1024;
const codec = jsonMessages(delimited(Uint8Array.of(10), { maxLength: LINE_BYTES_MAX }));

/** Completes behind `refused`: this page may not watch. */
export const watchFeed = (connect: () => Observable<Connection>): Observable<WatchMessage | Lost> =>
  defer(() => {
    let waitMs = WAIT_MS_MIN;
    const messages$ = defer(connect).pipe(
      switchMap((connection) => framed(connection, codec).messages$),
      map((message) => message as WatchMessage),
      tap(() => {
        waitMs = WAIT_MS_MIN;
      }),
      catchError(() => EMPTY),
    );
    const lost$ = defer(() => of<Lost>({ type: 'lost', inMs: waitMs }));
    const again = (): Observable<unknown> => {
      const waited = waitMs;
      waitMs = Math.min(waitMs * 2, WAIT_MS_MAX);
      return timer(waited);
    };
    return concat(messages$, lost$).pipe(
      repeat({ delay: again }),
      takeWhile(({ type }) => type !== 'refused', true),
    );
  });
