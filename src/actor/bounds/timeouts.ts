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
  const { firstBytes, header, body, bodyBytes, idle, unread } = timeouts;
  const shortest = Math.min(firstBytes, header, body, idle, unread);
  const tickMs = Math.min(Math.max(shortest / 4, TICK_MS_MIN), TICK_MS_MAX);
  /** The connections that are watched. */
  const watched = new Set<(now: number) => void>();
  let timer: Subscription | null = null;

  function start(): void {
    timer ??= scheduler.schedule(function look() {
      const now = scheduler.now();
      for (const check of watched) check(now);
      this.schedule(undefined, tickMs);
    }, tickMs);
  }

  function monitor(
    look: () => ConnectionProgress,
    expired: (which: TimeoutKind) => void,
    looked: () => void = () => {},
  ): () => void {
    let previous = look();
    let lookedAt = scheduler.now();
    let phaseBefore = phase(previous);
    /** The time since which the connection waits for the peer, and the bytes of bodies that had come by then. */
    let [since, bodies] = [lookedAt, previous.bodies];
    let unreadSince = lookedAt;
    /** Whether there was a timeout already. */
    let late = false;

    function check(now: number): void {
      const progress = look();
      const elapsed = now - lookedAt;
      const stoodStill = elapsed > 2 * tickMs ? elapsed - tickMs : 0;
      const current = phase(progress);
      const isSilent = progress.received === previous.received && progress.writes === previous.writes;
      const restarted = current !== phaseBefore || (current === 'idle' && !isSilent);
      since += progress.listening ? stoodStill : elapsed;
      unreadSince += stoodStill;
      if (restarted || current === null) [since, bodies] = [now, progress.bodies];
      if (!progress.writing || progress.writes !== previous.writes) unreadSince = now;
      phaseBefore = current;
      previous = progress;
      lookedAt = now;
      if (now - unreadSince >= unread) {
        stop();
        return expired('unread');
      }
      looked();
      if (late || current === null || now - since < limitOf(current)) return;
      if (current === 'body' && progress.bodies - bodies >= bodyBytes) {
        [since, bodies] = [now, progress.bodies];
        return;
      }
      late = true;
      expired(current);
    }

    function stop(): void {
      watched.delete(check);
      if (watched.size > 0) return;
      timer?.unsubscribe();
      timer = null;
    }

    watched.add(check);
    start();
    return stop;
  }

  const limitOf = (which: Exclude<TimeoutKind, 'unread'>): number =>
    ({ firstBytes, header, body, idle })[which];

  return { monitor };
}

function phase({ received, partialHead, inBody, open, writing }: ConnectionProgress) {
  if (received === 0) return 'firstBytes';
  if (inBody) return 'body';
  if (partialHead > 0) return 'header';
  return open === 0 && !writing ? 'idle' : null;
}
