/**
 * Whether a peer may be sent an ack it has not asked for, or must first fall silent.
 *
 * A plain script sends its files, never reads a reply, and closes. When a system closes a socket on which there is
 * something unread, it sends a reset and drops what it has not sent yet: an ack that came too early would destroy
 * the end of the last file. So acks nobody has shown to want wait for a silence of the peer: for `quiet` between two
 * frames, and for much longer in the middle of one, where nobody waits for an answer. While we do not listen (our disk
 * is slow, say), there is no telling whether the peer is silent.
 *
 *   state      may an ack be sent                                 leaves it by
 *   patient    after a silence                                    release, or two signs of waiting -> eager
 *   eager      at once                                            never
 *
 * A sign of waiting: the peer said nothing until it got an ack, and then went on at once.
 */
import type { SchedulerLike, Subscription } from 'rxjs';

export interface Patience {
  /** Whether nothing has to be waited for. */
  readonly isEager: () => boolean;
  /** Calls back once at the next silence; one wait however often it is called. */
  readonly awaitSilence: () => void;
  /** To be called when the peer was heard from. */
  readonly heard: () => void;
  /** To be called when reading pauses and resumes. */
  readonly listen: (listening: boolean) => void;
  /** To be called with whether the peer is in the middle of a frame. */
  readonly inFrame: (inFrame: boolean) => void;
  /** The peer has shown that it reads, or will send no more: nothing is waited for any more. */
  readonly release: () => void;
  readonly dispose: () => void;
}

/** Who waits for an ack goes on within so many milliseconds of it. */
const prompt = 25;
/** So many times `quiet` is a silence in the middle of a frame. */
const inFrameFactor = 40;

/**
 * @param quiet milliseconds that are a silence, between two frames.
 * @param silence called when there was one that was awaited.
 */
export function createPatience(scheduler: SchedulerLike, quiet: number, silence: () => void): Patience {
  let eager = false;
  let listening = true;
  let midFrame = false;
  let timer: Subscription | null = null;
  let lastHeard = scheduler.now();
  /** When a silence last made us answer, until the peer is heard again. */
  let answered: number | null = null;
  let signs = 0;

  const isSilent = () => scheduler.now() - lastHeard >= (midFrame ? inFrameFactor * quiet : quiet);

  function stop(): void {
    timer?.unsubscribe();
    timer = null;
  }

  function awaitSilence(): void {
    if (timer !== null || !listening) return;
    const left = Math.max(lastHeard + quiet - scheduler.now(), 1);
    timer = scheduler.schedule(() => {
      timer = null;
      if (!isSilent()) return awaitSilence();
      // A busy process finds its timers due before it looks at its sockets, so it looks at those first.
      timer = scheduler.schedule(() => {
        timer = null;
        if (!isSilent()) return awaitSilence();
        answered = scheduler.now();
        silence();
      }, 1);
    }, left);
  }

  return {
    isEager: () => eager,
    awaitSilence,
    heard: () => {
      if (eager) return;
      lastHeard = scheduler.now();
      if (answered === null) return;
      signs = lastHeard - answered <= prompt ? signs + 1 : 0;
      answered = null;
      if (signs === 2) eager = true;
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
