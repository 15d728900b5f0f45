/** The state of the rounds that connections share, and the order in which the members that wait come up. */
import type { Fifo } from '../../base/fifo.ts';
import type { Heap } from './heap.ts';

/** The rounds that a member waits until it is served whatever the others have had. */
const ROUNDS_WAITED_MAX = 100;

export interface Member {
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

export interface RoundsState {
  readonly now: () => number;
  readonly nextTurn: (work: () => void) => void;
  /**
   * The members that wait; the one that was served least is first. Bounded by their number, and by the entries that
   * are over and have not come up; so is the other queue.
   */
  readonly leastServed: Heap<QueueEntry>;
  /** The same members; the one that has waited longest is first. */
  readonly firstCome: Fifo<QueueEntry>;
  /** The number of members that wait. */
  waiting: number;
  /** The number of this round. */
  round: number;
  /** The virtual time, in milliseconds of service. */
  virtualTime: number;
  /** The milliseconds that members have worked in this round. */
  worked: number;
  /** Whether the next round was requested from the event loop. */
  isRequested: boolean;
  /** Serves the round that was requested. It is made once, so that a request makes nothing. */
  readonly serveRequested: () => void;
}

export function enqueue(rounds: RoundsState, member: Member): void {
  const entry = { member, start: member.start, round: rounds.round };
  member.entry = entry;
  rounds.waiting++;
  rounds.leastServed.push(entry);
  rounds.firstCome.push(entry);
}

/** Ends the waiting of a member, if it waits. Its entry stays in both queues until it comes up there. */
export function dequeue(rounds: RoundsState, member: Member): Member {
  if (member.entry !== null) rounds.waiting--;
  member.entry = null;
  return member;
}

/** Removes the member that has waited longest from the queue, if it has waited too long. */
export function overdue(rounds: RoundsState): Member | undefined {
  const { firstCome, round } = rounds;
  for (let entry = firstCome.first(); entry?.member.entry !== entry; entry = firstCome.first())
    firstCome.shift();
  const entry = firstCome.first();
  if (entry === undefined || round % 2 === 1 || round - entry.round <= ROUNDS_WAITED_MAX) return undefined;
  return dequeue(rounds, entry.member);
}

/** Removes the member that was served least from the queue. */
export function leastServedMember(rounds: RoundsState): Member | undefined {
  const { leastServed } = rounds;
  for (let entry = leastServed.pop(); entry !== undefined; entry = leastServed.pop()) {
    if (entry.member.entry !== entry) continue;
    rounds.virtualTime = Math.max(rounds.virtualTime, entry.start);
    return dequeue(rounds, entry.member);
  }
  return undefined;
}
