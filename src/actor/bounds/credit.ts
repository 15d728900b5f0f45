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
  const state: BudgetState = {
    all,
    total: 0,
    sending: 0,
    sendingMax: all.high * SENDING_SHARE,
    waiting: new Set(),
  };
  return {
    unsettled: () => state.total,
    window: (marks, flow) => new ConnectionWindow(state, marks, flow),
  };
}

interface BudgetState {
  readonly all: Watermarks;
  total: number;
  /** The part of `total` that is on its way to peers. */
  sending: number;
  readonly sendingMax: number;
  /** The windows that are paused: they may go on when others let go of what they hold. */
  readonly waiting: Set<ConnectionWindow>;
}

function wakeWaiting(budget: BudgetState): void {
  for (const window of [...budget.waiting]) {
    if (budget.total > budget.all.low) return;
    window.update();
  }
}

/** A class, so that thousands of idle connections share its functions. */
class ConnectionWindow implements CreditWindow {
  private held = 0;
  private frameCost = 0;
  private kept = 0;
  private lent = 0;
  private isPaused = false;
  private readonly budget: BudgetState;
  private readonly own: Watermarks;
  private readonly flow: (paused: boolean) => void;

  constructor(budget: BudgetState, own: Watermarks, flow: (paused: boolean) => void) {
    this.budget = budget;
    this.own = own;
    this.flow = flow;
  }

  unsettled(): number {
    return this.held;
  }

  paused(): boolean {
    return this.isPaused;
  }

  charge(bytes: number): void {
    const { budget } = this;
    const before = budget.total;
    this.held += bytes;
    budget.total += bytes;
    this.update();
    if (before > budget.all.low && budget.total <= budget.all.low) wakeWaiting(budget);
  }

  credit(bytes: number): void {
    this.charge(-bytes);
  }

  setKept(bytes: number): void {
    this.kept = bytes;
    this.update();
  }

  setFrameCost(bytes: number): void {
    this.frameCost = bytes;
    this.update();
  }

  isFree(bytes: number): boolean {
    return this.budget.total + bytes <= this.budget.all.high;
  }

  fits(bytes: number): boolean {
    return this.isFree(bytes) || this.budget.total === this.held;
  }

  hasRoom(bytes: number): boolean {
    return this.isFree(bytes) && this.held - this.frameCost + bytes <= this.own.high;
  }

  lend(wanted: number): number {
    const { budget } = this;
    const fits = budget.sending + wanted <= budget.sendingMax && this.isFree(wanted);
    const bytes = fits ? wanted : this.lent === 0 ? Math.min(wanted, CREDIT_FLOOR_BYTES) : 0;
    this.lent += bytes;
    budget.sending += bytes;
    budget.total += bytes;
    return bytes;
  }

  repay(bytes: number): void {
    const { budget } = this;
    const before = budget.total;
    this.lent -= bytes;
    budget.sending -= bytes;
    budget.total -= bytes;
    if (before > budget.all.low && budget.total <= budget.all.low) wakeWaiting(budget);
  }

  /** Pauses or resumes, when it is time. */
  update(): void {
    if (this.isPaused ? !this.isUnder() : !this.isOver()) return;
    this.isPaused = !this.isPaused;
    if (this.isPaused) this.budget.waiting.add(this);
    else this.budget.waiting.delete(this);
    this.flow(this.isPaused);
  }

  private isOver(): boolean {
    const { total, all } = this.budget;
    const counted = this.held - this.frameCost;
    return counted > this.own.high || (total > all.high && counted > CREDIT_FLOOR_BYTES);
  }

  private isUnder(): boolean {
    const { total, all } = this.budget;
    const counted = this.held - this.frameCost;
    if (counted > this.lowMark()) return false;
    return total <= all.low || counted <= Math.min(CREDIT_FLOOR_BYTES, this.own.low);
  }

  /** It lies between what is kept and the high mark as `own.low` lies between nothing and the high mark. */
  private lowMark(): number {
    const { high, low } = this.own;
    const least = Math.min(this.kept, high);
    return least === 0 ? low : least + (high - least) * (low / high);
  }
}
