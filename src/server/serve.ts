/**
 * A whole server as one Observable: it listens while it is subscribed, and emits what happens.
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
import { type Access, openAccess } from '../runtime/access.ts';
import { createCounters } from '../runtime/counters.ts';
import { createBudget } from '../runtime/credit.ts';
import type { CustomHandlers } from '../runtime/effect-executor.ts';
import { defaultLimits, type Limits, limitsWithin, splitBudget } from '../runtime/limits.ts';
import { createRateLimiter } from '../runtime/rate-limit.ts';
import { createRounds } from '../runtime/rounds.ts';
import { type ServeConnectionOptions, serveConnection } from '../runtime/serve-connection.ts';
import { createSlots } from '../runtime/slots.ts';
import { createTimeoutMonitor } from '../runtime/timeouts.ts';
import { createTokenTries, type TokenTries } from '../runtime/token-tries.ts';
import type { Store } from '../store/contract.ts';
import type { Connection, ConnectionFault } from '../transport/connection.ts';
import type { ListenEvent } from '../transport/listen.ts';
import { checkServe } from './check-serve.ts';
import { createConnectionLimit, hostOf } from './connection-limit.ts';
import { type ServerEvent, withPeer } from './event.ts';
import { openFileLimit } from './open-files.ts';
import type { ServerStats } from './stats.ts';

export interface ServeOptions {
  /** Where connections come from: `listenTcp({ port: 8080 })`, or any other source of them, or several merged. */
  readonly connections$: Observable<ListenEvent>;
  readonly store: Store;
  /** Default: all of Sluice's own. Add yours behind them: `[...commands, mine]`; of one name, the last one counts. */
  readonly commands?: readonly Command[];
  /** Performs the `call` effects of commands of your own. */
  readonly customHandlers?: CustomHandlers;
  readonly limits?: Partial<Limits>;
  /** Who is let in, and may do what; default everybody, everything. */
  readonly access?: Access;
  /**
   * How often tokens may be tried from one address (of IPv6, one network); default `createTokenTries()`. Connections that
   * have no address, such as those of a Unix socket, count as from one.
   */
  readonly tokenTries?: TokenTries;
  /**
   * When it emits, the server shuts down in good order: it accepts no more, finishes what runs, and completes. What
   * is not finished within `limits.grace` is cut off.
   */
  readonly shutdown$?: Observable<unknown>;
  /** Given, once it is subscribed, how to read how the server is. */
  readonly stats?: (read: () => ServerStats) => void;
}

/** Milliseconds that connections which were cut off have to let go of the store. */
const STORE_RELEASE_MS = 1000;
/** Milliseconds in which a server that shuts down still accepts what the system has accepted for it before. */
const ACCEPT_TAIL_MS = 10;
/** Milliseconds that those have before they are told that it shuts down: what they sent, and left, is taken. */
const LATE_CLIENT_MS = 400;

/**
 * Serves files. Unsubscribing stops it at once, connections included; `shutdown$` stops it gently. Errors only when
 * it cannot listen, with what `connections$` errors with. The store stays open: close it when it is no longer used.
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
    let draining = false;
    shutdown$.subscribe(() => {
      draining = true;
    });
    const door = createConnectionLimit(limits);
    const tokenTries = options.tokenTries ?? createTokenTries(() => performance.now());
    options.stats?.(() => ({ ...counters, connections: door.count(), unsettled: budget.unsettled() }));

    const attended = (connection: Connection): Observable<ServerEvent> => {
      const where = { connection: connection.id, remote: connection.remote };
      const code = door.admit(connection);
      if (code !== null) return of({ type: 'turned-away', ...where, code });
      const since = Date.now();
      const status = { open: 0 };
      let fault: ConnectionFault | null = null;
      connection.closed$.subscribe((how) => {
        fault = how;
      });
      const besides$ = new Subject<ServerEvent>();
      const cut = cut$.subscribe(() => {
        besides$.next({ type: 'cut', ...where, open: status.open });
        connection.destroy();
      });
      const onInternalError = (thrown: unknown) =>
        besides$.next({ type: 'internal-error', ...where, thrown });
      const host = hostOf(connection.remote) ?? 'no address';
      const tries = {
        takeTurn: () => {
          const ms = tokenTries.takeTurn(host);
          if (ms > 0) besides$.next({ type: 'slowed', ...where, ms });
          return ms;
        },
        wrong: () => tokenTries.wrong(host),
      };
      const framing = requestFraming(commands, { maxHeader: limits.headerBytes, onInternalError });
      const toDrain$ = draining ? timer(LATE_CLIENT_MS) : shutdown$;
      const reports$ = serveConnection(connection, {
        ...shared,
        shutdown$: toDrain$,
        framing,
        tries,
        status,
        onInternalError,
      }).pipe(
        map((report) => withPeer(report, where)),
        finalize(() => {
          cut.unsubscribe();
          besides$.complete();
        }),
      );
      return concat(
        of({ type: 'opened', ...where } as const),
        merge(besides$, reports$),
        defer(() => of({ type: 'closed', ...where, fault, ms: Date.now() - since } as const)),
      ).pipe(finalize(() => door.release(connection)));
    };

    return options.connections$.pipe(
      takeUntil(shutdown$.pipe(delay(ACCEPT_TAIL_MS))),
      mergeMap((event) => (event.type === 'connection' ? attended(event.connection) : of(event))),
      takeUntil(cut$.pipe(mergeMap(() => timer(STORE_RELEASE_MS)))),
    );
  });
}

/** What a client may want to know before it sends. A bound that is not there is null. */
function aboutServer(commands: readonly Command[], limits: Limits) {
  const { headerBytes, fileBytes, openRequests } = limits;
  return {
    server: 'sluice',
    version,
    commands: [...new Set(commands.map(({ cmd }) => cmd))],
    limits: { headerBytes, fileBytes: Number.isFinite(fileBytes) ? fileBytes : null, openRequests },
  };
}
