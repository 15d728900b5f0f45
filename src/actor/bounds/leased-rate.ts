/**
 * The rate limit of one process of several: what its connections consume, it asks of the one that owns the rate.
 *
 * A connection that has consumed something owes it, as with `createRateLimiter`, and is not read until that is paid. The
 * process asks for what all of its connections owe together, and for how many they are, so that the owner can share
 * fairly between the connections of all processes. Only one such question is under way at a time. What the owner gives
 * beyond the debts is kept for what is consumed next: while there is enough of it, nothing is asked.
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

  /** Shares what was given equally between the debtors. What one of them does not need the others get. */
  function pay(given: number): void {
    isAsking = false;
    kept += given;
    for (let left = debtors.size; left > 0 && kept > 0; left = debtors.size) {
      const portion = kept / left;
      let paidAll = true;
      for (const account of [...debtors]) {
        const paid = Math.min(portion, -account.balance);
        account.balance += paid;
        kept -= paid;
        if (account.balance < 0) continue;
        paidAll = false;
        debtors.delete(account);
        account.flow(false);
      }
      // Everyone has taken its whole portion.
      if (paidAll) break;
    }
    ask();
  }

  function consume(account: Account, amount: number): void {
    const paid = debtors.size > 0 ? 0 : Math.min(Math.max(kept, 0), amount);
    kept -= paid;
    account.balance -= amount - paid;
    if (account.balance >= 0 || debtors.has(account)) return;
    debtors.add(account);
    account.flow(true);
    ask();
  }

  function leave(account: Account): void {
    debtors.delete(account);
    kept += account.balance;
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
  /** 0, or below it the debt of the connection. */
  balance: number;
  readonly flow: (paused: boolean) => void;
}
