/**
 * Serves files on one connection: the file actor (see `file-actor`) in the pipe that every actor runs in (see
 * `actor/serve-actor`).
 */
import { Observable, type SchedulerLike } from 'rxjs';
import { type Counters, createCounters } from '../../actor/bounds/counters.ts';
import type { Budget, Watermarks } from '../../actor/bounds/credit.ts';
import { createRateLimiter, type RateLimiter } from '../../actor/bounds/rate-limit.ts';
import { createRounds, type Rounds } from '../../actor/bounds/rounds.ts';
import { createSlots, type Slots } from '../../actor/bounds/slots.ts';
import type { TimeoutMonitor, Timeouts } from '../../actor/bounds/timeouts.ts';
import { defaultMailbox } from '../../actor/mailbox.ts';
import type { QuietPeriod } from '../../actor/run/ack-delay.ts';
import { runActor } from '../../actor/serve-actor.ts';
import type { TraceEvent } from '../../actor/trace.ts';
import type { FileStore } from '../../store/contract.ts';
import type { Connection } from '../../transport/connection.ts';
import {
  CONNECTION,
  check,
  checkFields,
  FRAMING,
  OBSERVABLE,
  optional,
  RECORD,
  SCHEDULER,
  STORE,
} from '../../wire/argument.ts';
import type { Framing } from '../../wire/framing.ts';
import type { JsonHeader } from '../../wire/json-header.ts';
import type { HelloResult } from '../session/event.ts';
import type { Session } from '../session/session.ts';
import { type Access, openAccess, principalAtStart } from './access.ts';
import type { ConnectionStatus } from './connection-status.ts';
import { type FileService, fileActor, fileService, startingWith } from './file-actor.ts';
import { createFilePerformer } from './file-performer.ts';
import { fileTrace } from './file-trace.ts';
import type { CustomHandlers } from './performer-state.ts';
import type { TimedReport } from './request-timing.ts';
import type { AddressTries } from './token-check.ts';

export interface ServeConnectionOptions {
  readonly session: Session;
  readonly framing: Framing<JsonHeader>;
  /** Made of the session, the framing and the rules, where many connections share it; default one for this connection. */
  readonly service?: FileService;
  readonly store: FileStore;
  /** Shared by all connections of a server, as are the options below. */
  readonly budget: Budget;
  /** Room for long headers, and files that may be open; without them neither is limited. */
  readonly slots?: SharedSlots;
  /** The turns of the event loop; without it this connection does not wait for others. */
  readonly rounds?: Rounds;
  readonly limits: {
    readonly window: Watermarks;
    readonly quietPeriod: QuietPeriod;
    readonly linger: number;
    readonly timeouts: Timeouts;
  };
  /** Watches the timeouts; without it there are none. */
  readonly timeoutMonitor?: TimeoutMonitor;
  /** Limits how fast bytes and requests come in; without them there is no limit. */
  readonly rateLimits?: { readonly bytes: RateLimiter; readonly requests: RateLimiter };
  /** The access rules; default everybody may do everything. */
  readonly access?: Access;
  /** Limits how often tokens may be tried from the peer's address; without it there is no limit. */
  readonly tries?: AddressTries;
  /** The fields that `hello` answers besides the principal. */
  readonly about?: HelloResult['about'];
  readonly counters?: Counters;
  /** Is told what is under way, for those who look at the connection. */
  readonly status?: ConnectionStatus;
  /** Performs the `custom` effects of your own commands. */
  readonly customHandlers?: CustomHandlers;
  /** Emits when the server shuts down: the requests that run are finished, and no new ones are begun. */
  readonly shutdown$?: Observable<unknown>;
  readonly scheduler?: SchedulerLike;
  /** Called with every event, its effects, and every pause; tokens are left out. It must not throw. */
  readonly trace?: ((event: TraceEvent) => void) | undefined;
  /** Called with any exception that the store or a command throws; the peer gets `internal`. */
  readonly onInternalError?: (thrown: unknown) => void;
}

/** The slots that connections share. */
export interface SharedSlots {
  /** For long headers that are arriving. */
  readonly heads: Slots;
  /** For files that are open to be sent. */
  readonly reading: Slots;
  /** For files that are being stored. */
  readonly writing: Slots;
}

const unboundedSlots = () => createSlots({ shared: Number.POSITIVE_INFINITY, perHolder: 0 });
const unboundedSharedSlots = (): SharedSlots => ({
  heads: unboundedSlots(),
  reading: unboundedSlots(),
  writing: unboundedSlots(),
});

const SERVE_CONNECTION_RULES = {
  session: RECORD,
  framing: FRAMING,
  store: STORE,
  budget: RECORD,
  limits: RECORD,
  shutdown$: optional(OBSERVABLE),
  scheduler: optional(SCHEDULER),
};

const NO_MONITOR: TimeoutMonitor = { monitor: () => () => {} };
const NO_RATE = createRateLimiter(Number.POSITIVE_INFINITY);

/**
 * Serves one connection until it is over, and emits reports of what happened in it. Completes when the connection is
 * closed and everything that it began is finished. Never errors. When the subscriber unsubscribes, the connection is
 * destroyed and the put whose body is still arriving is aborted; a put that is complete is still committed.
 */
export function serveConnection(
  connection: Connection,
  options: ServeConnectionOptions,
): Observable<TimedReport> {
  check('serveConnection: its connection', connection, CONNECTION);
  checkFields('serveConnection', options, SERVE_CONNECTION_RULES);
  const {
    limits,
    counters,
    slots = unboundedSharedSlots(),
    rateLimits,
    onInternalError = () => {},
  } = options;
  return new Observable((subscriber) => {
    const { access = openAccess, scheduler, trace } = options;
    let perform: ReturnType<typeof createFilePerformer> | null = null;
    const { session, framing } = options;
    const service = options.service ?? fileService({ session, framing, access, timeouts: limits.timeouts });
    const ofConnection =
      connection.token === undefined
        ? service
        : startingWith(service, () => principalAtStart(access, connection));
    const actor = fileActor(ofConnection, (effect, context) => {
      const report = (each: TimedReport) => subscriber.next(each);
      perform ??= createFilePerformer(
        {
          store: options.store,
          slots,
          access,
          atStart: () => principalAtStart(access, connection),
          tries: options.tries,
          customHandlers: options.customHandlers,
          about: options.about,
          status: options.status,
          scheduler,
          report,
          onInternalError,
        },
        context,
      );
      return perform(effect);
    });
    return runActor(
      connection,
      actor,
      {
        budget: options.budget,
        rounds: options.rounds ?? createRounds(),
        rooms: slots.heads,
        timeoutMonitor: options.timeoutMonitor ?? NO_MONITOR,
        rateLimits: { bytes: rateLimits?.bytes ?? NO_RATE, messages: rateLimits?.requests ?? NO_RATE },
        limits: {
          window: limits.window,
          mailbox: defaultMailbox,
          quietPeriod: limits.quietPeriod,
          linger: limits.linger,
          // What a peer has sent whole is stored, however long the store takes.
          settle: Number.POSITIVE_INFINITY,
          // The session bounds what it keeps, and what it sends, by the requests that are open.
          stateBytes: Number.POSITIVE_INFINITY,
          sendingBytes: Number.POSITIVE_INFINITY,
        },
        counters: counters ?? createCounters(),
        ...(options.shutdown$ === undefined ? {} : { shutdown$: options.shutdown$ }),
        ...(scheduler === undefined ? {} : { scheduler }),
        trace: trace && ((event) => trace(fileTrace(event))),
        holder: options.status,
      },
      {
        next: (report) => {
          if (report.type === 'internal-error' && !subscriber.closed) onInternalError(report.thrown);
        },
        complete: () => subscriber.complete(),
      },
    );
  });
}
