/**
 * How fast all connections together may go: bytes and requests a second, shared fairly.
 *
 * Whoever has taken something owes it, and reads no more until that is paid back. What a second brings in is dealt out
 * in equal parts to those who owe, so one that pipelines thousands of requests waits for itself, not the others for it.
 * What nobody owes is saved up, for a fraction of a second, so that a short burst waits for nothing.
 *
 * The bound: over any time the rate, and what was saved up, and a piece (64 KiB) for each connection.
 */
import { asyncScheduler, type SchedulerLike, type Subscription } from 'rxjs';

export interface RateLimiter {
  /** A connection's part in it. `flow` is called with whether to pause, only when that changes. */
  readonly join: (flow: (paused: boolean) => void) => Share;
}

export interface Share {
  readonly consume: (amount: number) => void;
  /** The connection is gone: what it owes, all others owe. Else one that comes again and again would owe nothing. */
  readonly leave: () => void;
}

/** Milliseconds between two dealings. */
const REPLENISH_INTERVAL_MS = 20;
/** Of a second's worth, how much is saved up when nobody owes anything. */
const SAVED_SECONDS = 0.1;

/** @param perSecond what may be spent in a second; `Infinity` costs nothing. */
export function createRateLimiter(perSecond: number, scheduler: SchedulerLike = asyncScheduler): RateLimiter {
  if (perSecond === Number.POSITIVE_INFINITY) return { join: () => ({ consume: () => {}, leave: () => {} }) };
  const bucketMax = Math.max(perSecond * SAVED_SECONDS, 1);
  let bucket = bucketMax;
  let last = scheduler.now();
  let timer: Subscription | null = null;
  /** Those who owe something, and read no more. Bounded by the number of connections. */
  const debtors = new Set<Account>();

  function refill(): void {
    const now = scheduler.now();
    bucket += ((now - last) / 1000) * perSecond;
    last = now;
  }

  /** Deals out what is there, in equal parts: to who owes less than its part, the rest is given in advance. */
  function replenish(): void {
    timer = null;
    refill();
    const portion = Math.max(bucket, 0) / debtors.size;
    if (debtors.size > 0) bucket = Math.min(bucket, 0);
    for (const account of portion > 0 ? [...debtors] : []) {
      account.balance += portion;
      if (account.balance < 0) continue;
      debtors.delete(account);
      account.flow(false);
    }
    scheduleReplenish();
  }

  function scheduleReplenish(): void {
    if (debtors.size > 0) timer ??= scheduler.schedule(replenish, REPLENISH_INTERVAL_MS);
  }

  function consume(account: Account, amount: number): void {
    account.balance -= amount;
    if (account.balance >= 0 || debtors.has(account)) return;
    refill();
    bucket = Math.min(bucket, bucketMax);
    // With others waiting there is nothing to take from.
    const paid = debtors.size > 0 ? 0 : Math.min(Math.max(bucket, 0), -account.balance);
    bucket -= paid;
    account.balance += paid;
    if (account.balance >= 0) return;
    debtors.add(account);
    account.flow(true);
    scheduleReplenish();
  }

  function leave(account: Account): void {
    debtors.delete(account);
    refill();
    bucket = Math.min(bucket, bucketMax) + Math.min(account.balance, 0);
    if (debtors.size > 0) return;
    timer?.unsubscribe();
    timer = null;
  }

  return {
    join: (flow) => {
      const account: Account = { balance: 0, flow };
      refill();
      // What is owed by nobody is paid back before anybody comes in.
      if (bucket < 0) {
        account.balance = -Number.MIN_VALUE;
        debtors.add(account);
        flow(true);
        scheduleReplenish();
      }
      return { consume: (amount) => consume(account, amount), leave: () => leave(account) };
    },
  };
}

interface Account {
  /** What it owes, below 0; what it was given in advance, above. */
  balance: number;
  readonly flow: (paused: boolean) => void;
}
