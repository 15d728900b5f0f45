/**
 * Decides how long acks are held back from a peer that may not read them.
 *
 * A plain script sends its files, never reads a reply, and closes. When an operating system closes a socket that has
 * unread bytes, it sends a reset and drops the bytes that it has not sent yet. So an ack that is sent too early
 * destroys the end of the last file. Therefore acks wait until the peer has been quiet for a while, unless the peer
 * has shown that it reads.
 *
 * The length of the quiet period depends on what else a pause may mean. A script that has sent one file may be
 * fetching the next one. A script that has sent hundreds of files without a break has sent its last one, or waits for
 * an answer. No peer waits for an answer in the middle of a frame. And while this side does not read (because its
 * disk is slow, say), it cannot know whether the peer is quiet.
 *
 *   state      when an ack is sent      leaves the state by
 *   waiting    after a quiet period     release, or signs that the peer reads -> eager
 *   eager      at once                  never
 *
 * A sign that the peer reads: it sent nothing until it got an ack, and then it went on at once. One sign is enough
 * after a long quiet period, and two are enough in any case.
 */
import type { SchedulerLike, Subscription } from 'rxjs';

export interface AckDelay {
  /** Whether acks are sent at once. */
  readonly isEager: () => boolean;
  /**
   * Calls back once after the next quiet period. Several calls make one wait. `held` is the number of acks that wait,
   * at least 1.
   */
  readonly scheduleFlush: (held: number) => void;
  /** The caller calls it when bytes of the peer have come. */
  readonly onActivity: () => void;
  /** The caller calls it when reading pauses and when it resumes. */
  readonly setListening: (listening: boolean) => void;
  /** The caller calls it with whether the peer is in the middle of a frame. */
  readonly setInFrame: (inFrame: boolean) => void;
  /** The peer has shown that it reads, or it will send no more: acks are sent at once from now on. */
  readonly release: () => void;
  readonly dispose: () => void;
}

/** A peer that waits for an ack goes on within this time after it. */
const PROMPT_ANSWER_MS = 25;
/**
 * How long a peer must be quiet until acks are sent to it that it may not read, in milliseconds: a script that sends
 * its files and never reads an ack would lose the end of them by one that comes too early.
 */
export interface QuietPeriod {
  /** Between two frames, with one ack held. With n acks held it is an nth of this. */
  readonly initial: number;
  /** Between two frames, however many acks are held. */
  readonly minimum: number;
  /** In the middle of a frame. */
  readonly midFrame: number;
}

/** @param onQuiet is called after each quiet period that `scheduleFlush` has asked for. */
export function createAckDelay(scheduler: SchedulerLike, quiet: QuietPeriod, onQuiet: () => void): AckDelay {
  let eager = false;
  let listening = true;
  let midFrame = false;
  let held = 1;
  let timer: Subscription | null = null;
  let timerAt = 0;
  let lastHeard = scheduler.now();
  /** The last quiet period that released acks, until the peer sends again: when it was over, and how long it was. */
  let lastFlush: { readonly at: number; readonly after: number } | null = null;
  /** The weight of the signs that the peer reads; 1 is enough. */
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
      // A busy process runs its due timers before it looks at its sockets. So it gets one more look at the sockets.
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
