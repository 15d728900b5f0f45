/** Begins to serve a connection. */
import {
  AsyncSubject,
  asyncScheduler,
  type Observable,
  type SchedulerLike,
  type Subscriber,
  Subscription,
} from 'rxjs';
import { createFifo } from '../../base/fifo.ts';
import type { Connection } from '../../transport/connection.ts';
import type { AnyActor, Peer } from '../actor.ts';
import type { Counters } from '../bounds/counters.ts';
import { type Budget, CREDIT_FLOOR_BYTES, type Watermarks } from '../bounds/credit.ts';
import type { RateLimiter } from '../bounds/rate-limit.ts';
import type { Rounds } from '../bounds/rounds.ts';
import type { Slots } from '../bounds/slots.ts';
import type { TimeoutMonitor } from '../bounds/timeouts.ts';
import type { Flow } from '../flow.ts';
import { createMailbox, type MailboxLimits } from '../mailbox.ts';
import type { ActorReport } from '../report.ts';
import type { TraceEvent } from '../trace.ts';
import { createAckDelay, type QuietPeriod } from './ack-delay.ts';
import { NO_EVENTS } from './event-credit.ts';
import { ourSideEnded, overflow, SETTLE_MS, unreachable } from './lifecycle.ts';
import { pause } from './pause.ts';
import { fail } from './queues.ts';
import { createReplyWriter } from './reply-writer.ts';
import type { Run } from './run.ts';
import { work } from './work.ts';

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
  // One listener to the signal, however many effects wait for it.
  const closed$ = new AsyncSubject<void>();
  abort.signal.addEventListener('abort', () => {
    closed$.next();
    closed$.complete();
  });
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
    fromPeer: NO_EVENTS,
    inbound,
    isInputsTurn: false,
    reducer: { next: () => {} },
    settlement: null,
    messageCredit: 0,
    messageMemory: null,
    sharedMemory: new Map(),
    creditChange: 0,
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
      closed$,
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
