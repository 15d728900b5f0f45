/**
 * A deadline for a peer that takes requests and then does nothing: so that nothing waits for ever on a connection that
 * the system still believes in.
 *
 * What counts is silence. Each byte that arrives and each write that settles begins the time anew, and time in which the
 * peer is not the one to act does not count. One timer a connection, armed only while something is unanswered.
 */
import { asyncScheduler, type SchedulerLike, type Subscription } from 'rxjs';

export interface DeadlineOptions {
  /** Milliseconds of silence. */
  readonly timeout: number;
  readonly scheduler?: SchedulerLike;
  /** Whether an answer is due at all. */
  readonly due: () => boolean;
  /** Told once. */
  readonly missed: () => void;
}

export interface Deadline {
  /** An answer may be due from now on. */
  readonly arm: () => void;
  /** The peer did something. */
  readonly touch: () => void;
  /** We keep the peer waiting, for one reason; it does not count until `release` was called as often. */
  readonly hold: () => void;
  readonly release: () => void;
  readonly stop: () => void;
}

export function createDeadline(options: DeadlineOptions): Deadline {
  const { timeout, scheduler = asyncScheduler, due, missed } = options;
  let timer: Subscription | null = null;
  let since = 0;
  let holds = 0;
  let stopped = false;

  const touch = () => {
    since = scheduler.now();
  };

  function startTimer(millis: number): void {
    timer = scheduler.schedule(checkSilence, millis);
  }

  function checkSilence(): void {
    timer = null;
    if (stopped || !due()) return;
    if (holds > 0) touch();
    const left = since + timeout - scheduler.now();
    if (left > 0) startTimer(left);
    else missed();
  }

  return {
    arm: () => {
      if (timer !== null || stopped) return;
      touch();
      startTimer(timeout);
    },
    touch,
    hold: () => {
      holds++;
    },
    release: () => {
      holds--;
      touch();
    },
    stop: () => {
      stopped = true;
      timer?.unsubscribe();
    },
  };
}
