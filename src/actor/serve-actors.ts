/** A server of an actor as one Observable: it serves while it is subscribed, and emits what happens. */
import {
  concat,
  defer,
  finalize,
  map,
  merge,
  mergeMap,
  type Observable,
  of,
  ReplaySubject,
  Subject,
  share,
  takeUntil,
  timer,
} from 'rxjs';
import { concatBytes } from '../base/bytes.ts';
import { type Counters, createCounters } from '../runtime/counters.ts';
import { createBudget, type Watermarks } from '../runtime/credit.ts';
import { defaultLimits, type Timeouts } from '../runtime/limits.ts';
import { createRateLimiter } from '../runtime/rate-limit.ts';
import { createRounds } from '../runtime/rounds.ts';
import { createSlots } from '../runtime/slots.ts';
import { createTimeoutMonitor } from '../runtime/timeouts.ts';
import type { Address, Connection, ConnectionFault } from '../transport/connection.ts';
import type { ListenEvent } from '../transport/listen-event.ts';
import {
  CODEC,
  checkOptions,
  FUNCTION,
  MILLISECONDS,
  numberFrom,
  OBSERVABLE,
  oneOf,
  optional,
  RECORD,
  type Rule,
} from '../wire/argument.ts';
import type { Actor } from './actor.ts';
import { createConnectionLimit } from './connection-limit.ts';
import { defaultMailbox, type MailboxLimits } from './mailbox.ts';
import type { ActorReport } from './report.ts';
import { ROOM_BYTES_LEAST } from './room.ts';
import { serveActor } from './serve-actor.ts';
import { shutdownSignal } from './shutdown-signal.ts';
import type { TraceEvent } from './trace.ts';

export interface ActorLimits {
  /** The most connections at once; default 10,000. */
  readonly connections: number;
  /** The same from one address; default 8,000. Connections without an address do not count. */
  readonly connectionsPerAddress: number;
  /** The messages a second of all connections together; default no limit. Beyond it the server reads more slowly. */
  readonly messagesPerSecond: number;
  /** The same for bytes. */
  readonly bytesPerSecond: number;
  /**
   * How long a connection waits for its peer, in milliseconds; `Infinity` for ever. For a protocol in which the
   * server alone speaks, `firstBytes` and `idle` are `Infinity`.
   */
  readonly timeouts: Timeouts;
  /** The unsettled bytes of one connection at which reading pauses, and below which it resumes; default 4 and 2 MiB. */
  readonly window: Watermarks;
  /** The same over all connections together; default 128 and 96 MiB. Half of it is for messages that are arriving. */
  readonly budget: Watermarks;
  /** What may wait for one connection that others have sent. */
  readonly mailbox: MailboxLimits;
  /** How long the peer may take to end its side once ours is ended, in milliseconds; default 5,000. */
  readonly linger: number;
  /** How long connections may go on when the server shuts down, in milliseconds; default 10,000. */
  readonly grace: number;
}

const { connections, connectionsPerAddress, requestsPerSecond, bytesPerSecond } = defaultLimits;
const { timeouts, window, budget, linger, grace } = defaultLimits;

export const defaultActorLimits: ActorLimits = {
  connections,
  connectionsPerAddress,
  messagesPerSecond: requestsPerSecond,
  bytesPerSecond,
  timeouts,
  window,
  budget,
  mailbox: defaultMailbox,
  linger,
  grace,
};

interface Where {
  readonly connection: string;
  readonly remote: Address;
}

export type ActorsEvent =
  /** `listening`: connections are accepted from now on. `accept-failed`: one could not be accepted. */
  | Exclude<ListenEvent, { type: 'connection' }>
  | ({ readonly type: 'opened' } & Where)
  /** `fault` is null when the connection ended in good order; `ms` is how long it was open. */
  | ({ readonly type: 'closed'; readonly fault: ConnectionFault | null; readonly ms: number } & Where)
  /** There were too many connections. No `closed` follows. */
  | ({ readonly type: 'turned-away'; readonly code: 'too-many-connections' } & Where)
  /** The grace time was over, and the connection was not. */
  | ({ readonly type: 'cut' } & Where)
  /** `shutdown$` has errored: the server shuts down. */
  | { readonly type: 'internal-error'; readonly thrown: unknown }
  | (ActorReport & Where);

export interface ActorsStats extends Readonly<Counters> {
  /** Connections that are open now. */
  readonly connections: number;
  /** Bytes of credit that are charged: what is in memory for peers. */
  readonly unsettled: number;
}

export interface ServeActorsOptions<S, In, Out, Head, E extends { readonly type: string }, R, I> {
  /** Where connections come from: `listenTcp`, `listenUnix`, or a list of them by `merge`. */
  readonly connections$: Observable<ListenEvent>;
  readonly actor: Actor<S, In, Out, Head, E, R, I>;
  readonly limits?: Partial<ActorLimits>;
  /**
   * When it emits, no more connections are accepted, every actor gets the event `shutdown`, and what is not over after
   * the grace time is cut. An error of it does the same, and is an event `internal-error` without a connection.
   */
  readonly shutdown$?: Observable<unknown>;
  /** The message for a peer that is turned away, with the reason; default none. */
  readonly refusal?: (why: string) => Out;
  /** Called with every event, its effects, and every pause. It must not throw. */
  readonly trace?: (event: TraceEvent) => void;
  /** Called once with a function that answers the numbers of now. */
  readonly stats?: (read: () => ActorsStats) => void;
}

const ACTOR: Rule = {
  words: 'an actor, such as defineActor makes',
  isKind: (value) => CODEC.isKind((value as { readonly codec?: unknown } | null)?.codec),
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
const LIMIT_RULES = {
  connections: numberFrom(0),
  connectionsPerAddress: numberFrom(0),
  messagesPerSecond: numberFrom(0),
  bytesPerSecond: numberFrom(0),
  timeouts: RECORD,
  window: RECORD,
  budget: RECORD,
  mailbox: RECORD,
  linger: MILLISECONDS,
  grace: MILLISECONDS,
};
const MARKS_RULES = { high: numberFrom(0), low: numberFrom(0) };
const MAILBOX_RULES = {
  inputs: numberFrom(1),
  bytes: numberFrom(0),
  whenFull: oneOf('disconnect', 'dropOldest'),
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
  const limits = { ...defaultActorLimits, ...options.limits };
  checkOptions('serveActors: limits', limits, LIMIT_RULES);
  checkOptions('serveActors: limits.window', limits.window, MARKS_RULES);
  checkOptions('serveActors: limits.budget', limits.budget, MARKS_RULES);
  checkOptions('serveActors: limits.mailbox', limits.mailbox, MAILBOX_RULES);
  return defer(() => {
    const { actor, trace } = options;
    // `shutdown$` may error before the result is subscribed to.
    const serverEvents$ = new ReplaySubject<ActorsEvent>();
    const shared = {
      limits: { ...limits, quietPeriod: defaultLimits.quietPeriod },
      budget: createBudget(halfOf(limits.budget)),
      rooms: createSlots({
        shared: roomsIn(limits.budget, actor.heldMax ?? actor.codec.heldMax),
        perHolder: 0,
      }),
      rounds: createRounds(() => performance.now(), nextTurn),
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
      const where = { connection: connection.id, remote: connection.remote };
      const code = connectionLimit.admit(connection);
      if (code !== null) {
        const turnedAway = { type: 'turned-away', ...where, code } as const;
        if (refusalFault === null) return of(turnedAway);
        const { thrown } = refusalFault;
        refusalFault = null;
        return of(turnedAway, { type: 'internal-error', ...where, thrown } as const);
      }
      const since = Date.now();
      let fault: ConnectionFault | null = null;
      connection.closed$.subscribe((closeFault) => {
        fault = closeFault;
      });
      const ownEvents$ = new Subject<ActorsEvent>();
      const cut = cut$.subscribe(() => {
        ownEvents$.next({ type: 'cut', ...where });
        connection.destroy();
      });
      const reports$ = serveActor(connection, actor, shared).pipe(
        map((report): ActorsEvent => ({ ...report, ...where })),
        finalize(() => {
          cut.unsubscribe();
          ownEvents$.complete();
        }),
      );
      return concat(
        of({ type: 'opened', ...where } as const),
        merge(ownEvents$, reports$),
        defer(() => of({ type: 'closed', ...where, fault, ms: Date.now() - since } as const)),
      ).pipe(
        finalize(() => {
          // Whoever unsubscribes at `opened` does so before anybody owns the connection.
          connection.destroy();
          connectionLimit.release(connection);
        }),
      );
    };

    const served$ = options.connections$.pipe(
      takeUntil(shutdown$),
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

/** Calls back in the next turn of the event loop, where the platform has one for that. */
const nextTurn: (work: () => void) => void =
  typeof setImmediate === 'function' ? (work) => void setImmediate(work) : (work) => void setTimeout(work);

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
