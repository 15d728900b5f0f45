/**
 * Watches how much of what was sent still waits in a WebSocket. A browser does not say when that has changed, so it is
 * looked at with a timer while anything waits, and whenever something else happens.
 */
import { OPEN, type WebSocketLike } from './web-socket-like.ts';

/** What may wait in the socket although its write has settled, so that sending need not wait for each look. */
const UNSENT_BYTES_MAX = 64 * 1024;

/** The time between two looks: at first, and at most, when nothing is sent for long. */
const LOOK_MIN_MS = 4;
const LOOK_MAX_MS = 100;

export interface SendWatch {
  /** So many bytes, from the beginning, were given to the socket. */
  add(upTo: number): void;
  /** Looks, in a task of its own: called by the socket, or by a timer. */
  readonly look: () => void;
  /** Asks again what waits, without a look. To be called in the turn of a write, in which nothing can have been sent. */
  readonly changed: () => void;
  /** Looks no more. */
  stop(): void;
}

/**
 * @param onLook called with the count of bytes, from the beginning, that count as sent, and whether nothing waits in
 *   the socket. It answers whether anything still waits for that.
 */
export function createSendWatch(
  socket: WebSocketLike,
  onLook: (sent: number, isDrained: boolean) => boolean,
): SendWatch {
  let given = 0;
  /**
   * The bytes that had been sent at the last look. What is written in the same turn counts as unsent, so that a writer
   * in a loop lets the event loop go on.
   */
  let sent = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let waitMs = LOOK_MIN_MS;
  let isStopped = false;

  function look(): void {
    if (isStopped) return;
    // A socket that was dropped has an empty buffer, too.
    if (socket.readyState === OPEN) {
      const now = given - socket.bufferedAmount;
      if (now > sent) waitMs = LOOK_MIN_MS;
      sent = Math.max(sent, now);
    }
    changed();
  }

  function changed(): void {
    if (isStopped) return;
    const isWaiting = onLook(Math.min(given, sent + UNSENT_BYTES_MAX), sent === given);
    if (!isWaiting) stopTimer();
    else timer ??= setTimeout(lookAgain, waitMs);
  }

  function lookAgain(): void {
    timer = undefined;
    waitMs = Math.min(2 * waitMs, LOOK_MAX_MS);
    look();
  }

  function stopTimer(): void {
    clearTimeout(timer);
    timer = undefined;
  }

  return {
    add: (upTo) => {
      given = upTo;
    },
    look,
    changed,
    stop() {
      isStopped = true;
      stopTimer();
    },
  };
}
