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
import { nextTurn as inNextTurn } from './next-turn.ts';
import {
  dequeue,
  enqueue,
  leastServedMember,
  type Member,
  overdue,
  type RoundsState,
} from './rounds-state.ts';

/** The time that all members together may work in a round. */
export const ROUND_MS = 4;
/**
 * The least and the most that a piece of work counts. A clock that is too coarse to measure a piece must not make it
 * free, and time in which the system did other things is not the member's.
 */
const [PIECE_MS_MIN, PIECE_MS_MAX] = [0.001, 2 * ROUND_MS];

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
  wake(): void;
  /** Removes the member: it is not run again. */
  leave(): void;
}

/**
 * @param now the time in milliseconds, as precisely as the system has it.
 * @param nextTurn calls back in the next turn of the event loop, behind what has come meanwhile.
 * @example
 * const rounds = createRounds();
 * const member = rounds.join(() => takeAPiece(), (waits) => (waits ? socket.pause() : socket.resume()));
 * socket.on('data', (chunk) => { queue.push(chunk); member.wake(); });
 */
export function createRounds(
  now: () => number = () => performance.now(),
  nextTurn: (work: () => void) => void = inNextTurn,
): Rounds {
  const rounds: RoundsState = {
    now,
    nextTurn,
    leastServed: createHeap((a, b) => a.start < b.start),
    firstCome: createFifo(),
    waiting: 0,
    round: 0,
    virtualTime: 0,
    worked: 0,
    isRequested: false,
    serveRequested: () => {
      rounds.isRequested = false;
      serveRound(rounds);
    },
  };
  return { join: (run, waiting) => new ConnectionMember(rounds, run, waiting) };
}

/** A class, so that thousands of idle connections share its functions. */
class ConnectionMember implements Member, RoundMember {
  start = Number.NEGATIVE_INFINITY;
  end = Number.NEGATIVE_INFINITY;
  entry: Member['entry'] = null;
  running = false;
  woken = false;
  hasLeft = false;
  private readonly rounds: RoundsState;
  readonly run: Member['run'];
  readonly waiting: Member['waiting'];

  constructor(rounds: RoundsState, run: Member['run'], waiting: Member['waiting']) {
    this.rounds = rounds;
    this.run = run;
    this.waiting = waiting;
  }

  wake(): void {
    wake(this.rounds, this);
  }

  leave(): void {
    this.hasLeft = true;
    dequeue(this.rounds, this);
  }
}

function wake(rounds: RoundsState, member: Member): void {
  if (member.running) {
    member.woken = true;
    return;
  }
  if (member.hasLeft || member.entry !== null) return;
  member.start = Math.max(rounds.virtualTime - ROUND_MS, member.end);
  if (rounds.waiting > 0 || !hasTime(rounds)) return wait(rounds, member);
  rounds.virtualTime = Math.max(rounds.virtualTime, member.start);
  runMember(rounds, member);
}

const hasTime = ({ worked }: RoundsState): boolean => worked < ROUND_MS;

/** Runs a member for a piece of work; and for more while no other member waits and the round has time. */
function runMember(rounds: RoundsState, member: Member): void {
  for (;;) {
    member.running = true;
    member.woken = false;
    const since = rounds.now();
    let more = false;
    try {
      more = member.run();
    } finally {
      member.running = false;
    }
    const took = Math.min(Math.max(rounds.now() - since, PIECE_MS_MIN), PIECE_MS_MAX);
    rounds.worked += took;
    member.end = member.start + took;
    member.start = member.end;
    if (member.hasLeft || (!more && !member.woken)) return;
    if (rounds.waiting > 0 || !hasTime(rounds)) return wait(rounds, member);
  }
}

/** Puts a member that has more to do behind the others, until its turn comes. */
function wait(rounds: RoundsState, member: Member): void {
  enqueue(rounds, member);
  requestRound(rounds);
  member.waiting(true);
}

/** Begins the next round in the next turn of the event loop. */
function requestRound(rounds: RoundsState): void {
  if (rounds.isRequested) return;
  rounds.isRequested = true;
  const { nextTurn, serveRequested } = rounds;
  nextTurn(serveRequested);
}

function serveRound(rounds: RoundsState): void {
  rounds.worked = 0;
  rounds.round++;
  try {
    for (
      let member = overdue(rounds) ?? leastServedMember(rounds);
      member !== undefined;
      member = leastServedMember(rounds)
    ) {
      member.waiting(false);
      runMember(rounds, member);
      if (!hasTime(rounds)) return;
    }
  } finally {
    if (rounds.waiting > 0) requestRound(rounds);
  }
}
