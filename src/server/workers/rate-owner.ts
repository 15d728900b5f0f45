/**
 * A rate that several processes hold together. It has the bucket; each of them asks for what its connections owe.
 *
 * A process that asks while no other waits is answered at once, from what was saved up. Else all wait for the next
 * payment, and what there is is shared by the number of the connections that owe something: so it is fair between
 * connections, whichever process has them.
 *
 * The bound, over any time: the rate, a tenth of a second of it that was saved up, a fiftieth of a second of it that
 * the processes have beyond their debts, and one piece (64 KiB) for each connection.
 */
import { asyncScheduler, type SchedulerLike, type Subscription } from 'rxjs';
import type { RateDemand } from '../../actor/bounds/leased-rate.ts';

export interface RateOwner {
  /** Calls `give` once with what a process gets, now or later. Each process may ask for one thing at a time. */
  readonly lease: (process: number, demand: RateDemand, give: (amount: number) => void) => void;
  /** A process is gone, with what it owed. */
  readonly left: (process: number) => void;
}

/** The time between two payments. */
const PAY_INTERVAL_MS = 20;
/** How many seconds of the rate are saved up while nobody waits. */
const SAVED_SECONDS = 0.1;
/** How many seconds of the rate all processes together may have beyond what they owe. */
const AHEAD_SECONDS = 0.02;

interface Waiting extends RateDemand {
  readonly give: (amount: number) => void;
}

/** @param processes how many there may be. */
export function createRateOwner(
  perSecond: number,
  processes: number,
  scheduler: SchedulerLike = asyncScheduler,
): RateOwner {
  const bucketMax = Math.max(perSecond * SAVED_SECONDS, 1);
  const aheadMax = (perSecond * AHEAD_SECONDS) / processes;
  let bucket = bucketMax;
  let last = scheduler.now();
  let timer: Subscription | null = null;
  /** By process. */
  const waiting = new Map<number, Waiting>();

  function refill(max: number): void {
    const now = scheduler.now();
    bucket = Math.min(bucket + ((now - last) / 1000) * perSecond, max);
    last = now;
  }

  function pay(): void {
    timer = null;
    // What comes in while somebody waits is for those who wait, however late the timer is.
    refill(Number.POSITIVE_INFINITY);
    let debtors = 0;
    for (const each of waiting.values()) debtors += each.debtors;
    const portion = bucket / debtors;
    const paid = portion > 0 ? [...waiting] : [];
    if (paid.length > 0) bucket = 0;
    for (const [process, { debtors: count, give }] of paid) {
      waiting.delete(process);
      // A connection that owes less than its portion has the rest in advance, as with `createRateLimiter`.
      give(portion * count);
    }
    schedulePay();
  }

  function schedulePay(): void {
    if (waiting.size > 0) timer ??= scheduler.schedule(pay, PAY_INTERVAL_MS);
  }

  return {
    lease: (process, demand, give) => {
      if (waiting.size === 0) refill(bucketMax);
      if (waiting.size === 0 && bucket >= demand.debt) {
        // Never more than half of what is there, so that the next process finds something.
        const amount = demand.debt + Math.min(aheadMax, (bucket - demand.debt) / 2);
        bucket -= amount;
        return give(amount);
      }
      waiting.set(process, { ...demand, give });
      schedulePay();
    },
    left: (process) => {
      waiting.delete(process);
      if (waiting.size > 0) return;
      timer?.unsubscribe();
      timer = null;
    },
  };
}
