/**
 * Closes a connection while its peer may still be sending.
 *
 * ```text
 *  end our side ──▶ go on reading, and drop it ──▶ the peer ends its side: closed
 *                                              └─▶ it has not in time:     destroyed
 * ```
 *
 * There are two reasons to go on reading. An operating system that closes a socket with unread bytes sends a reset,
 * and the reset takes back what the peer has not read yet, such as the error that explains the end. And a connection
 * that is not read does not learn that its peer is gone.
 */
import { asyncScheduler, type Observable, type SchedulerLike, type Subscription } from 'rxjs';
import { CONNECTION, check, checkOptions, MILLISECONDS, optional, SCHEDULER } from '../wire/argument.ts';
import type { Connection, ConnectionFault } from './connection.ts';

/** How long `closeGracefully` waits for the peer. */
export interface CloseOptions {
  /** The time in which the peer must end its side, in milliseconds, 0 to 2^31 - 1; default 5,000. */
  readonly lingerMs?: number;
  /** The scheduler that measures the time; default `asyncScheduler`. */
  readonly scheduler?: SchedulerLike;
}

const LINGER_DEFAULT_MS = 5_000;

/**
 * Closes a connection in good order. It ends our side once everything written is sent, reads on and drops what comes,
 * and destroys the connection if the peer has not ended its side after `lingerMs`. It does so at once, whether or not
 * anybody subscribes to the result, and holds nothing but a timer meanwhile.
 *
 * It is for a program that stops reading before the peer has ended: after a fatal fault of `deframe`, after the
 * farewell of a protocol, or to turn a peer away. It may be called while `chunks$` still has a subscriber; that
 * subscriber then goes on reading for as long as it stays.
 *
 * @returns the connection's `closed$`. It emits once, when both sides are over: null after a close in good order,
 *   `destroyed` when the peer had to be dropped.
 * @throws TypeError or RangeError when an argument is of the wrong kind.
 * @example
 * const sorry = new TextEncoder().encode('this is no frame');
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
  // The subscriber that reads may be the caller, and may be about to stop. Only after that there is room for another
  // one.
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
  // An error means one of two things: the connection broke, which `closed$` reports; or another subscriber already
  // reads.
  connection.chunks$.subscribe({
    next: (chunk) => connection.recycle?.(chunk, chunk.length),
    error: () => {},
  });
  connection.resume();
}
