/** Begins to serve a connection, and does its work when it is its turn. */
import {
  asyncScheduler,
  from,
  Observable,
  type SchedulerLike,
  type Subscriber,
  Subscription,
  takeUntil,
} from 'rxjs';
import { createFifo } from '../base/fifo.ts';
import { createAckDelay, type QuietPeriod } from '../runtime/ack-delay.ts';
import type { Counters } from '../runtime/counters.ts';
import { type Budget, CREDIT_FLOOR_BYTES, type Watermarks } from '../runtime/credit.ts';
import type { RateLimiter } from '../runtime/rate-limit.ts';
import { createReplyWriter } from '../runtime/reply-writer.ts';
import type { Rounds } from '../runtime/rounds.ts';
import type { Slots } from '../runtime/slots.ts';
import type { TimeoutMonitor } from '../runtime/timeouts.ts';
import type { Connection } from '../transport/connection.ts';
import type { AnyActor, Peer } from './actor.ts';
import { bytesFrom, lend, setFrameCost, settle } from './credit.ts';
import { acceptsPeer, nextEvent } from './events.ts';
import type { Flow } from './flow.ts';
import {
  advance,
  afterEvent,
  connectionOver,
  ourSideEnded,
  overflow,
  SETTLE_MS,
  timedOut,
  unreachable,
} from './lifecycle.ts';
import { createMailbox, type MailboxLimits } from './mailbox.ts';
import { isListening, pause } from './pause.ts';
import { chargeResult, fail, pushResult, resumePulling } from './queues.ts';
import type { ActorReport } from './report.ts';
import { hasRoomFor } from './room.ts';
import type { AnyEvent, QueuedEvent, Run } from './run.ts';
import { canPull, releaseStep } from './slices.ts';
import type { TraceEvent } from './trace.ts';

/** What the connections of a server share, and what bounds each of them. */
export interface ServeActorOptions {
  readonly budget: Budget;
  readonly rounds: Rounds;
  /** Room for long messages that are arriving. */
  readonly rooms: Slots;
  readonly timeoutMonitor: TimeoutMonitor;
  readonly rateLimits: { readonly bytes: RateLimiter; readonly messages: RateLimiter };
  readonly limits: {
    readonly window: Watermarks;
    readonly mailbox: MailboxLimits;
    readonly quietPeriod: QuietPeriod;
    readonly linger: number;
    /** How long effects may go on after the connection is closed, in milliseconds; default half a minute. */
    readonly settle?: number;
    /** What may wait for the peer to read before nothing more is reduced, in bytes; default the window's high mark. */
    readonly sendingBytes?: number;
    /** The most that the state may keep, in bytes; default the window's high mark. */
    readonly stateBytes?: number;
  };
  readonly counters: Counters;
  readonly shutdown$?: Observable<unknown>;
  readonly scheduler?: SchedulerLike;
  readonly trace?: ((event: TraceEvent) => void) | undefined;
}

const NO_RATE = { consume: () => {}, leave: () => {} };
const NO_RATES = { bytes: NO_RATE, messages: NO_RATE };

/** The events that are reduced before another connection may have its turn. */
const EVENTS_A_TURN = 256;

export function createRun(
  connection: Connection,
  actor: AnyActor,
  options: ServeActorOptions,
  subscriber: Subscriber<ActorReport>,
): Run {
  const { limits, budget, rounds, rateLimits, counters, scheduler = asyncScheduler } = options;
  const peer = peerOf(connection);
  const member = rounds.join(
    () => work(run),
    (waits) => {
      run.isWaiting = waits;
      if (waits) run.writer.flush();
      else pause(run, 'turn', false);
    },
  );
  const inbound = createMailbox<unknown>({
    limits: limits.mailbox,
    arrived: member.wake,
    keepsUp: () => !run.pausedBy.has('credit') && run.writer.pending() <= run.sendingMax,
    overflowed: () => overflow(run),
  });
  const window = budget.window(limits.window, (paused) => pause(run, 'credit', paused));
  const ackDelay = createAckDelay(scheduler, limits.quietPeriod, () => run.writer.flushHeld());
  const abort = new AbortController();
  const run: Run = {
    connection,
    actor,
    scheduler,
    report: (report) => subscriber.next(report),
    complete: () => subscriber.complete(),
    trace: options.trace,
    counters,
    lingerMs: limits.linger,
    sendingMax: limits.sendingBytes ?? Math.max(limits.window.high, CREDIT_FLOOR_BYTES),
    stateBytesMax: limits.stateBytes ?? limits.window.high,
    settleMs: limits.settle ?? SETTLE_MS,
    phase: 'open',
    isBroken: false,
    state: undefined,
    decoding: { codec: actor.codec, state: undefined },
    chunks: createFifo(),
    slice: null,
    lastStep: null,
    ends: createFifo(),
    pull: () => {},
    steps: createFifo(),
    results: createFifo(),
    resultBytes: 0,
    drained: new Set(),
    fromPeer: createFifo(),
    inbound,
    isInputsTurn: false,
    emit: () => {},
    settlement: null,
    window,
    member,
    writer: createReplyWriter({
      connection,
      window,
      ackDelay,
      // What comes back only when the rest of a message has come.
      receiving: () => run.partialCredit + run.frameCost,
      sent: (bytes) => {
        counters.sent += bytes;
      },
      failed: () => unreachable(run),
      ended: () => ourSideEnded(run),
    }),
    ackDelay,
    rates: NO_RATES,
    room: options.rooms.join(),
    pausedBy: new Set(),
    cancelRoom: null,
    isWaiting: false,
    hasRoom: false,
    partialBytes: 0,
    partialCredit: 0,
    stateCredit: 0,
    frameCost: 0,
    isUnreachable: false,
    isInputOver: false,
    underWay: new Set(),
    timers: new Map(),
    behindBody: createFifo(),
    isSendingBody: false,
    behindBodyBytes: 0,
    cancelWhenLow: null,
    abort,
    context: {
      peer,
      signal: abort.signal,
      closed$: abortOf(abort.signal),
      self: inbound.mailbox,
      get flow() {
        return flowOf(run);
      },
    },
    waits: new Subscription(),
    received: 0,
    bodies: 0,
    inBody: false,
    isReducingBody: false,
  };
  // A share may be in debt from the start, and then pauses the connection at once.
  run.rates = {
    bytes: rateLimits.bytes.join((paused) => pause(run, 'bytes', paused)),
    messages: rateLimits.messages.join((paused) => pause(run, 'messages', paused)),
  };
  try {
    run.decoding.state = actor.codec.decoder.initial(0);
    run.state = actor.initial(peer);
  } catch (thrown) {
    fail(run, thrown);
  }
  run.results.push({ event: { type: 'opened' }, settlement: null });
  return run;
}

function flowOf(run: Run): Flow {
  const { window, writer, member, steps } = run;
  const { isFree, charge, credit, lend, repay } = window;
  return {
    isFree,
    charge,
    credit,
    lend,
    repay,
    write: (bytes, settled) => {
      writer.body(bytes, settled);
      writer.flush();
    },
    whenLow: writer.whenLow,
    inTurn: (work) => {
      // What is under way lets go of what it holds, and has no turns any more.
      if (run.phase === 'finished') return work();
      steps.push(work);
      member.wake();
    },
  };
}

function peerOf({ id, local, remote, certificate }: Connection): Peer {
  return { id, local, remote, ...(certificate === undefined ? {} : { certificate }) };
}

function abortOf(signal: AbortSignal): Observable<void> {
  return new Observable((subscriber) => {
    const emit = () => {
      subscriber.next();
      subscriber.complete();
    };
    if (signal.aborted) return emit();
    signal.addEventListener('abort', emit, { once: true });
    return () => signal.removeEventListener('abort', emit);
  });
}

/** Listens to what is not the peer's messages: the end of the connection, timeouts, and the shutdown of the server. */
export function listen(run: Run, { shutdown$, timeoutMonitor }: ServeActorOptions): Subscription {
  const subscriptions = new Subscription();
  subscriptions.add(run.connection.closed$.subscribe((fault) => connectionOver(run, fault)));
  subscriptions.add(
    shutdown$?.subscribe(() => pushResult(run, { event: { type: 'shutdown' }, settlement: null })),
  );
  subscriptions.add(
    timeoutMonitor.monitor(
      () => progressOf(run),
      (kind) => timedOut(run, kind),
      () => probePeer(run),
    ),
  );
  subscriptions.add(listenToOthers(run));
  return subscriptions;
}

/** Subscribes to what the actor itself listens to, until the connection is closed. */
function listenToOthers(run: Run): Subscription | undefined {
  const { actor, context } = run;
  if (actor.listen === undefined || run.isBroken) return undefined;
  try {
    return from(actor.listen(context))
      .pipe(takeUntil(context.closed$))
      .subscribe({
        next: (input) => pushResult(run, { event: { type: 'input', input }, settlement: null }),
        error: (thrown: unknown) => fail(run, thrown),
      });
  } catch (thrown) {
    fail(run, thrown);
    return undefined;
  }
}

/**
 * Asks the system whether the peer is still there, while neither a read nor a write would show it, and effects are under
 * way for it.
 */
function probePeer(run: Run): void {
  const wouldTell = (isListening(run) && !run.isInputOver) || run.writer.progress().writing;
  if (wouldTell || run.isUnreachable || run.underWay.size === 0 || run.phase === 'closed') return;
  run.connection.write([], (fault) => {
    if (fault) unreachable(run);
  });
}

const progressOf = (run: Run) => ({
  received: run.received,
  partialHead: run.partialBytes,
  inBody: run.inBody,
  bodies: run.bodies,
  // A body that is slow is not the peer's silence.
  open: run.underWay.size + (run.isSendingBody ? 1 : 0),
  listening: isListening(run),
  ...run.writer.progress(),
});

/** Does a piece of work: reduces the events that are there, and decodes further ones. Returns whether there are more. */
export function work(run: Run): boolean {
  run.steps.shift()?.();
  let left = EVENTS_A_TURN;
  for (; left > 0; left--) {
    const queued = nextEvent(run);
    if (queued !== undefined) reduce(run, queued);
    else if (canPull(run)) run.pull();
    else break;
  }
  const isAccepting = acceptsPeer(run);
  pause(run, 'actor', run.phase !== 'ending' && !isAccepting);
  if (isAccepting && run.fromPeer.length === 0) {
    releaseStep(run);
    // Before more of it comes: a connection that is paused for credit is read only when it has room.
    hasRoomFor(run);
  }
  run.ackDelay.setInFrame(run.inBody || run.partialCredit > 0);
  const more = left === 0 || run.steps.length > 0;
  resumePulling(run);
  if (more) return true;
  // All that is ready at the end of the work leaves in one write.
  run.writer.flush();
  advance(run);
  return false;
}

/** Has the pipe reduce one event, and carry out its effects. */
function reduce(run: Run, queued: QueuedEvent): void {
  const { settlement } = queued;
  const event = lend(run, queued);
  if (queued.resultCredit) chargeResult(run, -queued.resultCredit);
  if (event.type === 'start' || event.type === 'end') run.isReducingBody = event.type === 'start';
  run.settlement = settlement;
  run.emit(event);
  run.settlement = null;
  settle(run, settlement);
  if (event.type === 'message' || event.type === 'start') run.counters.requests++;
  chargeState(run, event);
  afterEvent(run, event);
}

/** Charges for what the state keeps now. */
function chargeState(run: Run, event: AnyEvent): void {
  const { heldBytes } = run.actor;
  if (heldBytes === undefined || run.isBroken || run.phase === 'finished') return;
  let credit: number;
  try {
    credit = bytesFrom('heldBytes', heldBytes(run.state));
  } catch (thrown) {
    return fail(run, thrown);
  }
  const more = credit - run.stateCredit;
  run.stateCredit = credit;
  // What the state keeps of a message whose body is arriving must not keep the body from being read.
  if (event.type === 'start' && run.inBody && more > 0) setFrameCost(run, run.frameCost + more);
  if (more > 0) run.window.charge(more);
  else if (more < 0) run.window.credit(-more);
  if (credit > run.stateBytesMax)
    fail(run, new RangeError(`the state keeps ${credit} bytes, and may keep ${run.stateBytesMax}`));
}
