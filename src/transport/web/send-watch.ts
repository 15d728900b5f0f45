/**
 * Watches how much of what was sent still waits in a WebSocket. A browser does not say when that has changed, so it is
 * looked at with a timer while anything waits, and whenever something else happens.
 */
import type { WebSocketLike } from './web-socket-like.ts';

/** What may wait in the socket although its write has settled, so that sending need not wait for each look. */
const UNSENT_BYTES_MAX = 64 * 1024;

/** The time between two looks: at first, and at most, when nothing is sent for long. */
const LOOK_MIN_MS = 4;
const LOOK_MAX_MS = 100;

export interface SendWatch {
  /** So many bytes, from the beginning, were given to the socket. */
  add(upTo: number): void;
  /** Looks now. */
  readonly look: () => void;
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
  let sentBefore = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let waitMs = LOOK_MIN_MS;
  let isStopped = false;

  function look(): void {
    if (isStopped) return;
    const unsent = socket.bufferedAmount;
    const sent = Math.min(given, given - unsent + UNSENT_BYTES_MAX);
    if (sent > sentBefore) waitMs = LOOK_MIN_MS;
    sentBefore = Math.max(sentBefore, sent);
    const isWaiting = onLook(sent, unsent === 0);
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
    stop() {
      isStopped = true;
      stopTimer();
    },
  };
}
