/**
 * A deadline for a peer that takes requests and then does nothing, so that no request waits for ever on a connection
 * that the system still believes in.
 *
 * It measures silence. Each byte that arrives and each write that settles restarts the time. Time in which we keep the
 * peer waiting does not count. There is one timer a connection, armed only while a request is unanswered.
 */
import { asyncScheduler, type SchedulerLike, type Subscription } from 'rxjs';

export interface DeadlineOptions {
  /** Milliseconds of silence. */
  readonly timeout: number;
  readonly scheduler?: SchedulerLike;
  /** Whether the peer owes an answer. */
  readonly due: () => boolean;
  /** Called once, when the peer was silent for too long. */
  readonly missed: () => void;
}

export interface Deadline {
  /** The peer owes an answer from now on. */
  readonly arm: () => void;
  /** The peer did something. */
  readonly touch: () => void;
  /** We keep the peer waiting: time does not count until `release` was called as often as `hold`. */
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
