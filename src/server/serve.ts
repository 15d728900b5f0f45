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
  NEVER,
  type Observable,
  of,
  Subject,
  share,
  take,
  takeUntil,
  timer,
} from 'rxjs';
import { version } from '../files/protocol/version.ts';
import type { Command } from '../files/session/command.ts';
import { commands as builtIn, requestFraming } from '../files/session/dispatch.ts';
import { createSession } from '../files/session/session.ts';
import { openAccess } from '../runtime/access.ts';
import { createCounters } from '../runtime/counters.ts';
import { createBudget } from '../runtime/credit.ts';
import { defaultLimits, type Limits, limitsWithin, splitBudget } from '../runtime/limits.ts';
import { createRateLimiter } from '../runtime/rate-limit.ts';
import { createRounds } from '../runtime/rounds.ts';
import { type ServeConnectionOptions, serveConnection } from '../runtime/serve-connection.ts';
import { createSlots } from '../runtime/slots.ts';
import { createTimeoutMonitor } from '../runtime/timeouts.ts';
import { createTokenTries } from '../runtime/token-tries.ts';
import type { Connection, ConnectionFault } from '../transport/connection.ts';
import { openFileLimit } from './bounds.ts';
import { createConnectionLimit, hostOf } from './connection-limit.ts';
import { type ServerEvent, withPeer } from './event.ts';
import { checkServe, type ServeOptions } from './serve-options.ts';

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
 * errors only when it cannot listen, with the error of `connections$`. The store stays open: close it when it
 * is no longer used.
 *
 * @throws TypeError or RangeError at once when an option is of the wrong kind, or a limit no number.
 * @example
 * const store = memoryStore();
 * const server = serve({ connections$: listenTcp({ port: 0 }), store }).subscribe({
 *   next: (event) => {
 *     if (event.type === 'stored') console.log(event.filename, event.size);
 *   },
 *   error: (fault) => console.error(fault.message), // the port is taken, say
 * });
 * // later
 * server.unsubscribe();
 */
export function serve(options: ServeOptions): Observable<ServerEvent> {
  checkServe(options);
  return defer(() => {
    const { store, commands = builtIn, customHandlers = {}, access = openAccess } = options;
    const within = limitsWithin(openFileLimit(), options.limits?.connections);
    const limits = { ...defaultLimits, ...within, ...options.limits };
    const { credit, heads } = splitBudget(limits);
    const { reading, writing } = limits.openFiles;
    const shared = {
      session: createSession(commands, limits),
      store,
      customHandlers,
      access,
      limits,
      budget: createBudget(credit),
      slots: {
        heads: createSlots({ shared: heads, perHolder: 0 }),
        reading: createSlots({ shared: reading, perHolder: 1 }),
        writing: createSlots({ shared: writing, perHolder: 1 }),
      },
      rounds: createRounds(() => performance.now(), setImmediate),
      timeoutMonitor: createTimeoutMonitor(limits.timeouts),
      rateLimits: {
        bytes: createRateLimiter(limits.bytesPerSecond),
        requests: createRateLimiter(limits.requestsPerSecond),
      },
      about: aboutServer(commands, limits),
      counters: createCounters(),
      shutdown$: (options.shutdown$ ?? NEVER).pipe(take(1), share()),
    } satisfies Partial<ServeConnectionOptions>;
    const { shutdown$, counters, budget } = shared;
    const cut$ = shutdown$.pipe(
      mergeMap(() => timer(limits.grace)),
      share(),
    );
    let isShuttingDown = false;
    shutdown$.subscribe(() => {
      isShuttingDown = true;
    });
    const connectionLimit = createConnectionLimit(limits);
    const tokenTries = options.tokenTries ?? createTokenTries(() => performance.now());
    options.stats?.(() => ({
      ...counters,
      connections: connectionLimit.count(),
      unsettled: budget.unsettled(),
    }));

    const serveOne = (connection: Connection): Observable<ServerEvent> => {
      const where = { connection: connection.id, remote: connection.remote };
      const code = connectionLimit.admit(connection);
      if (code !== null) return of({ type: 'turned-away', ...where, code });
      const since = Date.now();
      const status = { open: 0 };
      let fault: ConnectionFault | null = null;
      connection.closed$.subscribe((closeFault) => {
        fault = closeFault;
      });
      const serverEvents$ = new Subject<ServerEvent>();
      const cut = cut$.subscribe(() => {
        serverEvents$.next({ type: 'cut', ...where, open: status.open });
        connection.destroy();
      });
      const onInternalError = (thrown: unknown) =>
        serverEvents$.next({ type: 'internal-error', ...where, thrown });
      const host = hostOf(connection.remote) ?? 'no address';
      const tries = {
        takeTurn: () => {
          const ms = tokenTries.takeTurn(host);
          if (ms > 0) serverEvents$.next({ type: 'slowed', ...where, ms });
          return ms;
        },
        wrong: () => tokenTries.wrong(host),
      };
      const framing = requestFraming(commands, { maxHeader: limits.headerBytes, onInternalError });
      const connectionShutdown$ = isShuttingDown ? timer(LATE_CLIENT_MS) : shutdown$;
      const reports$ = serveConnection(connection, {
        ...shared,
        shutdown$: connectionShutdown$,
        framing,
        tries,
        status,
        onInternalError,
      }).pipe(
        map((report) => withPeer(report, where)),
        finalize(() => {
          cut.unsubscribe();
          serverEvents$.complete();
        }),
      );
      return concat(
        of({ type: 'opened', ...where } as const),
        merge(serverEvents$, reports$),
        defer(() => of({ type: 'closed', ...where, fault, ms: Date.now() - since } as const)),
      ).pipe(finalize(() => connectionLimit.release(connection)));
    };

    return options.connections$.pipe(
      takeUntil(shutdown$.pipe(delay(ACCEPT_TAIL_MS))),
      mergeMap((event) => (event.type === 'connection' ? serveOne(event.connection) : of(event))),
      takeUntil(cut$.pipe(mergeMap(() => timer(STORE_RELEASE_MS)))),
    );
  });
}

/** The limits and commands that a client may want to know before it sends. An infinite bound is null. */
function aboutServer(commands: readonly Command[], limits: Limits) {
  const { headerBytes, fileBytes, openRequests } = limits;
  return {
    server: 'sluice',
    version,
    commands: [...new Set(commands.map(({ cmd }) => cmd))],
    limits: { headerBytes, fileBytes: Number.isFinite(fileBytes) ? fileBytes : null, openRequests },
  };
}
