/** What a server says of each of its connections, from its admission to its end. */
import { concat, defer, finalize, merge, type Observable, of, Subject } from 'rxjs';
import type { Address, Connection, ConnectionFault } from '../transport/connection.ts';
import type { ConnectionLimit } from './bounds/connection-limit.ts';

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

export interface ConnectionEventsOptions<Event> {
  readonly connectionLimit: ConnectionLimit;
  /** Emits when what is not over is cut off. */
  readonly cut$: Observable<unknown>;
  /**
   * Serves a connection that was admitted. What it returns completes when the connection is over. `say` emits an event
   * of its own.
   */
  readonly serve: (where: Where, say: (event: Event) => void) => Observable<Event>;
  /** The event of a connection that is cut off. */
  readonly cutEvent: (where: Where) => Event;
}

/** Serves a connection that was accepted, and emits its events from `opened` to `closed`; or turns it away. */
export function connectionEvents<Event>(
  connection: Connection,
  { connectionLimit, cut$, serve, cutEvent }: ConnectionEventsOptions<Event>,
): Observable<Event | ConnectionEvent> {
  const where: Where = { connection: connection.id, remote: connection.remote };
  const code = connectionLimit.admit(connection);
  if (code !== null) return of({ type: 'turned-away', ...where, code });
  const since = Date.now();
  let fault: ConnectionFault | null = null;
  connection.closed$.subscribe((closeFault) => {
    fault = closeFault;
  });
  const own$ = new Subject<Event>();
  const cut = cut$.subscribe(() => {
    own$.next(cutEvent(where));
    connection.destroy();
  });
  const served$ = serve(where, (event) => own$.next(event)).pipe(
    finalize(() => {
      cut.unsubscribe();
      own$.complete();
    }),
  );
  return concat(
    of({ type: 'opened', ...where } as const),
    merge(own$, served$),
    defer(() => of({ type: 'closed', ...where, fault, ms: Date.now() - since } as const)),
  ).pipe(
    finalize(() => {
      // Whoever unsubscribes at `opened` does so before anybody owns the connection.
      connection.destroy();
      cut.unsubscribe();
      connectionLimit.release(connection);
    }),
  );
}
