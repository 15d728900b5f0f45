/**
 * The actor around a session: frames in, effects out, results back in, for one connection.
 *
 *   chunks$ ──▶ deframe ──▶ inbox ──▶ reduce ──▶ perform ──▶ store
 *      ▲                      ▲                    │ │
 *      │ pause, resume        └────── results ◀────┘ └──▶ outbox ──▶ connection
 *      └───────── credit
 *
 * One event is reduced at a time, and its effects are handed out before the next one: a result that comes while
 * that happens waits its turn. Both queues are bounded by credit: the inbox holds events that have paid, and
 * each result answers an effect of a request that has. All of it is done in turns with the other connections (see
 * `rounds`).
 */
import { asyncScheduler, Observable, type SchedulerLike, type Subscription } from 'rxjs';
import { createFifo } from '../base/fifo.ts';
import type { Principal } from '../files/protocol/access.ts';
import { errorInfo } from '../files/protocol/errors.ts';
import type { HelloResult, SessionEvent } from '../files/session/event.ts';
import type { Session } from '../files/session/session.ts';
import type { MaybeAsync, Outcome, Store } from '../store/contract.ts';
import type { Connection } from '../transport/connection.ts';
import {
  CONNECTION,
  check,
  checkOptions,
  FRAMING,
  OBSERVABLE,
  optional,
  RECORD,
  SCHEDULER,
  STORE,
} from '../wire/argument.ts';
import type { Framing } from '../wire/framing.ts';
import type { JsonHeader } from '../wire/json-header.ts';
import { type Access, openAccess } from './access.ts';
import { createAckDelay } from './ack-delay.ts';
import { destroyLater } from './close-gracefully.ts';
import type { Counters } from './counters.ts';
import type { Budget } from './credit.ts';
import { type CustomHandlers, createEffectExecutor } from './effect-executor.ts';
import { createFrameReader } from './frame-reader.ts';
import type { Limits } from './limits.ts';
import type { RateLimiter } from './rate-limit.ts';
import { createReplyWriter } from './reply-writer.ts';
import { createRequestTimes, type TimedReport, withTiming } from './request-timing.ts';
import { createRounds, type Rounds } from './rounds.ts';
import { createSlots, type Slots } from './slots.ts';
import { type TimeoutKind, type TimeoutMonitor, timedOut } from './timeouts.ts';
import { type AddressTries, createTokenCheck } from './token-check.ts';

export interface ServeConnectionOptions {
  readonly session: Session;
  readonly framing: Framing<JsonHeader>;
  readonly store: Store;
  /** Shared by all connections of a server, as what follows is. */
  readonly budget: Budget;
  /** Room for long headers, and files that may be open; without them there is no bound to either. */
  readonly slots?: SharedSlots;
  /** Turns of the event loop; without one this connection waits for no other. */
  readonly rounds?: Rounds;
  readonly limits: Pick<Limits, 'window' | 'quietPeriod' | 'linger' | 'timeouts'>;
  /** Watches the deadlines; without one there are none. */
  readonly timeoutMonitor?: TimeoutMonitor;
  /** How fast bytes come in, and requests; without one as fast as they can. */
  readonly rateLimits?: { readonly bytes: RateLimiter; readonly requests: RateLimiter };
  /** Who is let in; default everybody. */
  readonly access?: Access;
  /** How often tokens may be tried from the peer's address; without it as often as it likes. */
  readonly tries?: AddressTries;
  /** What `hello` answers besides who the peer is. */
  readonly about?: HelloResult['about'];
  readonly counters?: Counters;
  /** Told, after each step, how many requests are not answered. */
  readonly status?: { open: number };
  /** Performs the `call` effects of commands of your own. */
  readonly customHandlers?: CustomHandlers;
  /** Emits when the server shuts down: what runs is finished, nothing new is taken. */
  readonly shutdown$?: Observable<unknown>;
  readonly scheduler?: SchedulerLike;
  /** Told of what should not have been thrown. */
  readonly onInternalError?: (thrown: unknown) => void;
}

/** What connections share besides memory. */
export interface SharedSlots {
  /** For headers that arrive and are long. */
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

/** Events that are reduced between two looks at whose turn it is. */
const EVENTS_A_TURN = 64;
const OVER_BEFORE_LOOKED = 'the connection was over before the token was looked at';
const SERVE_CONNECTION_RULES = {
  session: RECORD,
  framing: FRAMING,
  store: STORE,
  budget: RECORD,
  limits: RECORD,
  shutdown$: optional(OBSERVABLE),
  scheduler: optional(SCHEDULER),
};

/** Why nothing is read. */
type Pause = 'credit' | 'deferred' | 'turn' | 'room' | 'bytes' | 'requests';

/**
 * Serves one connection until it is over, and emits what happened in it. Completes when the connection is closed
 * and everything it began is finished. Never errors. Unsubscribing destroys the connection and aborts the put whose
 * body is still arriving; what was complete is still committed.
 */
export function serveConnection(
  connection: Connection,
  options: ServeConnectionOptions,
): Observable<TimedReport> {
  check('serveConnection: its connection', connection, CONNECTION);
  checkOptions('serveConnection', options, SERVE_CONNECTION_RULES);
  return new Observable((subscriber) => {
    const { session, limits, counters, access = openAccess, scheduler = asyncScheduler } = options;
    const onInternalError = options.onInternalError ?? (() => {});
    const inbox = createFifo<SessionEvent>();
    const results = createFifo<SessionEvent>();
    /** Pieces of a file to be sent: two at the most, since one file is sent at a time. */
    const sendSteps = createFifo<() => void>();
    const times = createRequestTimes(() => performance.now());
    let state = { ...session.initial, principal: access.initial(connection.certificate) };
    let isFinished = false;
    /** Nothing more can be heard. */
    let inputIsOver = false;
    let received = 0;
    let lingering: Subscription | null = null;
    const pausedBy = new Set<Pause>();
    /** A header of the peer's keeps others from theirs until it is whole. */
    let isHeaderAwaited = false;
    const isListening = () =>
      pausedBy.size === 0 || (isHeaderAwaited && pausedBy.size === 1 && pausedBy.has('credit'));

    const rounds = options.rounds ?? createRounds(() => performance.now(), setImmediate);
    const roundMember = rounds.join(work, (waits) => {
      pause('turn', waits);
      if (waits) replyWriter.flush();
    });
    const slots = options.slots ?? unboundedSharedSlots();
    const window = options.budget.window(limits.window, (paused) => pause('credit', paused));
    const ackDelay = createAckDelay(scheduler, limits.quietPeriod, () => replyWriter.flushHeld());
    const replyWriter = createReplyWriter({
      connection,
      window,
      ackDelay,
      // The request whose body is still arriving, and what there is of a header.
      receiving: () => {
        const last = state.requests.at(-1);
        return (last?.receiving ? last.credit : 0) + frameReader.unsettled();
      },
      sent: (bytes) => {
        if (counters) counters.sent += bytes;
      },
      failed: unreachable,
    });
    const executor = createEffectExecutor({
      store: options.store,
      connection,
      window,
      replyWriter,
      files: { reading: slots.reading.join(), writing: slots.writing.join() },
      customHandlers: options.customHandlers ?? {},
      hello,
      onInternalError,
      report: (request, report) => subscriber.next(withTiming(report, request, times.since(request))),
      idle: roundMember.wake,
      atTurnEnd: setImmediate,
      inTurn: (piece) => {
        sendSteps.push(piece);
        roundMember.wake();
      },
      result: (request, result, credit) =>
        pushResult({ type: 'result', request, result, ...(credit ? { credit } : {}) }),
    });
    const rateShares = {
      bytes: options.rateLimits?.bytes.join((paused) => pause('bytes', paused)),
      requests: options.rateLimits?.requests.join((paused) => pause('requests', paused)),
    };
    const frameReader = createFrameReader({
      framing: options.framing,
      window,
      headSlots: slots.heads.join(),
      trimHeader: session.trimHeader,
      setWaiting: (waits) => pause('room', waits),
      setHasRoom: (has) => {
        const before = isListening();
        isHeaderAwaited = has;
        if (applyListening(before)) roundMember.wake();
      },
      emit: (event) => inbox.push(event),
      recycle: (bytes, count) => connection.recycle?.(bytes, count),
      pinsMemory: () => connection.pinsMemory?.() ?? true,
      onPiece: (bytes, requests) => {
        if (bytes > 0) rateShares.bytes?.consume(bytes);
        if (requests > 0) rateShares.requests?.consume(requests);
      },
      onInternalError,
    });

    const tokens = createTokenCheck(access, scheduler, options.tries);

    function hello(token: string | undefined): MaybeAsync<HelloResult> {
      if (token === undefined) return helloResult({ ok: true, value: state.principal });
      const found = tokens.principalOf(token);
      return found instanceof Promise ? found.then(helloResult) : helloResult(found);
    }

    function helloResult(found: Outcome<Principal | null>): Outcome<HelloResult> {
      if (!found.ok) return found;
      return { ok: true, value: { principal: found.value, about: options.about ?? {} } };
    }

    function pause(why: Pause, paused: boolean): void {
      if (pausedBy.has(why) === paused) return;
      const before = isListening();
      if (paused) pausedBy.add(why);
      else pausedBy.delete(why);
      // When it is its turn, it is looked at anyway.
      if (applyListening(before) && why !== 'turn') roundMember.wake();
    }

    /** Pauses or resumes, given whether we listened before. Answers whether we do again: what was held back is there. */
    function applyListening(before: boolean): boolean {
      if (isListening() === before) return false;
      ackDelay.setListening(isListening());
      if (isListening()) connection.resume();
      else connection.pause();
      return isListening();
    }

    const nextEvent = () => results.shift() ?? (session.accepts(state) ? inbox.shift() : undefined);
    const hasEvents = () => results.length > 0 || (session.accepts(state) && inbox.length > 0);
    const hasWork = () => sendSteps.length > 0 || hasEvents() || frameReader.hasMore(isListening());

    /** A piece of work: what came of earlier ones, else the next piece of what the peer sent, and what comes of that. */
    function work(): boolean {
      sendSteps.shift()?.();
      if (!hasEvents() && frameReader.hasMore(isListening())) frameReader.step();
      for (let left = EVENTS_A_TURN; left > 0; left--) {
        const event = nextEvent();
        if (event === undefined) break;
        reduce(event);
      }
      if (options.status) options.status.open = state.requests.length;
      times.forgetBefore(state.requests[0]?.number ?? state.next);
      pause('deferred', !session.accepts(state));
      ackDelay.setInFrame(state.inFrame);
      if (state.phase === 'finished') linger();
      const more = hasWork();
      // What comes of all that can be done at once is written at once.
      if (!more) replyWriter.flush();
      if (state.phase === 'disconnected' && !more && executor.underWay() === 0) finish();
      return more;
    }

    function reduce(event: SessionEvent): void {
      const [next, effects] = session.reduce(state, event);
      if (counters) counters.requests += next.next - state.next;
      state = next;
      times.markStarted(state.next);
      for (const effect of effects) executor.perform(effect);
    }

    /** What is not the peer's has its place before whatever of the peer's still waits. */
    function pushResult(event: SessionEvent): void {
      results.push(event);
      roundMember.wake();
    }

    function unreachable(): void {
      if (state.reachable) pushResult({ type: 'unreachable' });
    }

    /** Asks the system whether the peer is still there, while nothing else would tell: nothing is read or written. */
    function probePeer(): void {
      const wouldTell = (isListening() && !inputIsOver) || replyWriter.progress().writing;
      if (wouldTell || !state.reachable || state.requests.length === 0) return;
      connection.write([], (fault) => {
        if (fault) unreachable();
      });
    }

    /** Our side is ended; a peer that goes on sending is listened to, but not forever. */
    function linger(): void {
      stopMonitoring?.();
      lingering ??= destroyLater(connection, limits.linger, scheduler);
    }

    function finish(): void {
      if (isFinished) return;
      isFinished = true;
      lingering?.unsubscribe();
      roundMember.leave();
      subscriber.complete();
    }

    function onTimeout(which: TimeoutKind): void {
      // Who reads nothing would not read this either.
      if (which === 'unread') connection.destroy();
      pushResult({ type: 'fault', error: timedOut(which, limits.timeouts) });
    }

    // The end of input is an event in its place behind what came before it, and so is its breaking off. That nobody can
    // be answered any more is known at once.
    function onInputEnd(event: SessionEvent): void {
      inputIsOver = true;
      ackDelay.release();
      if (event.type === 'closed') {
        stopMonitoring?.();
        tokens.giveUp(errorInfo('not-authenticated', OVER_BEFORE_LOOKED));
        unreachable();
      }
      frameReader.end(event);
      roundMember.wake();
    }

    const shutdownSubscription = options.shutdown$?.subscribe(() => {
      tokens.giveUp(errorInfo('shutting-down'));
      pushResult({ type: 'shutdown' });
    });
    const accessSubscription = access.changed$.subscribe(() => {
      const { principal } = state;
      const changed = principal === null ? access.initial(connection.certificate) : access.current(principal);
      pushResult({ type: 'access', principal: changed });
    });
    const stopMonitoring = options.timeoutMonitor?.monitor(
      () => ({
        received,
        partialHead: frameReader.partialHead(),
        inBody: state.inFrame,
        bodies: frameReader.bodies(),
        open: state.requests.length + (state.deferred === null ? 0 : 1),
        listening: isListening(),
        ...replyWriter.progress(),
      }),
      onTimeout,
      probePeer,
    );
    const inputSubscription = connection.chunks$.subscribe({
      next: (chunk) => {
        received += chunk.length;
        if (counters) counters.received += chunk.length;
        ackDelay.onActivity();
        frameReader.chunk(chunk);
        roundMember.wake();
      },
      complete: () => onInputEnd({ type: 'ended' }),
      error: () => onInputEnd({ type: 'closed' }),
    });
    const closedSubscription = connection.closed$.subscribe(() => onInputEnd({ type: 'closed' }));

    return () => {
      for (const each of [shutdownSubscription, accessSubscription, closedSubscription, inputSubscription])
        each?.unsubscribe();
      for (const each of [rateShares.bytes, rateShares.requests]) each?.leave();
      stopMonitoring?.();
      // Replies that wait for a silence would keep their credit.
      ackDelay.release();
      ackDelay.dispose();
      frameReader.stop();
      tokens.giveUp(errorInfo('not-authenticated', OVER_BEFORE_LOOKED));
      if (isFinished) return;
      connection.destroy();
      // What it has asked for is awaited, though nobody is told of it.
      pushResult({ type: 'closed' });
    };
  });
}
