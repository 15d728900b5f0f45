/**
 * Shares the turns of the event loop fairly: how long one connection may work while others wait.
 *
 * A connection works at once while the round has time left. When the round has none left, connections wait, and
 * between two rounds the event loop accepts new connections and reads the others. In the next round the member that
 * has been served least goes first, so a new connection does not wait behind all busy ones. A new round is requested
 * only when a member waits, since a request to the event loop costs as much as a small piece of work. So a round
 * lasts over several turns of an event loop that has little to do, and it never takes too long in one turn.
 *
 *   wake()           no member waits, and the round has time   run the member, until it has no more to do or no time is left
 *                    else                                      the member waits
 *   a new round      run the member that was served least, a piece at a time, until no time is left; then, if a member
 *                    still waits, request the next round from the event loop
 *
 * Service is measured in milliseconds, as in start-time fair queueing (Goyal, Vin, Cheng 1996): the virtual time is
 * where the member that was served least started last. A member that wakes starts one round's time before the virtual
 * time, or where its own service ends if that is later. So a silent member saves up one round's time and no more, and
 * no member escapes its past by a moment of silence. But every second round begins with the member that has waited
 * longest, if it has waited more than `ROUNDS_WAITED_MAX` rounds. So no member is overtaken for ever, however many
 * new ones come.
 *
 * The bound: a round takes `ROUND_MS` and one piece of work. The members that wait are bounded by their number. A
 * queue entry that is over stays in its queue until it comes up there, which takes some `ROUNDS_WAITED_MAX` rounds at
 * most.
 */

import { createFifo } from '../../base/fifo.ts';
import { createHeap } from './heap.ts';

/** The time that all members together may work in a round. */
export const ROUND_MS = 4;
/**
 * The least and the most that a piece of work counts. A clock that is too coarse to measure a piece must not make it
 * free, and time in which the system did other things is not the member's.
 */
const [PIECE_MS_MIN, PIECE_MS_MAX] = [0.001, 2 * ROUND_MS];
/** The rounds that a member waits until it is served whatever the others have had. */
const ROUNDS_WAITED_MAX = 100;

export interface Rounds {
  /**
   * @param run does a piece of work, and returns whether there is more to do at once. It should not throw: the caller
   *   of `wake` gets what it throws, and the member is served again when it wakes.
   * @param waiting is called with whether the member waits for its turn, when that changes.
   */
  readonly join: (run: () => boolean, waiting: (waits: boolean) => void) => RoundMember;
}

export interface RoundMember {
  /** The member has something to do. It is done now, or when the member's turn comes. */
  readonly wake: () => void;
  /** Removes the member: it is not run again. */
  readonly leave: () => void;
}

interface Member {
  readonly run: () => boolean;
  readonly waiting: (waits: boolean) => void;
  /**
   * The virtual time at which its next piece of work starts, and at which its last one ended, in milliseconds of
   * service.
   */
  start: number;
  end: number;
  /** Its entry in the queues; null when it does not wait. */
  entry: QueueEntry | null;
  running: boolean;
  /** It was woken while it ran. */
  woken: boolean;
  hasLeft: boolean;
}

/** An entry of a member that waits. It is in both queues, and is over once its member has had its turn or has left. */
interface QueueEntry {
  readonly member: Member;
  readonly start: number;
  /** The round in which it began to wait. */
  readonly round: number;
}

/**
 * @param now the time in milliseconds, as precisely as the system has it.
 * @param nextTurn calls back in the next turn of the event loop, behind what has come meanwhile.
 * @example
 * const rounds = createRounds(() => performance.now(), setImmediate);
 * const member = rounds.join(() => takeAPiece(), (waits) => (waits ? socket.pause() : socket.resume()));
 * socket.on('data', (chunk) => { queue.push(chunk); member.wake(); });
 */
export function createRounds(now: () => number, nextTurn: (work: () => void) => void): Rounds {
  /**
   * The members that wait, in two orders: the one that was served least is first, and the one that has waited longest
   * is first.
   */
  const leastServed = createHeap<QueueEntry>((a, b) => a.start < b.start);
  const firstCome = createFifo<QueueEntry>();
  let waiting = 0;
  let round = 0;
  /** The virtual time, in milliseconds of service. */
  let virtualTime = 0;
  /** The milliseconds that members have worked in this round. */
  let worked = 0;
  let isRequested = false;

  const hasTime = () => worked < ROUND_MS;

  /** Begins the next round in the next turn of the event loop. */
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

  /** Removes the member that was served least from the queue. */
  function leastServedMember(): Member | undefined {
    for (let entry = leastServed.pop(); entry !== undefined; entry = leastServed.pop()) {
      if (entry.member.entry !== entry) continue;
      virtualTime = Math.max(virtualTime, entry.start);
      return dequeue(entry.member);
    }
    return undefined;
  }

  /** Removes the member that has waited longest from the queue, if it has waited too long. */
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

  /** Runs a member for a piece of work; and for more while no other member waits and the round has time. */
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
