/**
 * The actor around a session, for one connection: frames in, effects out, results back in.
 *
 *   chunks$ ──▶ deframe ──▶ inbox ──▶ reduce ──▶ perform ──▶ store
 *      ▲                      ▲                    │ │
 *      │ pause, resume        └────── results ◀────┘ └──▶ reply writer ──▶ connection
 *      └───────── credit
 *
 * The actor reduces one event at a time, and performs its effects before the next one. A result that comes meanwhile
 * waits its turn. Credit bounds both queues: the events in the inbox have paid, and each result answers an effect of
 * a request that has paid. The connection takes turns with the other connections (see `rounds`).
 */
import { asyncScheduler, Observable, type SchedulerLike, type Subscription } from 'rxjs';
import { createFifo } from '../base/fifo.ts';
import type { Principal } from '../files/protocol/access.ts';
import { serviceFault } from '../files/protocol/errors.ts';
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
  /** Shared by all connections of a server, as are the options below. */
  readonly budget: Budget;
  /** Room for long headers, and files that may be open; without them neither is limited. */
  readonly slots?: SharedSlots;
  /** The turns of the event loop; without it this connection does not wait for others. */
  readonly rounds?: Rounds;
  readonly limits: Pick<Limits, 'window' | 'quietPeriod' | 'linger' | 'timeouts'>;
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
  /** After each step `open` is set to the number of requests that are not answered. */
  readonly status?: { open: number };
  /** Performs the `custom` effects of your own commands. */
  readonly customHandlers?: CustomHandlers;
  /** Emits when the server shuts down: the requests that run are finished, and no new ones are begun. */
  readonly shutdown$?: Observable<unknown>;
  readonly scheduler?: SchedulerLike;
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

/** The events that are reduced before another connection may have its turn. */
const EVENTS_A_TURN = 64;
const OVER_BEFORE_CHECKED = 'the connection was over before the token was looked at';
const SERVE_CONNECTION_RULES = {
  session: RECORD,
  framing: FRAMING,
  store: STORE,
  budget: RECORD,
  limits: RECORD,
  shutdown$: optional(OBSERVABLE),
  scheduler: optional(SCHEDULER),
};

/**
 * Why the connection is not read: `credit` is used up, a request is `deferred`, it is another connection's `turn`, a
 * header has no `room`, or the limit on `bytes` or on `requests` a second is reached.
 */
type Pause = 'credit' | 'deferred' | 'turn' | 'room' | 'bytes' | 'requests';

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
  checkOptions('serveConnection', options, SERVE_CONNECTION_RULES);
  return new Observable((subscriber) => {
    const { session, limits, counters, access = openAccess, scheduler = asyncScheduler } = options;
    const onInternalError = options.onInternalError ?? (() => {});
    const inbox = createFifo<SessionEvent>();
    const results = createFifo<SessionEvent>();
    /** The steps of sending a file: two at the most, since one file is sent at a time. */
    const sendSteps = createFifo<() => void>();
    const times = createRequestTimes(() => performance.now());
    let state = { ...session.initial, principal: access.initial(connection.certificate) };
    let isFinished = false;
    /** Whether the input is over: no more chunks come. */
    let inputIsOver = false;
    let received = 0;
    let lingering: Subscription | null = null;
    const pausedBy = new Set<Pause>();
    /** Whether a header of this peer holds a slot, so that other connections wait until it is whole. */
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
      // The credit of the request whose body is still arriving, and of an incomplete header.
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
      // When it is this connection's turn, it runs anyway.
      if (applyListening(before) && why !== 'turn') roundMember.wake();
    }

    /**
     * Pauses or resumes the connection, given whether it was read before. Returns whether reading has resumed: then
     * bytes that were held back are there.
     */
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

    /**
     * Does a piece of work: first the events that are there, else the next piece of the peer's bytes and the events
     * in it.
     */
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
      // All replies that are ready at the end of the work leave in one write.
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

    /** Queues an event that is not the peer's. It is reduced before the events of the peer that still wait. */
    function pushResult(event: SessionEvent): void {
      results.push(event);
      roundMember.wake();
    }

    function unreachable(): void {
      if (state.reachable) pushResult({ type: 'unreachable' });
    }

    /** Asks the system whether the peer is still there, while neither a read nor a write would show it. */
    function probePeer(): void {
      const wouldTell = (isListening() && !inputIsOver) || replyWriter.progress().writing;
      if (wouldTell || !state.reachable || state.requests.length === 0) return;
      connection.write([], (fault) => {
        if (fault) unreachable();
      });
    }

    /** Gives a peer that goes on sending some time to end its side, once ours is ended. */
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
      // A peer that does not read would not receive the error.
      if (which === 'unread') connection.destroy();
      pushResult({ type: 'fault', error: timedOut(which, limits.timeouts) });
    }

    // The end of the input is an event in its place behind what came before it, and so is a break. But the session
    // learns at once that no answer can reach the peer any more.
    function onInputEnd(event: SessionEvent): void {
      inputIsOver = true;
      ackDelay.release();
      if (event.type === 'closed') {
        stopMonitoring?.();
        tokens.giveUp(serviceFault('not-authenticated', OVER_BEFORE_CHECKED));
        unreachable();
      }
      frameReader.end(event);
      roundMember.wake();
    }

    const shutdownSubscription = options.shutdown$?.subscribe(() => {
      tokens.giveUp(serviceFault('shutting-down'));
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
      // Else replies that wait for a quiet period would keep their credit.
      ackDelay.release();
      ackDelay.dispose();
      frameReader.stop();
      tokens.giveUp(serviceFault('not-authenticated', OVER_BEFORE_CHECKED));
      if (isFinished) return;
      connection.destroy();
      // The actor awaits the results of its effects, though nobody sees its reports.
      pushResult({ type: 'closed' });
    };
  });
}
