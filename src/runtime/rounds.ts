/**
 * Turns of the event loop, shared fairly: how long one connection may work while others wait to be heard.
 *
 * What connections want done is done at once while the round has time left. Once it has not, they wait, and between
 * two rounds the event loop accepts new connections and looks at what has come on the others. In the next round the
 * member that has been served least goes first, so one that has just come does not wait behind all that are busy. A round
 * is begun anew only when somebody waits, since to ask the event loop for it costs as much as a small piece of work: it
 * lasts over several turns of a loop that has little to do, and so never too long in one of them.
 *
 *   wake()           nobody waits, and the round has time   run, until there is nothing more or no time is left
 *                    else                                   wait
 *   a new round      run whoever was served least, a piece at a time, until no time is left; then, if somebody
 *                    still waits, let the event loop go round and begin the next one
 *
 * Service is measured in milliseconds, as in start-time fair queueing (Goyal, Vin, Cheng 1996): the time of service is
 * where the member that was served least started last. A member that wakes starts a round's time before it, or where its own service
 * ends if that is later. So it saves up a round's time by being silent and no more, and none escapes its past by falling
 * silent for a moment. But every second round begins with the one that has waited longest, if that is more than
 * `ROUNDS_WAITED_MAX` rounds: nobody is overtaken for ever, however many come anew.
 *
 * The bound: a round takes `ROUND_MS` and one piece of work. Members that wait are bounded by their number; a place that
 * is over stays in a queue until it comes up there, which is some `ROUNDS_WAITED_MAX` rounds later at most.
 */

import { createFifo } from '../base/fifo.ts';
import { createHeap } from './heap.ts';

/** Milliseconds of work of a round, for all members together. */
export const ROUND_MS = 4;
/**
 * What a piece of work counts, at least and at most: a clock that is too coarse to measure it must not make it free, and
 * time in which the system had other things to do is not the member's.
 */
const [PIECE_MS_MIN, PIECE_MS_MAX] = [0.001, 2 * ROUND_MS];
/** Rounds that a member waits before it is served whatever the others have had. */
const ROUNDS_WAITED_MAX = 100;

export interface Rounds {
  /**
   * @param run does a piece of work, and answers whether there is more to do at once. It should not throw: whoever calls
   *   gets what it throws, and the member is served again when it wakes.
   * @param waiting is called with whether the member waits for its turn, when that changes.
   */
  readonly join: (run: () => boolean, waiting: (waits: boolean) => void) => RoundMember;
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
  /** Its place among those who wait; null when it does not. */
  entry: QueueEntry | null;
  running: boolean;
  /** It was woken while it ran. */
  woken: boolean;
  hasLeft: boolean;
}

/** A place among those who wait: it stands in both queues, and is over once its member has had its turn or has left. */
interface QueueEntry {
  readonly member: Member;
  readonly start: number;
  /** The round in which it began to wait. */
  readonly round: number;
}

/**
 * @param now milliseconds, as precise as there are.
 * @param nextTurn calls back in the next turn of the event loop, behind what has come meanwhile.
 * @example
 * const rounds = createRounds(() => performance.now(), setImmediate);
 * const member = rounds.join(() => takeAPiece(), (waits) => (waits ? socket.pause() : socket.resume()));
 * socket.on('data', (chunk) => { queue.push(chunk); member.wake(); });
 */
export function createRounds(now: () => number, nextTurn: (work: () => void) => void): Rounds {
  /** Those who wait: whoever was served least is first here, and whoever has waited longest there. */
  const leastServed = createHeap<QueueEntry>((a, b) => a.start < b.start);
  const firstCome = createFifo<QueueEntry>();
  let waiting = 0;
  let round = 0;
  /** The time of service. */
  let virtualTime = 0;
  /** Milliseconds that members have worked in this round. */
  let worked = 0;
  let isRequested = false;

  const hasTime = () => worked < ROUND_MS;

  /** Begins the next round in the next turn. */
  function requestRound(): void {
    if (isRequested) return;
    isRequested = true;
    nextTurn(() => {
      isRequested = false;
      serveRound();
    });
  }

  function serveRound(): void {
    worked = 0;
    round++;
    try {
      for (
        let member = overdue() ?? leastServedMember();
        member !== undefined;
        member = leastServedMember()
      ) {
        member.waiting(false);
        runMember(member);
        if (!hasTime()) return;
      }
    } finally {
      if (waiting > 0) requestRound();
    }
  }

  /** Takes out who was served least. */
  function leastServedMember(): Member | undefined {
    for (let entry = leastServed.pop(); entry !== undefined; entry = leastServed.pop()) {
      if (entry.member.entry !== entry) continue;
      virtualTime = Math.max(virtualTime, entry.start);
      return dequeue(entry.member);
    }
    return undefined;
  }

  /** Takes out who has waited longest, if it is high time. */
  function overdue(): Member | undefined {
    for (let entry = firstCome.first(); entry?.member.entry !== entry; entry = firstCome.first())
      firstCome.shift();
    const entry = firstCome.first();
    if (entry === undefined || round % 2 === 1 || round - entry.round <= ROUNDS_WAITED_MAX) return undefined;
    return dequeue(entry.member);
  }

  function dequeue(member: Member): Member {
    if (member.entry !== null) waiting--;
    member.entry = null;
    return member;
  }

  /** Runs a member for a piece of work, or as long as nobody else waits and there is time. */
  function runMember(member: Member): void {
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
      const took = Math.min(Math.max(now() - since, PIECE_MS_MIN), PIECE_MS_MAX);
      worked += took;
      member.end = member.start + took;
      member.start = member.end;
      if (member.hasLeft || (!more && !member.woken)) return;
      if (waiting > 0 || !hasTime()) return wait(member);
    }
  }

  function wait(member: Member): void {
    const entry = { member, start: member.start, round };
    member.entry = entry;
    waiting++;
    leastServed.push(entry);
    firstCome.push(entry);
    requestRound();
    member.waiting(true);
  }

  function wake(member: Member): void {
    if (member.running) {
      member.woken = true;
      return;
    }
    if (member.hasLeft || member.entry !== null) return;
    member.start = Math.max(virtualTime - ROUND_MS, member.end);
    if (waiting > 0 || !hasTime()) return wait(member);
    virtualTime = Math.max(virtualTime, member.start);
    runMember(member);
  }

  return {
    join: (run, onWaiting) => {
      const idle = { running: false, woken: false, hasLeft: false, entry: null };
      const never = Number.NEGATIVE_INFINITY;
      const member: Member = { run, waiting: onWaiting, start: never, end: never, ...idle };
      return {
        wake: () => wake(member),
        leave: () => {
          member.hasLeft = true;
          dequeue(member);
        },
      };
    },
  };
}
