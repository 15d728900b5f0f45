/** A server of an actor as one Observable: it serves while it is subscribed, and emits what happens. */
import {
  concat,
  defer,
  finalize,
  merge,
  mergeMap,
  type Observable,
  of,
  ReplaySubject,
  share,
  takeUntil,
  tap,
  timer,
} from 'rxjs';
import { concatBytes } from '../base/bytes.ts';
import type { Connection } from '../transport/connection.ts';
import { checkListenEvent, type ListenEvent } from '../transport/listen-event.ts';
import { CODEC, checkOptions, FUNCTION, OBSERVABLE, optional, RECORD, type Rule } from '../wire/argument.ts';
import type { Actor } from './actor.ts';
import { createConnectionLimit } from './bounds/connection-limit.ts';
import { type Counters, createCounters } from './bounds/counters.ts';
import { createBudget, type Watermarks } from './bounds/credit.ts';
import { createRateLimiter } from './bounds/rate-limit.ts';
import { createRounds } from './bounds/rounds.ts';
import { createSlots } from './bounds/slots.ts';
import { createTimeoutMonitor } from './bounds/timeouts.ts';
import { type ConnectionEvent, connectionEvents, type Where } from './connection-events.ts';
import { type ActorLimits, checkedLimits, QUIET_PERIOD } from './limits.ts';
import type { ActorReport } from './report.ts';
import { ROOM_BYTES_LEAST } from './run/room.ts';
import { serveActor } from './serve-actor.ts';
import { shutdownSignal } from './shutdown-signal.ts';
import type { TraceEvent } from './trace.ts';

/**
 * `serveActors` emits these events.
 *
 * - `listening`, `accept-failed`: of the source of connections, as in `ListenEvent`.
 * - `opened`, `closed`, `turned-away`: of a connection, as in `ConnectionEvent`.
 * - `fault`, `timeout`, `overflow`, `internal-error`, `abandoned`: of a connection, as in `ActorReport`.
 * - `cut`: the grace time of a shutdown was over, and the connection was not. `closed` follows.
 * - `internal-error` without a connection: `shutdown$` has errored with `thrown`, and the server shuts down.
 */
export type ActorsEvent =
  | Exclude<ListenEvent, { type: 'connection' }>
  | ConnectionEvent
  | ({ readonly type: 'cut' } & Where)
  | { readonly type: 'internal-error'; readonly thrown: unknown }
  | (ActorReport & Where);

/** The numbers of a server of actors, since it began. Reading them costs next to nothing. */
export interface ActorsStats extends Readonly<Counters> {
  /** Connections that are open now. */
  readonly connections: number;
  /** Bytes of credit that are charged: what is in memory for peers. */
  readonly unsettled: number;
}

/** The options of `serveActors`: connections and an actor are needed, and all others have defaults. */
export interface ServeActorsOptions<S, In, Out, Head, E extends { readonly type: string }, R, I> {
  /** Where connections come from: `listenTcp`, `listenUnix`, or a list of them by `merge`. */
  readonly connections$: Observable<ListenEvent>;
  /** The actor that serves each connection: `defineActor` makes it. */
  readonly actor: Actor<S, In, Out, Head, E, R, I>;
  /** The limits that are not those of `defaultActorLimits`; default none. */
  readonly limits?: Partial<ActorLimits>;
  /**
   * When it emits, no more connections are accepted, every actor gets the event `shutdown`, and what is not over after
   * the grace time is cut. An error of it does the same, and is an event `internal-error` without a connection. Default
   * never: unsubscribing stops the server at once.
   */
  readonly shutdown$?: Observable<unknown>;
  /** The message for a peer that is turned away, with the reason; default none. */
  readonly refusal?: (why: string) => Out;
  /** Called with every event, its effects, and every pause; default nothing is. It must not throw. */
  readonly trace?: (event: TraceEvent) => void;
  /** Called once with a function that answers the numbers of now; default nothing is. */
  readonly stats?: (read: () => ActorsStats) => void;
}

const ACTOR: Rule = {
  words: 'an actor, such as defineActor makes',
  isKind: (value) => CODEC.isKind((value as { readonly codec?: unknown } | null)?.codec),
  hint: (value) => (typeof value === 'function' ? 'call defineActor twice: defineActor()({ … })' : null),
};
const RULES = {
  connections$: OBSERVABLE,
  actor: ACTOR,
  limits: optional(RECORD),
  shutdown$: optional(OBSERVABLE),
  refusal: optional(FUNCTION),
  trace: optional(FUNCTION),
  stats: optional(FUNCTION),
};
/**
 * Serves connections with an actor: one state and one reducer each. Unsubscribing stops the server at once, its
 * connections included; `shutdown$` stops it in order. It errors only when it cannot listen, with the error
 * of `connections$`: the `ListenError` of `listenTcp`, say.
 *
 * The memory for all connections together is bounded by `limits.budget` and a fixed amount for each connection. A peer
 * that does not read, sends too fast, or begins what it does not finish, costs itself alone.
 *
 * @throws TypeError or RangeError at once when an option is of the wrong kind.
 * @example
 * serveActors({ connections$: listenTcp({ port: 7000 }), actor: echo }).subscribe({
 *   next: (event) => console.log(event.type),
 *   error: (error) => console.error(error.message), // the port is taken, say
 * });
 */
export function serveActors<S, In, Out, Head, E extends { readonly type: string }, R, I>(
  options: ServeActorsOptions<S, In, Out, Head, E, R, I>,
): Observable<ActorsEvent> {
  checkOptions('serveActors', options, RULES);
  const limits = checkedLimits(options.limits);
  return defer(() => {
    const { actor, trace } = options;
    // `shutdown$` may error before the result is subscribed to.
    const serverEvents$ = new ReplaySubject<ActorsEvent>();
    const shared = {
      limits: { ...limits, quietPeriod: QUIET_PERIOD },
      budget: createBudget(halfOf(limits.budget)),
      rooms: createSlots({
        shared: roomsIn(limits.budget, actor.heldMax ?? actor.codec.heldMax),
        perHolder: 0,
      }),
      rounds: createRounds(),
      timeoutMonitor: createTimeoutMonitor(limits.timeouts),
      rateLimits: {
        bytes: createRateLimiter(limits.bytesPerSecond),
        messages: createRateLimiter(limits.messagesPerSecond),
      },
      counters: createCounters(),
      shutdown$: shutdownSignal(options.shutdown$, (thrown) =>
        serverEvents$.next({ type: 'internal-error', thrown }),
      ),
      trace,
    };
    const { shutdown$, counters } = shared;
    const cut$ = shutdown$.pipe(
      mergeMap(() => timer(limits.grace)),
      share(),
    );
    // While nobody else does: a connection that comes later must be cut too.
    const watching = cut$.subscribe();
    /** What `refusal`, or the codec, has thrown for the connection that is being turned away. */
    let refusalFault: { readonly thrown: unknown } | null = null;
    const connectionLimit = createConnectionLimit(limits, (why) => {
      try {
        return farewell(options, why);
      } catch (thrown) {
        refusalFault = { thrown };
        return null;
      }
    });
    options.stats?.(() => ({
      ...counters,
      connections: connectionLimit.count(),
      unsettled: shared.budget.unsettled(),
    }));

    const serveOne = (connection: Connection): Observable<ActorsEvent> => {
      const events$ = connectionEvents<ActorReport, ActorsEvent>(connection, {
        connectionLimit,
        cut$,
        cutEvent: (where) => ({ type: 'cut', ...where }),
        serve: () => serveActor(connection, actor, shared),
        toEvent: (report, where) => ({ ...report, ...where }),
      });
      if (refusalFault === null) return events$;
      const { thrown } = refusalFault;
      refusalFault = null;
      const where = { connection: connection.id, remote: connection.remote };
      return concat(events$, of({ type: 'internal-error', ...where, thrown } as const));
    };

    const served$ = options.connections$.pipe(
      takeUntil(shutdown$),
      tap((event) => checkListenEvent('serveActors', event)),
      mergeMap((event) => (event.type === 'connection' ? serveOne(event.connection) : of(event))),
      finalize(() => {
        watching.unsubscribe();
        serverEvents$.complete();
      }),
    );
    return merge(serverEvents$, served$);
  });
}

/** Messages that are arriving have the other half. */
const halfOf = ({ high, low }: Watermarks): Watermarks => ({ high: high / 2, low: Math.min(low, high / 2) });

const roomsIn = ({ high }: Watermarks, heldMax: number): number =>
  Math.max(1, Math.floor(high / 2 / Math.max(heldMax, ROOM_BYTES_LEAST)));

function farewell<Out>(
  {
    actor,
    refusal,
  }: {
    readonly actor: { readonly codec: { encode(message: Out): readonly Uint8Array[] } };
    readonly refusal?: (why: string) => Out;
  },
  why: string,
): Uint8Array | null {
  if (refusal === undefined) return null;
  return concatBytes(actor.codec.encode(refusal(why)));
}
