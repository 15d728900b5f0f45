/**
 * Limits how long a connection waits for its peer. One monitor looks at all connections every now and then. So
 * thousands of idle connections cost no timer each, and a chunk that arrives costs no more than an addition.
 *
 *   state of the connection                  what it waits for         timeout
 *   nothing has come                         the first bytes           firstBytes
 *   the first bytes of a header have come    the rest of it            header
 *   a body is arriving                       `bodyBytes`, or its end   body, again and again
 *   all is answered, no frame is begun,      the next request          idle
 *   and nothing is sent either
 *   something is being sent                  that some of it is read   unread
 *
 * Time in which the connection does not read is not the peer's fault, so it counts only for `unread`. Time in which
 * this process itself stood still does not count either, since what the peer sent meanwhile is not read yet.
 *
 * After the first timeout the monitor still watches for `unread`. Else a peer that reads nothing could stay for ever
 * by being late with something else first.
 */
import { asyncScheduler, type SchedulerLike, type Subscription } from 'rxjs';

/**
 * How long a connection waits for its peer, in milliseconds; `Infinity` for ever. Then the connection ends. Time in
 * which this process itself stood still does not count.
 */
export interface Timeouts {
  /** For the first bytes of a connection; default 120,000. */
  readonly firstBytes: number;
  /** For the rest of a header, from its first byte on; default 30,000. */
  readonly header: number;
  /**
   * In this time at least `bodyBytes` of a body must arrive, or its end; default 30,000. Time in which the server does
   * not read does not count.
   */
  readonly body: number;
  /** The bytes of a body that must arrive within `body`; default 1,024. */
  readonly bodyBytes: number;
  /** For the next request, when all are answered; default 600,000. */
  readonly idle: number;
  /** For the peer to read some of what was sent; default 300,000. */
  readonly unread: number;
}

/**
 * Which of the `Timeouts` has passed:
 *
 * - `firstBytes`: nothing has come since the connection was opened.
 * - `header`: a message or its header has begun, and is not complete.
 * - `body`: too little of a body has come.
 * - `idle`: everything is answered, and nothing new has begun.
 * - `unread`: the peer has not read any of what was sent to it.
 */
export type TimeoutKind = 'firstBytes' | 'header' | 'body' | 'idle' | 'unread';

/** The progress of a connection, as far as timeouts depend on it. */
export interface ConnectionProgress {
  /** The bytes that have come, in total. */
  readonly received: number;
  /** The bytes of an incomplete header that have come. */
  readonly partialHead: number;
  readonly inBody: boolean;
  /** The bytes of bodies that have come, in total. */
  readonly bodies: number;
  /** The number of requests that are not answered. */
  readonly open: number;
  /** Whether the connection is being read. */
  readonly listening: boolean;
  /** The number of writes that have settled; and whether one is under way. */
  readonly writes: number;
  readonly writing: boolean;
}

export interface TimeoutMonitor {
  /**
   * Watches a connection from now on, and calls `looked` after each look. Calls `expired` at the first timeout, and
   * once more for `unread` if the first was another. Returns a function that stops watching.
   */
  readonly monitor: (
    look: () => ConnectionProgress,
    expired: (which: TimeoutKind) => void,
    looked?: () => void,
  ) => () => void;
}

/** The shortest and the longest time between two looks at a connection. */
const [TICK_MS_MIN, TICK_MS_MAX] = [20, 1000];

/**
 * @example
 * const monitor = createTimeoutMonitor(defaultLimits.timeouts);
 * const stop = monitor.monitor(progress, (which) => refuse(timedOut(which, limits.timeouts)));
 */
export function createTimeoutMonitor(
  timeouts: Timeouts,
  scheduler: SchedulerLike = asyncScheduler,
): TimeoutMonitor {
  const { firstBytes, header, body, idle, unread } = timeouts;
  const shortest = Math.min(firstBytes, header, body, idle, unread);
  const state: MonitorState = {
    timeouts,
    scheduler,
    tickMs: Math.min(Math.max(shortest / 4, TICK_MS_MIN), TICK_MS_MAX),
    watched: new Set(),
    timer: null,
  };
  return {
    monitor: (look, expired, looked = () => {}) => {
      const watch = new Watch(state, look, expired, looked);
      state.watched.add(watch);
      startTimer(state);
      return () => watch.stop();
    },
  };
}

interface MonitorState {
  readonly timeouts: Timeouts;
  readonly scheduler: SchedulerLike;
  readonly tickMs: number;
  /** The connections that are watched. */
  readonly watched: Set<Watch>;
  timer: Subscription | null;
}

function startTimer(state: MonitorState): void {
  const { scheduler, tickMs, watched } = state;
  state.timer ??= scheduler.schedule(function look() {
    const now = scheduler.now();
    for (const watch of watched) watch.check(now);
    this.schedule(undefined, tickMs);
  }, tickMs);
}

/** A connection that is watched. A class, so that thousands of idle connections share its functions. */
class Watch {
  private received: number;
  private writes: number;
  private lookedAt: number;
  private phaseBefore: WatchedPhase | null;
  /** The time since which the connection waits for the peer, and the bytes of bodies that had come by then. */
  private since: number;
  private bodies: number;
  private unreadSince: number;
  /** Whether there was a timeout already. */
  private late = false;
  private readonly state: MonitorState;
  private readonly look: () => ConnectionProgress;
  private readonly expired: (which: TimeoutKind) => void;
  private readonly looked: () => void;

  constructor(
    state: MonitorState,
    look: () => ConnectionProgress,
    expired: (which: TimeoutKind) => void,
    looked: () => void,
  ) {
    this.state = state;
    this.look = look;
    this.expired = expired;
    this.looked = looked;
    const progress = look();
    const now = state.scheduler.now();
    this.received = progress.received;
    this.writes = progress.writes;
    this.phaseBefore = phase(progress);
    this.bodies = progress.bodies;
    this.lookedAt = now;
    this.since = now;
    this.unreadSince = now;
  }

  check(now: number): void {
    const progress = this.look();
    const { tickMs, timeouts } = this.state;
    const elapsed = now - this.lookedAt;
    const stoodStill = elapsed > 2 * tickMs ? elapsed - tickMs : 0;
    const current = phase(progress);
    const hasWritten = progress.writes !== this.writes;
    const isSilent = progress.received === this.received && !hasWritten;
    const restarted = current !== this.phaseBefore || (current === 'idle' && !isSilent);
    this.since += progress.listening ? stoodStill : elapsed;
    this.unreadSince += stoodStill;
    if (restarted || current === null) this.restart(now, progress.bodies);
    if (!progress.writing || hasWritten) this.unreadSince = now;
    this.phaseBefore = current;
    this.received = progress.received;
    this.writes = progress.writes;
    this.lookedAt = now;
    if (now - this.unreadSince >= timeouts.unread) {
      this.stop();
      return this.expired('unread');
    }
    this.looked();
    if (this.late || current === null || now - this.since < timeouts[current]) return;
    if (current === 'body' && progress.bodies - this.bodies >= timeouts.bodyBytes)
      return this.restart(now, progress.bodies);
    this.late = true;
    this.expired(current);
  }

  stop(): void {
    const { state } = this;
    state.watched.delete(this);
    if (state.watched.size > 0) return;
    state.timer?.unsubscribe();
    state.timer = null;
  }

  private restart(now: number, bodies: number): void {
    this.since = now;
    this.bodies = bodies;
  }
}

type WatchedPhase = Exclude<TimeoutKind, 'unread'>;

function phase({ received, partialHead, inBody, open, writing }: ConnectionProgress): WatchedPhase | null {
  if (received === 0) return 'firstBytes';
  if (inBody) return 'body';
  if (partialHead > 0) return 'header';
  return open === 0 && !writing ? 'idle' : null;
}
