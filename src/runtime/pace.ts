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

export interface Pace {
  /** A connection's part in it. `flow` is called with whether to pause, only when that changes. */
  readonly join: (flow: (paused: boolean) => void) => Member;
}

export interface Member {
  readonly spend: (amount: number) => void;
  /** The connection is gone: what it owes is forgotten. */
  readonly leave: () => void;
}

/** Milliseconds between two dealings. */
const every = 20;
/** Of a second's worth, how much is saved up when nobody owes anything. */
const saved = 0.1;

/** @param perSecond what may be spent in a second; `Infinity` costs nothing. */
export function createPace(perSecond: number, scheduler: SchedulerLike = asyncScheduler): Pace {
  if (perSecond === Number.POSITIVE_INFINITY) return { join: () => ({ spend: () => {}, leave: () => {} }) };
  const most = Math.max(perSecond * saved, 1);
  let bucket = most;
  let last = scheduler.now();
  let timer: Subscription | null = null;
  /** Those who owe something, and how much. Bounded by the number of connections. */
  const owing = new Map<Member, { debt: number; readonly flow: (paused: boolean) => void }>();

  function refill(): void {
    const now = scheduler.now();
    bucket += ((now - last) / 1000) * perSecond;
    last = now;
  }

  /** Deals out what is there, in equal parts, until it is used up or nobody owes anything. */
  function deal(): void {
    refill();
    const free: ((paused: boolean) => void)[] = [];
    while (bucket > 0 && owing.size > 0) {
      const part = bucket / owing.size;
      for (const [member, one] of owing) {
        const paid = Math.min(part, one.debt);
        bucket -= paid;
        one.debt -= paid;
        if (one.debt > 0) continue;
        owing.delete(member);
        free.push(one.flow);
      }
      if (part < tooLittle) break;
    }
    bucket = Math.min(bucket, most);
    for (const flow of free) flow(false);
    arm();
  }

  function arm(): void {
    if (owing.size > 0) timer ??= scheduler.schedule(again, every);
  }

  function again(): void {
    timer = null;
    deal();
  }

  function join(flow: (paused: boolean) => void): Member {
    const member: Member = {
      spend: (amount) => {
        const one = owing.get(member);
        if (one !== undefined) {
          one.debt += amount;
          return;
        }
        refill();
        bucket = Math.min(bucket, most);
        // With others waiting there is nothing to take from.
        const paid = owing.size > 0 ? 0 : Math.min(Math.max(bucket, 0), amount);
        bucket -= paid;
        if (paid === amount) return;
        owing.set(member, { debt: amount - paid, flow });
        flow(true);
        arm();
      },
      leave: () => {
        owing.delete(member);
        if (owing.size > 0) return;
        timer?.unsubscribe();
        timer = null;
      },
    };
    return member;
  }

  return { join };
}

/** Parts below this are left for the next dealing: halving them further pays nobody. */
const tooLittle = 1e-6;
