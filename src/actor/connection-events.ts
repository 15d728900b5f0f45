/** What a server says of each of its connections, from its admission to its end. */
import { Observable, of } from 'rxjs';
import type { Address, Connection, ConnectionFault } from '../transport/connection.ts';
import type { ConnectionLimit } from './bounds/connection-limit.ts';
import { subscribeOnce } from './subscribe-once.ts';

/** The connection that an event is about. */
export interface Where {
  readonly connection: string;
  readonly remote: Address;
}

/**
 * An event of a connection, from its admission to its end. Each names the connection by `connection`, the
 * `Connection.id`, and by `remote`, the address of the peer.
 *
 * - `opened`: it was admitted.
 * - `closed`: it is over. `fault` is null when it ended in good order, and `ms` is how many milliseconds it was open.
 * - `turned-away`: there were too many connections. No `closed` follows.
 */
export type ConnectionEvent =
  | ({ readonly type: 'opened' } & Where)
  | ({ readonly type: 'closed'; readonly fault: ConnectionFault | null; readonly ms: number } & Where)
  | ({ readonly type: 'turned-away'; readonly code: 'too-many-connections' } & Where);

export interface ConnectionEventsOptions<Report, Event> {
  readonly connectionLimit: ConnectionLimit;
  /** Emits when what is not over is cut off. */
  readonly cut$: Observable<unknown>;
  /**
   * Serves a connection that was admitted. What it returns completes when the connection is over. `say` emits an event
   * of its own.
   */
  readonly serve: (where: Where, say: (event: Event) => void) => Observable<Report>;
  /** The event of a report. */
  readonly toEvent: (report: Report, where: Where) => Event;
  /** The event of a connection that is cut off. */
  readonly cutEvent: (where: Where) => Event;
}

/**
 * Serves a connection that was accepted, and emits its events from `opened` to `closed`; or turns it away.
 *
 * It is one Observable, not one put together of others: each subscription inside would be there for as long as the
 * connection is, and take a few hundred bytes in each of thousands of idle ones.
 */
export function connectionEvents<Report, Event>(
  connection: Connection,
  { connectionLimit, cut$, serve, toEvent, cutEvent }: ConnectionEventsOptions<Report, Event>,
): Observable<Event | ConnectionEvent> {
  const where: Where = { connection: connection.id, remote: connection.remote };
  const code = connectionLimit.admit(connection);
  if (code !== null) return of({ type: 'turned-away', ...where, code });
  const since = Date.now();
  let fault: ConnectionFault | null = null;
  connection.closed$.subscribe((closeFault) => {
    fault = closeFault;
  });
  return new Observable((subscriber) => {
    const say = (event: Event) => subscriber.next(event);
    const stopCut = subscribeOnce(cut$, () => {
      say(cutEvent(where));
      connection.destroy();
    });
    const release = () => {
      // Whoever unsubscribes at `opened` does so before anybody owns the connection.
      connection.destroy();
      stopCut();
      connectionLimit.release(connection);
    };
    subscriber.next({ type: 'opened', ...where });
    if (subscriber.closed) return release;
    const served = serve(where, say).subscribe({
      next: (report) => say(toEvent(report, where)),
      error: (error: unknown) => subscriber.error(error),
      complete: () => {
        stopCut();
        subscriber.next({ type: 'closed', ...where, fault, ms: Date.now() - since });
        subscriber.complete();
      },
    });
    return () => {
      served.unsubscribe();
      release();
    };
  });
}
