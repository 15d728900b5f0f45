/**
 * Turns of the event loop, shared fairly: how long one connection may work while others wait to be heard.
 *
 * What connections want done is done at once while the round has time left. Once it has not, they wait, and between
 * two rounds the event loop accepts new connections and looks at what has come on the others. In the next round the
 * member that has been served least goes first, so one that has just come does not wait behind all that are busy.
 *
 *   wake()           nobody waits, and the round has time   run, until there is nothing more or no time is left
 *                    else                                   wait
 *   a new round      run whoever was served least, a piece at a time, until no time is left; then, if somebody
 *                    still waits, let the event loop go round and begin the next one
 *
 * Service is measured in milliseconds, as in start-time fair queueing (Goyal, Vin, Cheng 1996): there is a time of
 * service, which grows by what each of those who wait has been served on average. A member that wakes starts there, or
 * where its own service ends if that is later, and its first piece is let through as if it had started a round's time
 * earlier. So nobody saves up service by being silent, nobody escapes its past by falling silent for a moment, and those
 * who wait are not overtaken for ever, however many come anew.
 *
 * The bound: a round takes `ROUND_MS` and one piece of work. Members that wait are bounded by their number.
 */

import { createHeap } from './heap.ts';

/** Milliseconds of a turn of the event loop for all members together. */
export const ROUND_MS = 4;
/** The least that a piece of work counts: a clock that is too coarse to measure it must not make it free. */
const PIECE_MS_MIN = 0.001;

export interface Rounds {
  /**
   * @param run does a piece of work, and answers whether there is more to do at once. It may go on for as long as
   *   `hasTime` says so. It should not throw: whoever calls gets what it throws, and the member is served again when it
   *   wakes.
   * @param waiting is called with whether the member waits for its turn, when that changes.
   */
  readonly join: (run: () => boolean, waiting: (waits: boolean) => void) => RoundMember;
  /** Whether this round has time left. */
  readonly hasTime: () => boolean;
}

export interface RoundMember {
  /** There is something to do: it is done now, or when the member's turn comes. */
  readonly wake: () => void;
  /** Nothing more is to be done. */
  readonly leave: () => void;
}

interface Member {
  readonly run: () => boolean;
  readonly waiting: (waits: boolean) => void;
  /** Where its next piece of work starts, and where its last one ended, in milliseconds of service. */
  start: number;
  end: number;
  /** The least goes first: `start`, or for the first piece after it woke, a round's time before. */
  turn: number;
  waits: boolean;
  running: boolean;
  /** It was woken while it ran. */
  woken: boolean;
  gone: boolean;
}

/**
 * @param now milliseconds, as precise as there are.
 * @param later calls back in the next turn of the event loop, behind what has come meanwhile.
 * @example
 * const rounds = createRounds(() => performance.now(), setImmediate);
 * const member = rounds.join(() => takeAPiece(), (waits) => (waits ? socket.pause() : socket.resume()));
 * socket.on('data', (chunk) => { queue.push(chunk); member.wake(); });
 */
export function createRounds(now: () => number, later: (work: () => void) => void): Rounds {
  /** Those who wait, and some that have left since: these are skipped. */
  const waiting = createHeap<Member>((a, b) => a.turn < b.turn);
  /** The time of service. */
  let served = 0;
  /** When the round began; null between rounds. */
  let began: number | null = null;
  let isAsked = false;

  const begin = () => {
    began ??= now();
    ask();
  };

  /** Ends this round in the next turn, and begins another if somebody waits. */
  function ask(): void {
    if (isAsked) return;
    isAsked = true;
    later(() => {
      isAsked = false;
      began = null;
      if (waiting.size() > 0) serveRound();
    });
  }

  const hasTime = () => began === null || now() - began < ROUND_MS;

  function serveRound(): void {
    begin();
    for (let member = waiting.pop(); member !== undefined; member = waiting.pop()) {
      member.waits = false;
      if (member.gone) continue;
      member.waiting(false);
      serve(member);
      if (!hasTime()) return;
    }
  }

  /** Runs a member for a piece of work, or as long as nobody else waits and there is time. */
  function serve(member: Member): void {
    for (;;) {
      member.running = true;
      member.woken = false;
      const since = now();
      let more = false;
      try {
        more = member.run();
      } finally {
        member.running = false;
      }
      const cost = Math.max(now() - since, PIECE_MS_MIN);
      served = Math.max(served, member.start) + cost / (waiting.size() + 1);
      member.end = member.start + cost;
      member.start = member.end;
      member.turn = member.start;
      if (member.gone || (!more && !member.woken)) return;
      if (waiting.size() > 0 || !hasTime()) return wait(member);
    }
  }

  function wait(member: Member): void {
    member.waits = true;
    waiting.push(member);
    begin();
    member.waiting(true);
  }

  function wake(member: Member): void {
    if (member.running) {
      member.woken = true;
      return;
    }
    if (member.gone || member.waits) return;
    member.start = Math.max(served, member.end);
    member.turn = member.start - ROUND_MS;
    begin();
    if (waiting.size() > 0 || !hasTime()) wait(member);
    else serve(member);
  }

  return {
    hasTime,
    join: (run, onWaiting) => {
      const idle = { running: false, woken: false, waits: false, gone: false };
      const member: Member = { run, waiting: onWaiting, start: 0, end: 0, turn: 0, ...idle };
      return {
        wake: () => wake(member),
        leave: () => {
          member.gone = true;
        },
      };
    },
  };
}
