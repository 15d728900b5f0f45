/**
 * A whole server as one Observable: it listens while it is subscribed, and emits the events of the server.
 */
import { defer, delay, finalize, merge, mergeMap, type Observable, of, takeUntil, tap, timer } from 'rxjs';
import { connectionEvents, type Where } from '../actor/connection-events.ts';
import type { TimedReport } from '../files/effects/request-timing.ts';
import { type ServeConnectionOptions, serveConnection } from '../files/effects/serve-connection.ts';
import { hostOf } from '../transport/address.ts';
import type { Connection } from '../transport/connection.ts';
import { checkListenEvent } from '../transport/listen-event.ts';
import { type ServerEvent, withPeer } from './event.ts';
import { LiveConnection } from './observe/registry.ts';
import { checkServe, type ServeOptions } from './serve-options.ts';
import { createServerState, type HostTries, type ServerParts, type ServerState } from './server-state.ts';

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
 * Serves files. Unsubscribing stops the server at once, connections included; `shutdown$` stops it gently. It errors
 * only when it cannot listen, with the error of `connections$`: the `ListenError` of `listenTcp`, say. The store stays
 * open: close it when it is no longer used.
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
  return serveWith(options, {});
}

/** The same, with parts that others see or own. */
export function serveWith(options: ServeOptions, parts: ServerParts): Observable<ServerEvent> {
  checkServe(options);
  return defer(() => {
    const server = createServerState(options, parts);
    const { shared, cut$ } = server;
    const served$ = options.connections$.pipe(
      takeUntil(shared.shutdown$.pipe(delay(ACCEPT_TAIL_MS))),
      tap((event) => checkListenEvent('serve', event)),
      mergeMap((event) => (event.type === 'connection' ? serveOne(server, event.connection) : of(event))),
      takeUntil(cut$.pipe(mergeMap(() => timer(STORE_RELEASE_MS)))),
      finalize(() => server.ownEvents$.complete()),
    );
    return merge(server.ownEvents$, served$);
  });
}

/** Serves a connection, and emits its events from `opened` to `closed`; or turns it away. */
function serveOne(server: ServerState, connection: Connection): Observable<ServerEvent> {
  const { shared, cut$, connectionLimit, registry } = server;
  let status: LiveConnection | null = null;
  return connectionEvents<TimedReport, ServerEvent>(connection, {
    connectionLimit,
    cut$,
    cutEvent: (where) => ({ type: 'cut', ...where, open: status?.open ?? 0 }),
    serve: (where, say) => {
      status = registry?.enter(connection) ?? new LiveConnection(connection, null);
      const onInternalError = (thrown: unknown) => say({ type: 'internal-error', ...where, thrown });
      return serveConnection(connection, {
        // Field by field: each object that a spread makes may have a shape of its own, which takes more than its fields.
        session: shared.session,
        framing: shared.framing,
        service: shared.service,
        store: shared.store,
        customHandlers: shared.customHandlers,
        access: shared.access,
        limits: shared.limits,
        budget: shared.budget,
        slots: shared.slots,
        rounds: shared.rounds,
        timeoutMonitor: shared.timeoutMonitor,
        rateLimits: shared.rateLimits,
        trace: shared.trace,
        about: shared.about,
        counters: shared.counters,
        shutdown$: server.isShuttingDown ? timer(LATE_CLIENT_MS) : shared.shutdown$,
        tries: addressTries(server.tokenTries, where, say),
        status,
        onInternalError,
      });
    },
    toEvent: withPeer,
  });
}

/** The token tries of the peer's address. A turn that must wait is an event. */
function addressTries(
  tokenTries: HostTries,
  where: Where,
  say: (event: ServerEvent) => void,
): NonNullable<ServeConnectionOptions['tries']> {
  const host = hostOf(where.remote) ?? 'no address';
  const saying = (ms: number) => {
    if (ms > 0) say({ type: 'slowed', ...where, ms });
    return ms;
  };
  return {
    takeTurn: () => {
      const turn = tokenTries.takeTurn(host);
      return typeof turn === 'number' ? saying(turn) : turn.then(saying);
    },
    wrong: () => tokenTries.wrong(host),
  };
}
