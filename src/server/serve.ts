/**
 * A whole server as one Observable: it listens while it is subscribed, and emits what happens.
 */
import {
  concat,
  defer,
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
import { attend } from '../runtime/attend.ts';
import { createBudget } from '../runtime/credit.ts';
import { defaultLimits, type Limits } from '../runtime/limits.ts';
import type { Calls } from '../runtime/perform.ts';
import type { Command } from '../session/command.ts';
import { commands as builtIn, requestFraming } from '../session/dispatch.ts';
import { createSession } from '../session/session.ts';
import type { Store } from '../store/contract.ts';
import type { Connection, ConnectionFault } from '../transport/connection.ts';
import type { ListenEvent } from '../transport/listen.ts';
import { located, type ServerEvent } from './event.ts';

export interface ServeOptions {
  /** Where connections come from: `listenTcp({ port: 8080 })`, or any other source of them. */
  readonly connections$: Observable<ListenEvent>;
  readonly store: Store;
  /** Default: all of Sluice's own. Add yours behind them: `[...commands, mine]`; of one name, the last one counts. */
  readonly commands?: readonly Command[];
  /** Performs the `call` effects of commands of your own. */
  readonly calls?: Calls;
  readonly limits?: Partial<Limits>;
  /**
   * When it emits, the server shuts down in good order: it accepts no more, finishes what runs, and completes. What
   * is not finished within `limits.grace` is cut off.
   */
  readonly drain$?: Observable<unknown>;
}

/**
 * Serves files. Unsubscribing stops it at once, connections included; `drain$` stops it gently. Errors only when
 * it cannot listen, with what `connections$` errors with. The store stays open: close it when it is no longer used.
 *
 * @example
 * const store = memoryStore();
 * const server = serve({ connections$: listenTcp({ port: 0 }), store }).subscribe((event) => {
 *   if (event.type === 'stored') console.log(event.filename, event.size);
 * });
 * // later
 * server.unsubscribe();
 */
export function serve(options: ServeOptions): Observable<ServerEvent> {
  return defer(() => {
    const { store, commands = builtIn, calls = {} } = options;
    const limits = { ...defaultLimits, ...options.limits };
    const session = createSession(commands, limits);
    const budget = createBudget(limits.budget);
    const drain$ = (options.drain$ ?? NEVER).pipe(take(1), share());
    const cut$ = drain$.pipe(mergeMap(() => timer(limits.grace)));

    const attended = (connection: Connection): Observable<ServerEvent> => {
      const where = { connection: connection.id, remote: connection.remote };
      const since = Date.now();
      let fault: ConnectionFault | null = null;
      connection.closed$.subscribe((how) => {
        fault = how;
      });
      const bugs$ = new Subject<ServerEvent>();
      const bug = (thrown: unknown) => bugs$.next({ type: 'bug', ...where, thrown });
      const framing = requestFraming(commands, { maxHeader: limits.headerBytes, bug });
      const reports$ = attend(connection, {
        session,
        framing,
        store,
        budget,
        limits,
        calls,
        drain$,
        bug,
      }).pipe(
        map((report) => located(report, where)),
        finalize(() => bugs$.complete()),
      );
      return concat(
        of({ type: 'opened', ...where } as const),
        merge(bugs$, reports$),
        defer(() => of({ type: 'closed', ...where, fault, ms: Date.now() - since } as const)),
      );
    };

    return options.connections$.pipe(
      takeUntil(drain$),
      mergeMap((event) => (event.type === 'connection' ? attended(event.connection) : of(event))),
      takeUntil(cut$),
    );
  });
}
