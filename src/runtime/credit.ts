/**
 * Byte credit: what bounds the memory of a connection, and of all of them together.
 *
 * Everything taken off a socket costs credit until it is settled: body bytes until they are written, a request
 * until its reply is the operating system's. Past the high mark the connection is paused, so that flow control
 * slows the peer down; below the low mark it goes on. This is outside the Observable, because an Observable has
 * no way to say "not now".
 *
 * The bound: a connection holds at most its high mark and one chunk; all together hold at most the budget and one
 * chunk each. A connection that holds next to nothing may always read one chunk, so peers that never read their replies
 * cannot starve the others of the budget: those then go on chunk by chunk.
 */
import { checkOptions, numberFrom } from '../wire/argument.ts';

/** What an event costs besides its bytes: its objects, and its place in the queues. */
export const eventCost = 256;
/** What is next to nothing, in bytes: the header of a request whose body is arriving, and a little more. */
const littleEnough = 16 * 1024;

/** Bytes at which reading pauses (`high`) and below which it resumes (`low`). */
export interface Marks {
  readonly high: number;
  readonly low: number;
}

export interface Budget {
  /** Bytes unsettled over all its windows. */
  readonly unsettled: () => number;
  /** A connection's share. `flow` is called with whether to pause, only when that changes. */
  readonly window: (marks: Marks, flow: (paused: boolean) => void) => Window;
}

export interface Window {
  readonly unsettled: () => number;
  readonly paused: () => boolean;
  /** Whether it is paused for nothing but what other windows hold. */
  readonly waitsForOthers: () => boolean;
  readonly take: (bytes: number) => void;
  readonly give: (bytes: number) => void;
}

/**
 * @example
 * const budget = createBudget({ high: 128 << 20, low: 96 << 20 });
 * const window = budget.window({ high: 4 << 20, low: 2 << 20 }, (paused) => (paused ? stop() : go()));
 */
export function createBudget(all: Marks): Budget {
  checkOptions('createBudget', all, { high: numberFrom(0), low: numberFrom(0) });
  let total = 0;

  function window(own: Marks, flow: (paused: boolean) => void): Window {
    let held = 0;
    let paused = false;
    return {
      unsettled: () => held,
      paused: () => paused,
      waitsForOthers: () => paused && held <= own.low,
      take: (bytes) => {
        held += bytes;
        total += bytes;
        if (!paused && (held > own.high || total > all.high)) {
          paused = true;
          flow(true);
        }
      },
      give: (bytes) => {
        held -= bytes;
        total -= bytes;
        if (paused && (held <= Math.min(littleEnough, own.low) || (held <= own.low && total <= all.low))) {
          paused = false;
          flow(false);
        }
      },
    };
  }

  return { unsettled: () => total, window };
}
