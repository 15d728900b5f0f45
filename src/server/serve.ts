/**
 * A whole server as one Observable: it listens while it is subscribed, and emits the events of the server.
 */
import {
  concat,
  defer,
  delay,
  finalize,
  map,
  merge,
  mergeMap,
  type Observable,
  of,
  Subject,
  takeUntil,
  timer,
} from 'rxjs';
import { type ServeConnectionOptions, serveConnection } from '../files/effects/serve-connection.ts';
import type { TokenTries } from '../files/effects/token-tries.ts';
import { requestFraming } from '../files/session/dispatch.ts';
import { hostOf } from '../transport/address.ts';
import type { Connection, ConnectionFault } from '../transport/connection.ts';
import { type ServerEvent, type Where, withPeer } from './event.ts';
import { checkServe, type ServeOptions } from './serve-options.ts';
import { createServerState, type ServerState } from './server-state.ts';

export type { ServeOptions };

/** Milliseconds that connections have to release the store after they were cut off. */
const STORE_RELEASE_MS = 1000;
/**
 * Milliseconds in which a server that shuts down still accepts connections that the system had already
 * accepted for it.
 */
const ACCEPT_TAIL_MS = 10;
/**
 * Milliseconds after which such a late connection is shut down. Until then the server handles the requests
 * that the client sent before it left.
 */
const LATE_CLIENT_MS = 400;

/**
 * Serves files. Unsubscribing stops the server at once, connections included; `shutdown$` stops it gently. It
 * errors only when it cannot listen, with the error of `connections$`: the `ListenError` of `listenTcp`, say. The store stays open: close it when it
 * is no longer used.
 *
 * @throws TypeError or RangeError at once when an option is of the wrong kind, or a limit no number.
 * @example
 * const store = memoryStore();
 * const server = serve({ connections$: listenTcp({ port: 0 }), store }).subscribe({
 *   next: (event) => {
 *     if (event.type === 'stored') console.log(event.filename, event.size);
 *   },
 *   error: (error) => console.error(error.message), // the port is taken, say
 * });
 * // later
 * server.unsubscribe();
 */
export function serve(options: ServeOptions): Observable<ServerEvent> {
  checkServe(options);
  return defer(() => {
    const server = createServerState(options);
    const { shared, cut$ } = server;
    const served$ = options.connections$.pipe(
      takeUntil(shared.shutdown$.pipe(delay(ACCEPT_TAIL_MS))),
      mergeMap((event) => (event.type === 'connection' ? serveOne(server, event.connection) : of(event))),
      takeUntil(cut$.pipe(mergeMap(() => timer(STORE_RELEASE_MS)))),
      finalize(() => server.ownEvents$.complete()),
    );
    return merge(server.ownEvents$, served$);
  });
}

/** Serves a connection that was accepted, and emits its events from `opened` to `closed`; or turns it away. */
function serveOne(server: ServerState, connection: Connection): Observable<ServerEvent> {
  const { connectionLimit } = server;
  const where: Where = { connection: connection.id, remote: connection.remote };
  const code = connectionLimit.admit(connection);
  if (code !== null) return of({ type: 'turned-away', ...where, code });
  const since = Date.now();
  let fault: ConnectionFault | null = null;
  connection.closed$.subscribe((closeFault) => {
    fault = closeFault;
  });
  return concat(
    of({ type: 'opened', ...where } as const),
    serveAdmitted(server, connection, where),
    defer(() => of({ type: 'closed', ...where, fault, ms: Date.now() - since } as const)),
  ).pipe(finalize(() => connectionLimit.release(connection)));
}

/** Serves a connection that was admitted: emits its reports, and the events of the server about it. */
function serveAdmitted(server: ServerState, connection: Connection, where: Where): Observable<ServerEvent> {
  const { commands, limits, shared, cut$ } = server;
  const status = { open: 0 };
  const events$ = new Subject<ServerEvent>();
  const cut = cut$.subscribe(() => {
    events$.next({ type: 'cut', ...where, open: status.open });
    connection.destroy();
  });
  const onInternalError = (thrown: unknown) => events$.next({ type: 'internal-error', ...where, thrown });
  const reports$ = serveConnection(connection, {
    ...shared,
    shutdown$: server.isShuttingDown ? timer(LATE_CLIENT_MS) : shared.shutdown$,
    framing: requestFraming(commands, { maxHeader: limits.headerBytes, onInternalError }),
    tries: addressTries(server.tokenTries, where, events$),
    status,
    onInternalError,
  }).pipe(
    map((report) => withPeer(report, where)),
    finalize(() => {
      cut.unsubscribe();
      events$.complete();
    }),
  );
  return merge(events$, reports$);
}

/** The token tries of the peer's address. A turn that must wait is an event. */
function addressTries(
  tokenTries: TokenTries,
  where: Where,
  events$: Subject<ServerEvent>,
): NonNullable<ServeConnectionOptions['tries']> {
  const host = hostOf(where.remote) ?? 'no address';
  return {
    takeTurn: () => {
      const ms = tokenTries.takeTurn(host);
      if (ms > 0) events$.next({ type: 'slowed', ...where, ms });
      return ms;
    },
    wrong: () => tokenTries.wrong(host),
  };
}
