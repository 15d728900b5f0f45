/**
 * A number of slots that many holders share: for open files, or for headers that are arriving.
 *
 * Each holder may always have `perHolder` slots, whatever the others do. Beyond those all holders share `shared`
 * slots, in turns: a slot that becomes free goes to the holder that has waited longest, and that holder then waits
 * behind the others for its next one.
 *
 *   a holder asks for a slot      it has fewer than `perHolder`   it gets one of its own
 *                                 a shared slot is free, and      it gets that one
 *                                 no holder waits for one
 *                                 else                            it waits, behind those that wait
 *
 * The bound: at most `holders * perHolder + shared` slots are held. The number of waiting claims is bounded by the
 * callers. A wait ends when the holder itself, or another one that holds a shared slot, releases a slot.
 */
import { createFifo, type Fifo } from '../../base/fifo.ts';

export interface Slots {
  readonly join: () => SlotHolder;
  /** The slots that are held, those of the holders' own included. */
  readonly taken: () => number;
}

export interface SlotHolder {
  /**
   * Asks for a slot. `granted` is called once, when the holder has one; at once if one is free now. Both `granted`
   * and the caller get a function that releases the slot, or withdraws the claim; a second call of it does nothing.
   */
  acquire(granted: (release: () => void) => void): () => void;
}

interface Claim {
  state: 'waiting' | 'held' | 'released';
  readonly granted: (release: () => void) => void;
  readonly release: () => void;
}

interface Holder {
  /** The slots it holds: the first `perHolder` are its own, the others shared. */
  held: number;
  /** Its claims that wait, and some that were released, which are skipped; null when there are none. */
  waiting: Fifo<Claim> | null;
  /** The number of its claims that wait. */
  waitingCount: number;
  /** Whether it is in the queue of holders that wait for a shared slot. */
  isQueued: boolean;
  /** Whether its own slots are being granted. */
  isGrantingOwn: boolean;
}

interface SlotsState {
  /** The number of slots that each holder has for itself. */
  readonly perHolder: number;
  /** The shared slots that nobody holds. */
  free: number;
  /** The slots that are held, those of the holders' own included. */
  taken: number;
  /** The holders with a claim that waits, each once. One that has withdrawn its claims stays until it comes up. */
  readonly waitingHolders: Fifo<Holder>;
  /** Whether shared slots are being granted. A holder may release its slot at once, and so may thousands in a row. */
  isGrantingShared: boolean;
}

/**
 * @param shared the number of slots that all holders share, from 0.
 * @param perHolder the number of slots that each holder has for itself, from 0. One of both must be above 0, or
 *   nothing is ever granted.
 * @example
 * const files = createSlots({ shared: 100, perHolder: 1 });
 * const release = files.join().acquire(() => open());
 */
export function createSlots({ shared, perHolder }: { shared: number; perHolder: number }): Slots {
  const slots: SlotsState = {
    perHolder,
    free: shared,
    taken: 0,
    waitingHolders: createFifo(),
    isGrantingShared: false,
  };
  return { join: () => new SlotMember(slots), taken: () => slots.taken };
}

/** A class, so that thousands of idle connections share its functions. */
class SlotMember implements SlotHolder, Holder {
  held = 0;
  waiting: Fifo<Claim> | null = null;
  waitingCount = 0;
  isQueued = false;
  isGrantingOwn = false;
  private readonly slots: SlotsState;

  constructor(slots: SlotsState) {
    this.slots = slots;
  }

  acquire(granted: Claim['granted']): () => void {
    return acquire(this.slots, this, granted);
  }
}

function acquire(slots: SlotsState, holder: Holder, granted: Claim['granted']): () => void {
  const claim = createClaim(slots, holder, granted);
  if (holder.waitingCount === 0 && hasSlotFor(slots, holder)) {
    occupy(slots, holder, claim);
    granted(claim.release);
  } else {
    holder.waiting ??= createFifo();
    holder.waiting.push(claim);
    holder.waitingCount++;
    enqueue(slots, holder);
  }
  return claim.release;
}

function createClaim(slots: SlotsState, holder: Holder, granted: Claim['granted']): Claim {
  const claim: Claim = { state: 'waiting', granted, release: () => release(slots, holder, claim) };
  return claim;
}

/**
 * A holder that is earlier in the queue has the first right to a shared slot. No other holder has a right to its
 * own slots.
 */
const hasSlotFor = ({ perHolder, waitingHolders, free }: SlotsState, holder: Holder): boolean =>
  holder.held < perHolder || (waitingHolders.length === 0 && free > 0);

/** It must be called only when the holder may have a slot. */
function occupy(slots: SlotsState, holder: Holder, claim: Claim): void {
  if (holder.held >= slots.perHolder) slots.free--;
  holder.held++;
  slots.taken++;
  claim.state = 'held';
}

function enqueue(slots: SlotsState, holder: Holder): void {
  if (holder.isQueued || holder.waitingCount === 0) return;
  holder.isQueued = true;
  slots.waitingHolders.push(holder);
}

/** Gives back a slot that is held, and grants it to a holder that waits; or withdraws a claim that waits. */
function release(slots: SlotsState, holder: Holder, claim: Claim): void {
  const { state } = claim;
  claim.state = 'released';
  if (state === 'released') return;
  if (state === 'waiting') {
    holder.waitingCount--;
    // Else a holder that never gets a slot would collect its released claims.
    if (holder.waitingCount === 0) holder.waiting = null;
    return;
  }
  slots.taken--;
  holder.held--;
  if (holder.held < slots.perHolder) return grantOwn(slots, holder);
  slots.free++;
  grantShared(slots);
}

/** Grants the holder its own slots, after one of them has become free. */
function grantOwn(slots: SlotsState, holder: Holder): void {
  if (holder.isGrantingOwn) return;
  holder.isGrantingOwn = true;
  while (holder.waitingCount > 0 && holder.held < slots.perHolder) grantNext(slots, holder);
  holder.isGrantingOwn = false;
}

/** Grants the free shared slots to the holders that wait, one slot each in turn. */
function grantShared(slots: SlotsState): void {
  if (slots.isGrantingShared) return;
  slots.isGrantingShared = true;
  while (slots.free > 0) {
    const holder = slots.waitingHolders.shift();
    if (holder === undefined) break;
    holder.isQueued = false;
    grantNext(slots, holder);
  }
  slots.isGrantingShared = false;
}

/** Grants a slot to a holder that may have one, if it has a claim that waits. */
function grantNext(slots: SlotsState, holder: Holder): void {
  const claim = holder.waitingCount > 0 ? nextOf(holder) : undefined;
  if (claim === undefined) return;
  occupy(slots, holder, claim);
  holder.waitingCount--;
  enqueue(slots, holder);
  claim.granted(claim.release);
}

function nextOf({ waiting }: Holder): Claim | undefined {
  for (let claim = waiting?.shift(); claim !== undefined; claim = waiting?.shift()) {
    if (claim.state === 'waiting') return claim;
  }
  return undefined;
}
