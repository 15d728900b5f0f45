/**
 * How long a peer is waited for. One clock looks at all connections every now and then, so that thousands of idle ones
 * cost no timer each, and a chunk that arrives costs no more than an addition.
 *
 *   what the connection is at                what is waited for        how long
 *   nothing has come                         the first bytes           firstBytes
 *   the first bytes of a header have come    the rest of it            header
 *   a body is arriving                       `bodyBytes`, or its end   body, again and again
 *   all is answered, no frame is begun       the next request          idle
 *   something is being sent                  that some of it is taken  unread
 *
 * Time in which we do not read is not the peer's, so it counts only for what is being sent. Nor does it while this process
 * itself stood still: what the peer sent meanwhile is not read yet.
 *
 * Once one of these is over, nothing more is waited for but that what is being sent is taken: else whoever reads nothing
 * could stay for ever by being late with something else first.
 */
import { asyncScheduler, type SchedulerLike, type Subscription } from 'rxjs';
import { type ErrorInfo, errorInfo } from '../files/protocol/errors.ts';
import type { Timeouts } from './limits.ts';

export type TimeoutKind = 'firstBytes' | 'header' | 'body' | 'idle' | 'unread';

/** What a connection is at, as far as its peer is waited for. */
export interface ConnectionProgress {
  /** Bytes that have come, in all. */
  readonly received: number;
  /** Bytes of a header that is not whole. */
  readonly partialHead: number;
  readonly inBody: boolean;
  /** Bytes of bodies that have come, in all. */
  readonly bodies: number;
  /** Requests that are not answered. */
  readonly open: number;
  /** We read. */
  readonly listening: boolean;
  /** Writes that have settled, in all; and whether one is under way. */
  readonly writes: number;
  readonly writing: boolean;
}

export interface TimeoutMonitor {
  /**
   * Looks at a connection from now on, and calls `looked` after each look; calls `expired` at the first deadline that is
   * over, and once more for `unread` if that was another. Returns how to stop.
   */
  readonly monitor: (
    look: () => ConnectionProgress,
    expired: (which: TimeoutKind) => void,
    looked?: () => void,
  ) => () => void;
}

/** At most so often, and at least so often, in milliseconds, is each connection looked at. */
const [TICK_MS_MIN, TICK_MS_MAX] = [20, 1000];

/**
 * @example
 * const clock = createClock(defaultLimits.deadlines);
 * const stop = clock.watch(progress, (which) => refuse(timedOut(which, limits.deadlines)));
 */
export function createTimeoutMonitor(
  timeouts: Timeouts,
  scheduler: SchedulerLike = asyncScheduler,
): TimeoutMonitor {
  const { firstBytes, header, body, bodyBytes, idle, unread } = timeouts;
  const shortest = Math.min(firstBytes, header, body, idle, unread);
  const tickMs = Math.min(Math.max(shortest / 4, TICK_MS_MIN), TICK_MS_MAX);
  /** Bounded by the number of connections. */
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
    /** Since when the peer is waited for, and how many bytes of bodies had come then. */
    let [since, bodies] = [lookedAt, previous.bodies];
    let unreadSince = lookedAt;
    /** Something was late already. */
    let late = false;

    function check(now: number): void {
      const progress = look();
      const elapsed = now - lookedAt;
      const stoodStill = elapsed > 2 * tickMs ? elapsed - tickMs : 0;
      const current = phase(progress);
      const restarted =
        current !== phaseBefore || (current === 'idle' && progress.received !== previous.received);
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

const TIMEOUT_TEXT: Readonly<Record<TimeoutKind, string>> = {
  firstBytes: 'nothing has come',
  header: 'the rest of a header has not come',
  body: 'hardly anything of the body has come',
  idle: 'no request has come',
  unread: 'nothing of the replies was read',
};

/** @example timedOut('idle', limits.deadlines).message // '… no request has come within 600 s' */
export function timedOut(which: TimeoutKind, timeouts: Timeouts): ErrorInfo {
  const ms = timeouts[which];
  return errorInfo('timed-out', `${TIMEOUT_TEXT[which]} within ${ms / 1000} s`, { deadline: which, ms });
}
