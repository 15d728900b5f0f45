/** Begins to serve a connection. */
import { asyncScheduler, Observable, type SchedulerLike, type Subscriber, Subscription } from 'rxjs';
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
import { NO_EVENTS } from './credit.ts';
import { connectionOver, ourSideEnded, overflow, timedOut } from './lifecycle.ts';
import { createMailbox, type MailboxLimits } from './mailbox.ts';
import { isListening, pause } from './pause.ts';
import { fail, pushResult } from './queues.ts';
import type { ActorReport } from './report.ts';
import type { Run } from './run.ts';
import type { TraceEvent } from './trace.ts';
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
  const run: Run = {
    connection,
    actor,
    scheduler,
    report: (report) => subscriber.next(report),
    complete: () => subscriber.complete(),
    trace: options.trace,
    counters,
    lingerMs: limits.linger,
    sendingMax: Math.max(limits.window.high, CREDIT_FLOOR_BYTES),
    stateBytesMax: limits.window.high,
    phase: 'open',
    isBroken: false,
    state: undefined,
    decoding: { codec: actor.codec, state: undefined },
    chunks: createFifo(),
    slice: null,
    lastStep: null,
    ends: createFifo(),
    pull: () => {},
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
      receiving: () => run.partialCredit,
      sent: (bytes) => {
        counters.sent += bytes;
      },
      failed: () => {},
      ended: () => ourSideEnded(run),
    }),
    ackDelay,
    rates: NO_RATES,
    room: options.rooms.join(),
    pausedBy: new Set(),
    cancelRoom: null,
    isWaiting: false,
    hasRoom: false,
    partialCredit: 0,
    stateCredit: 0,
    underWay: new Set(),
    timers: new Map(),
    behindBody: createFifo(),
    isSendingBody: false,
    behindBodyBytes: 0,
    cancelWhenLow: null,
    abort,
    context: { peer, signal: abort.signal, closed$: abortOf(abort.signal), self: inbound.mailbox },
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
    ),
  );
  return subscriptions;
}

const progressOf = (run: Run) => ({
  received: run.received,
  partialHead: run.partialCredit,
  inBody: run.inBody,
  bodies: run.bodies,
  // A body that is slow is not the peer's silence.
  open: run.underWay.size + (run.isSendingBody ? 1 : 0),
  listening: isListening(run),
  ...run.writer.progress(),
});
