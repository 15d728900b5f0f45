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
  isEager(): boolean;
  /**
   * Calls back once after the next quiet period. Several calls make one wait. `held` is the number of acks that wait,
   * at least 1.
   */
  scheduleFlush(held: number): void;
  /** The caller calls it when bytes of the peer have come. */
  onActivity(): void;
  /** The caller calls it when reading pauses and when it resumes. */
  setListening(listening: boolean): void;
  /** The caller calls it with whether the peer is in the middle of a frame. */
  setInFrame(inFrame: boolean): void;
  /** The peer has shown that it reads, or it will send no more: acks are sent at once from now on. */
  release(): void;
  dispose(): void;
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
export const createAckDelay = (scheduler: SchedulerLike, quiet: QuietPeriod, onQuiet: () => void): AckDelay =>
  new PeerAckDelay(scheduler, quiet, onQuiet);

/** A class, so that thousands of idle connections share its functions. */
class PeerAckDelay implements AckDelay {
  private eager = false;
  private listening = true;
  private midFrame = false;
  private held = 1;
  private timer: Subscription | null = null;
  private timerAt = 0;
  private lastHeard: number;
  /** The last quiet period that released acks, until the peer sends again: when it was over, and how long it was. */
  private lastFlush: { readonly at: number; readonly after: number } | null = null;
  /** The weight of the signs that the peer reads; 1 is enough. */
  private readingSigns = 0;
  private readonly scheduler: SchedulerLike;
  private readonly quiet: QuietPeriod;
  private readonly onQuiet: () => void;

  constructor(scheduler: SchedulerLike, quiet: QuietPeriod, onQuiet: () => void) {
    this.scheduler = scheduler;
    this.quiet = quiet;
    this.onQuiet = onQuiet;
    this.lastHeard = scheduler.now();
  }

  isEager(): boolean {
    return this.eager;
  }

  scheduleFlush(acks: number): void {
    this.held = acks;
    const from = this.quietAt();
    if (!this.listening || (this.timer !== null && this.timerAt <= from)) return;
    this.startTimer(Math.max(from - this.scheduler.now(), 1), () => {
      // A busy process runs its due timers before it looks at its sockets. So it gets one more look at the sockets.
      this.startTimer(1, () => {
        const at = this.scheduler.now();
        this.lastFlush = { at, after: at - this.lastHeard };
        this.onQuiet();
      });
    });
  }

  onActivity(): void {
    if (this.eager) return;
    this.lastHeard = this.scheduler.now();
    if (this.lastFlush === null) return;
    const weight = this.lastFlush.after >= this.quiet.initial ? 1 : 0.5;
    const isPrompt = this.lastHeard - this.lastFlush.at <= PROMPT_ANSWER_MS;
    this.readingSigns = isPrompt ? this.readingSigns + weight : 0;
    this.lastFlush = null;
    if (this.readingSigns >= 1) this.eager = true;
  }

  setListening(listening: boolean): void {
    this.listening = listening;
    this.lastHeard = this.scheduler.now();
    if (!listening) this.dispose();
  }

  setInFrame(inFrame: boolean): void {
    this.midFrame = inFrame;
  }

  release(): void {
    this.eager = true;
  }

  dispose(): void {
    this.timer?.unsubscribe();
    this.timer = null;
  }

  private quietAt(): number {
    const { midFrame, initial, minimum } = this.quiet;
    return this.lastHeard + (this.midFrame ? midFrame : Math.max(initial / this.held, minimum));
  }

  private startTimer(delay: number, then: () => void): void {
    this.dispose();
    this.timerAt = this.scheduler.now() + delay;
    this.timer = this.scheduler.schedule(() => {
      this.timer = null;
      if (this.scheduler.now() < this.quietAt()) this.scheduleFlush(this.held);
      else then();
    }, delay);
  }
}
