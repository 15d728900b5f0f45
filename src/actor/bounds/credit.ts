/** The cost of an event besides its bytes: its objects, and its place in the queues. */
export const EVENT_COST_BYTES = 256;
/**
 * The bytes that each connection may hold whatever the others do: once for what it receives, and again for what it
 * sends.
 */
export const CREDIT_FLOOR_BYTES = 16 * 1024;
/** The share of the budget that may be on its way to peers, who may never read it. */
const SENDING_SHARE = 0.5;

/** Bytes at which reading pauses (`high`) and below which it resumes (`low`). `low` is at most `high`. */
export interface Watermarks {
  /** Bytes, 0 or more. */
  readonly high: number;
  /** Bytes, 0 or more. */
  readonly low: number;
}

export interface Budget {
  /** The unsettled bytes of all windows. */
  readonly unsettled: () => number;
  /** The share of one connection. It calls `flow` with whether to pause, only when that changes. */
  readonly window: (marks: Watermarks, flow: (paused: boolean) => void) => CreditWindow;
}

/**
 * The memory that one connection takes, in bytes of credit: what has arrived and is not handled yet, and what is to be
 * sent and not with the operating system yet. When it has too much, the connection is not read until some of it is
 * given back. A `Flow` has those of its functions that a performer needs.
 */
export interface CreditWindow {
  /** Bytes that are charged and not credited yet. */
  readonly unsettled: () => number;
  /** Whether the connection is paused because it has too much. */
  readonly paused: () => boolean;
  /** Takes credit for so many bytes that are held. It may go over the marks: then the connection is not read. */
  readonly charge: (bytes: number) => void;
  /** Gives back credit that `charge` has taken, once the bytes are not held any more. */
  readonly credit: (bytes: number) => void;
  /**
   * The cost of the request whose body is arriving. It does not count for a pause, since it must not keep the body
   * from being read.
   */
  readonly setFrameCost: (bytes: number) => void;
  /**
   * The part of what it holds that may stay for as long as it is open. It raises the low mark: else a connection that
   * keeps more than that would not be read again once it was paused.
   */
  readonly setKept: (bytes: number) => void;
  /** Whether the budget has room for so many bytes more. */
  readonly isFree: (bytes: number) => boolean;
  /** The same; and always true while no other connection holds anything. */
  readonly fits: (bytes: number) => boolean;
  /** Whether the budget has room for so many bytes more, and the connection may hold them without being paused. */
  readonly hasRoom: (bytes: number) => boolean;
  /**
   * Takes credit for the next bytes to be sent, at most `wanted`. Returns the number of bytes. 0 means that the caller
   * asks again when some of what was lent has been repaid. While nothing is lent, the number is at least 16 KiB, or
   * `wanted`.
   */
  readonly lend: (wanted: number) => number;
  /** Gives back what `lend` has lent, once the bytes are sent. */
  readonly repay: (bytes: number) => void;
}

/**
 * @example
 * const budget = createBudget({ high: 128 << 20, low: 96 << 20 });
 * const window = budget.window({ high: 4 << 20, low: 2 << 20 }, (paused) => (paused ? stop() : go()));
 */
export function createBudget(all: Watermarks): Budget {
  let total = 0;
  /** The part of `total` that is on its way to peers. */
  let sending = 0;
  /** The windows that are paused: they may go on when others let go of what they hold. */
  const waiting = new Set<() => void>();
  const sendingMax = all.high * SENDING_SHARE;

  function wakeWaiting(): void {
    for (const update of [...waiting]) {
      if (total > all.low) return;
      update();
    }
  }

  function window(own: Watermarks, flow: (paused: boolean) => void): CreditWindow {
    let held = 0;
    let frameCost = 0;
    let kept = 0;
    let lent = 0;
    let paused = false;

    /** It lies between what is kept and the high mark as `own.low` lies between nothing and the high mark. */
    function lowMark(): number {
      const least = Math.min(kept, own.high);
      return least === 0 ? own.low : least + (own.high - least) * (own.low / own.high);
    }

    const isOver = () =>
      held - frameCost > own.high || (total > all.high && held - frameCost > CREDIT_FLOOR_BYTES);
    const isUnder = () =>
      held - frameCost <= lowMark() &&
      (total <= all.low || held - frameCost <= Math.min(CREDIT_FLOOR_BYTES, own.low));

    function change(bytes: number): void {
      const before = total;
      held += bytes;
      total += bytes;
      update();
      if (before > all.low && total <= all.low) wakeWaiting();
    }

    function update(): void {
      if (paused ? !isUnder() : !isOver()) return;
      paused = !paused;
      if (paused) waiting.add(update);
      else waiting.delete(update);
      flow(paused);
    }

    function lend(wanted: number): number {
      const fits = sending + wanted <= sendingMax && isFree(wanted);
      const bytes = fits ? wanted : lent === 0 ? Math.min(wanted, CREDIT_FLOOR_BYTES) : 0;
      lent += bytes;
      sending += bytes;
      total += bytes;
      return bytes;
    }

    const isFree = (bytes: number) => total + bytes <= all.high;

    return {
      unsettled: () => held,
      paused: () => paused,
      charge: change,
      credit: (bytes) => change(-bytes),
      setKept: (bytes) => {
        kept = bytes;
        update();
      },
      setFrameCost: (bytes) => {
        frameCost = bytes;
        update();
      },
      isFree,
      fits: (bytes) => isFree(bytes) || total === held,
      hasRoom: (bytes) => isFree(bytes) && held - frameCost + bytes <= own.high,
      lend,
      repay: (bytes) => {
        const before = total;
        lent -= bytes;
        sending -= bytes;
        total -= bytes;
        if (before > all.low && total <= all.low) wakeWaiting();
      },
    };
  }

  return { unsettled: () => total, window };
}
