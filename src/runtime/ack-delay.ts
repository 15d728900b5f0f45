/**
 * Whether a peer may be sent an ack it has not asked for, or must first fall silent.
 *
 * A plain script sends its files, never reads a reply, and closes. When a system closes a socket on which there is
 * something unread, it sends a reset and drops what it has not sent yet: an ack that came too early would destroy
 * the end of the last file. So acks nobody has shown to want wait for a silence of the peer. How long that must be
 * depends on what else it may mean: a script that has sent one file may be fetching the next one, one that has sent
 * hundreds without a break has sent its last, or waits. In the middle of a frame nobody waits for an answer. And while
 * we do not listen (our disk is slow, say), there is no telling whether the peer is silent.
 *
 *   state      may an ack be sent                                 leaves it by
 *   patient    after a silence                                    release, or signs of waiting -> eager
 *   eager      at once                                            never
 *
 * A sign of waiting: the peer said nothing until it got an ack, and then went on at once. A long silence makes one sign
 * enough, two are it in any case.
 */
import type { SchedulerLike, Subscription } from 'rxjs';

export interface AckDelay {
  /** Whether nothing has to be waited for. */
  readonly isEager: () => boolean;
  /** Calls back once at the next silence; one wait however often it is called. `held` acks, at least 1, wait for it. */
  readonly scheduleFlush: (held: number) => void;
  /** To be called when the peer was heard from. */
  readonly onActivity: () => void;
  /** To be called when reading pauses and resumes. */
  readonly setListening: (listening: boolean) => void;
  /** To be called with whether the peer is in the middle of a frame. */
  readonly setInFrame: (inFrame: boolean) => void;
  /** The peer has shown that it reads, or will send no more: nothing is waited for any more. */
  readonly release: () => void;
  readonly dispose: () => void;
}

/** Who waits for an ack goes on within so many milliseconds of it. */
const PROMPT_ANSWER_MS = 25;
/** What is a silence, in milliseconds. */
export interface QuietPeriod {
  /** Between two frames, with one ack held; with more it is so much shorter. */
  readonly initial: number;
  /** Between two frames, however many are held. */
  readonly minimum: number;
  /** In the middle of a frame. */
  readonly midFrame: number;
}

/** @param onQuiet called when there was one that was awaited. */
export function createAckDelay(scheduler: SchedulerLike, quiet: QuietPeriod, onQuiet: () => void): AckDelay {
  let eager = false;
  let listening = true;
  let midFrame = false;
  let held = 1;
  let timer: Subscription | null = null;
  let timerAt = 0;
  let lastHeard = scheduler.now();
  /** The silence that last made us answer, until the peer is heard again: when it was over, and how long it was. */
  let lastFlush: { readonly at: number; readonly after: number } | null = null;
  /** What the signs of waiting weigh: enough from 1. */
  let readingSigns = 0;

  const quietAt = () =>
    lastHeard + (midFrame ? quiet.midFrame : Math.max(quiet.initial / held, quiet.minimum));

  function stopTimer(): void {
    timer?.unsubscribe();
    timer = null;
  }

  function startTimer(delay: number, then: () => void): void {
    stopTimer();
    timerAt = scheduler.now() + delay;
    timer = scheduler.schedule(() => {
      timer = null;
      if (scheduler.now() < quietAt()) scheduleFlush(held);
      else then();
    }, delay);
  }

  function scheduleFlush(acks: number): void {
    held = acks;
    const from = quietAt();
    if (!listening || (timer !== null && timerAt <= from)) return;
    startTimer(Math.max(from - scheduler.now(), 1), () => {
      // A busy process finds its timers due before it looks at its sockets, so it looks at those first.
      startTimer(1, () => {
        const at = scheduler.now();
        lastFlush = { at, after: at - lastHeard };
        onQuiet();
      });
    });
  }

  return {
    isEager: () => eager,
    scheduleFlush,
    onActivity: () => {
      if (eager) return;
      lastHeard = scheduler.now();
      if (lastFlush === null) return;
      const weight = lastFlush.after >= quiet.initial ? 1 : 0.5;
      readingSigns = lastHeard - lastFlush.at <= PROMPT_ANSWER_MS ? readingSigns + weight : 0;
      lastFlush = null;
      if (readingSigns >= 1) eager = true;
    },
    setListening: (now) => {
      listening = now;
      lastHeard = scheduler.now();
      if (!listening) stopTimer();
    },
    setInFrame: (now) => {
      midFrame = now;
    },
    release: () => {
      eager = true;
    },
    dispose: stopTimer,
  };
}
