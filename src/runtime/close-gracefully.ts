/**
 * The end of a connection that its peer goes on sending to.
 *
 * ```text
 *  end our side ──▶ go on reading, and drop it ──▶ the peer ends its side: closed
 *                                              └─▶ it has not in time:     destroyed
 * ```
 *
 * To read is needed for both: a system that closes with something unread sends a reset, which takes back what the peer
 * has not read yet (the error it was told, say); and a connection that is not read does not learn that its peer is gone.
 */
import { asyncScheduler, type Observable, type SchedulerLike, type Subscription } from 'rxjs';
import type { Connection, ConnectionFault } from '../transport/connection.ts';
import { CONNECTION, check, checkOptions, MILLISECONDS, optional, SCHEDULER } from '../wire/argument.ts';

export interface CloseOptions {
  /** Milliseconds that the peer has to end its side, 0 to 2^31 - 1; default 5,000. */
  readonly lingerMs?: number;
  /** What the time is measured on; default `asyncScheduler`. */
  readonly scheduler?: SchedulerLike;
}

const LINGER_DEFAULT_MS = 5_000;

/**
 * Closes a connection in good order: ends our side once everything written is sent, reads on and drops what comes, and
 * destroys it if the peer has not ended its side after `lingerMs`. It does so at once, whether or not anybody
 * subscribes to what it answers, and holds nothing but a timer meanwhile.
 *
 * For whoever stops reading before the peer has ended: after a fatal fault of `deframe`, after a protocol's own farewell,
 * or for a peer that is turned away. May be called while `chunks$` is still subscribed to; that subscriber then goes on
 * reading as long as it stays.
 *
 * @returns the connection's `closed$`: emits once, when both sides are over; null when in good order, `destroyed` when the
 *   peer had to be dropped.
 * @throws TypeError or RangeError when an argument is of the wrong kind.
 * @example
 * connection.chunks$.pipe(deframe(framing)).subscribe({
 *   next: (event) => {
 *     if (event.type === 'fault') connection.write([sorry], () => {});
 *   },
 *   error: () => {}, // the connection broke: there is nothing to close
 *   complete: () => closeGracefully(connection),
 * });
 */
export function closeGracefully(
  connection: Connection,
  options: CloseOptions = {},
): Observable<ConnectionFault | null> {
  check('closeGracefully: the connection', connection, CONNECTION);
  checkOptions('closeGracefully', options, {
    lingerMs: optional(MILLISECONDS),
    scheduler: optional(SCHEDULER),
  });
  const { lingerMs = LINGER_DEFAULT_MS, scheduler = asyncScheduler } = options;
  connection.end();
  const late = destroyLater(connection, lingerMs, scheduler);
  connection.closed$.subscribe(() => late.unsubscribe());
  // Whoever reads may be about to stop, and be the one who called: only then is there room for another.
  queueMicrotask(() => readOn(connection));
  return connection.closed$;
}

/** Destroys a connection after so many milliseconds, unless unsubscribed before. */
export function destroyLater(
  connection: Pick<Connection, 'destroy'>,
  lingerMs: number,
  scheduler: SchedulerLike,
): Subscription {
  return scheduler.schedule(() => connection.destroy(), lingerMs);
}

function readOn(connection: Connection): void {
  // An error is either that of the connection, which `closed$` tells, or that somebody else reads it already.
  connection.chunks$.subscribe({
    next: (chunk) => connection.recycle?.(chunk, chunk.length),
    error: () => {},
  });
  connection.resume();
}
