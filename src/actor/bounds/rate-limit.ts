/**
 * Limits the bytes and the requests a second of all connections together, in fair shares.
 *
 * A connection that has consumed something owes it, and is not read until the debt is paid. What a second brings in
 * is shared equally between the connections that owe something. So a peer that pipelines thousands of requests waits
 * for itself, and the others do not wait for it. What no connection owes is saved up, for a fraction of a second, so
 * that a short burst waits for nothing.
 *
 * The bound: over any time the rate, and what was saved up, and one piece (64 KiB) for each connection.
 */
import { asyncScheduler, type SchedulerLike, type Subscription } from 'rxjs';

export interface RateLimiter {
  /** Adds a connection. `flow` is called with whether to pause, only when that changes. */
  readonly join: (flow: (paused: boolean) => void) => Share;
}

export interface Share {
  /** Whether there is a limit at all. */
  readonly isLimited: boolean;
  readonly consume: (amount: number) => void;
  /**
   * Removes the connection. What it owes passes to all others; else a peer that reconnects again and again would owe
   * nothing.
   */
  readonly leave: () => void;
}

/** The share of a connection where nothing limits it. */
export const UNLIMITED: Share = { isLimited: false, consume: () => {}, leave: () => {} };

/** The time between two payments. */
const REPLENISH_INTERVAL_MS = 20;
/** How many seconds of the rate are saved up while no connection owes anything. */
const SAVED_SECONDS = 0.1;

/** @param perSecond the most that may be consumed in a second; `Infinity` costs nothing. */
export function createRateLimiter(perSecond: number, scheduler: SchedulerLike = asyncScheduler): RateLimiter {
  if (perSecond === Number.POSITIVE_INFINITY) return { join: () => UNLIMITED };
  const bucketMax = Math.max(perSecond * SAVED_SECONDS, 1);
  let bucket = bucketMax;
  let last = scheduler.now();
  let timer: Subscription | null = null;
  /** The connections that owe something, and are paused. Bounded by the number of connections. */
  const debtors = new Set<Account>();

  function refill(): void {
    const now = scheduler.now();
    bucket += ((now - last) / 1000) * perSecond;
    last = now;
  }

  /**
   * Shares the bucket equally between the debtors. A debtor that owes less than its portion gets the rest in advance.
   */
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
    // While others wait, nothing is saved up.
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
      // A debt that was left behind is paid before a new connection may start.
      if (bucket < 0) {
        account.balance = -Number.MIN_VALUE;
        debtors.add(account);
        flow(true);
        scheduleReplenish();
      }
      return {
        isLimited: true,
        consume: (amount) => consume(account, amount),
        leave: () => leave(account),
      };
    },
  };
}

interface Account {
  /** Below 0 the debt of the connection; above 0 what it was given in advance. */
  balance: number;
  readonly flow: (paused: boolean) => void;
}
