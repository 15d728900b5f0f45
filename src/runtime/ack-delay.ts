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
  readonly listen: (listening: boolean) => void;
  /** To be called with whether the peer is in the middle of a frame. */
  readonly inFrame: (inFrame: boolean) => void;
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

/** @param silence called when there was one that was awaited. */
export function createAckDelay(scheduler: SchedulerLike, how: QuietPeriod, silence: () => void): AckDelay {
  let eager = false;
  let listening = true;
  let midFrame = false;
  let held = 1;
  let timer: Subscription | null = null;
  let timerAt = 0;
  let lastHeard = scheduler.now();
  /** The silence that last made us answer, until the peer is heard again: when it was over, and how long it was. */
  let answered: { readonly at: number; readonly after: number } | null = null;
  /** What the signs of waiting weigh: enough from 1. */
  let signs = 0;

  const silentFrom = () => lastHeard + (midFrame ? how.midFrame : Math.max(how.initial / held, how.minimum));

  function stop(): void {
    timer?.unsubscribe();
    timer = null;
  }

  function wait(delay: number, then: () => void): void {
    stop();
    timerAt = scheduler.now() + delay;
    timer = scheduler.schedule(() => {
      timer = null;
      if (scheduler.now() < silentFrom()) scheduleFlush(held);
      else then();
    }, delay);
  }

  function scheduleFlush(acks: number): void {
    held = acks;
    const from = silentFrom();
    if (!listening || (timer !== null && timerAt <= from)) return;
    wait(Math.max(from - scheduler.now(), 1), () => {
      // A busy process finds its timers due before it looks at its sockets, so it looks at those first.
      wait(1, () => {
        const at = scheduler.now();
        answered = { at, after: at - lastHeard };
        silence();
      });
    });
  }

  return {
    isEager: () => eager,
    scheduleFlush,
    onActivity: () => {
      if (eager) return;
      lastHeard = scheduler.now();
      if (answered === null) return;
      const weight = answered.after >= how.initial ? 1 : 0.5;
      signs = lastHeard - answered.at <= PROMPT_ANSWER_MS ? signs + weight : 0;
      answered = null;
      if (signs >= 1) eager = true;
    },
    listen: (now) => {
      listening = now;
      lastHeard = scheduler.now();
      if (!listening) stop();
    },
    inFrame: (now) => {
      midFrame = now;
    },
    release: () => {
      eager = true;
    },
    dispose: stop,
  };
}
