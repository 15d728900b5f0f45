/**
 * The rate limit of one process of several: what its connections consume, it asks of the one that owns the rate.
 *
 * A connection that has consumed something owes it, as with `createRateLimiter`, and is not read until that is paid. The
 * process asks for what all of its connections owe together, and for how many they are, so that the owner can share
 * fairly between the connections of all processes. Only one such question is under way at a time. What the owner gives
 * beyond the debts is for what is consumed next: while there is enough of it, nothing is asked.
 */
import type { RateLimiter } from './rate-limit.ts';

/** What a process needs. */
export interface RateDemand {
  /** What its connections owe. */
  readonly debt: number;
  /** How many of them owe something. */
  readonly debtors: number;
}

/**
 * @param lease asks the owner. It calls `give` once, later, with what the owner gives: part of the debt, all of it, or a
 *   little more; or never, when the owner is gone.
 */
export function createLeasedRateLimiter(
  lease: (demand: RateDemand, give: (amount: number) => void) => void,
): RateLimiter {
  /** What was given and is not consumed; below 0 what connections that are gone have left behind. */
  let kept = 0;
  let isAsking = false;
  /** The connections that owe something, and are paused. Bounded by the number of connections. */
  const debtors = new Set<Account>();

  function ask(): void {
    if (isAsking || (debtors.size === 0 && kept >= 0)) return;
    isAsking = true;
    let debt = Math.max(0, -kept);
    for (const { balance } of debtors) debt -= balance;
    lease({ debt, debtors: Math.max(1, debtors.size) }, pay);
  }

  /** Shares what was given equally between the debtors. One that owes less than its portion gets the rest in advance. */
  function pay(given: number): void {
    isAsking = false;
    kept += given;
    const portion = debtors.size === 0 ? 0 : Math.max(kept, 0) / debtors.size;
    if (debtors.size > 0) kept = Math.min(kept, 0);
    for (const account of portion > 0 ? [...debtors] : []) {
      account.balance += portion;
      if (account.balance < 0) continue;
      debtors.delete(account);
      account.flow(false);
    }
    ask();
  }

  function consume(account: Account, amount: number): void {
    account.balance -= amount;
    if (account.balance >= 0 || debtors.has(account)) return;
    const paid = debtors.size > 0 ? 0 : Math.min(Math.max(kept, 0), -account.balance);
    kept -= paid;
    account.balance += paid;
    if (account.balance >= 0) return;
    debtors.add(account);
    account.flow(true);
    ask();
  }

  function leave(account: Account): void {
    debtors.delete(account);
    kept += Math.min(account.balance, 0);
    account.balance = 0;
    ask();
  }

  return {
    join: (flow) => {
      const account: Account = { balance: 0, flow };
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
