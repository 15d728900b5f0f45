/**
 * A number of places that many holders share: open files, headers that are arriving.
 *
 * Each holder may always have `perHolder` places, whatever the others do. Beyond those all holders share `shared`
 * places, in turns: a place that comes free goes to the holder that has waited longest, which then waits behind the
 * others for its next one.
 *
 *   a holder wants a place        it has fewer than `perHolder`   it gets one of its own
 *                                 a shared place is free, and     it gets that
 *                                 nobody waits for one
 *                                 else                            it waits, behind those who wait
 *
 * The bound: at most `holders * perHolder + shared` places are taken. Who waits is bounded by whoever asks. A wait
 * ends when the holder itself, or another that holds a shared place, lets go of one.
 */
import { createFifo, type Fifo } from '../base/fifo.ts';

export interface Slots {
  readonly join: () => SlotHolder;
  /** Places that are taken, those of the holders' own included. */
  readonly taken: () => number;
}

export interface SlotHolder {
  /**
   * Asks for a place. `granted` is called once, when there is one; at once if there is one now. It is given, and the
   * call returns, how to let go of the place, or to want it no more; calling that again does nothing.
   */
  readonly acquire: (granted: (release: () => void) => void) => () => void;
}

interface Claim {
  state: 'waiting' | 'held' | 'released';
  readonly granted: (release: () => void) => void;
  readonly release: () => void;
}

interface Holder {
  /** Places it holds: the first `perHolder` are its own, the others shared. */
  held: number;
  /** Its claims that wait, and some that are over: those are skipped. */
  waiting: Fifo<Claim>;
  /** How many of them do wait. */
  waitingCount: number;
  /** Whether it stands among the holders that wait for a shared place. */
  isQueued: boolean;
  /** Its own places are being handed out. */
  isGrantingOwn: boolean;
}

/**
 * @param shared places that all holders share, from 0.
 * @param perHolder places that each holder has for itself, from 0. One of both must be above 0, or nobody gets any.
 * @example
 * const files = createSlots({ shared: 100, perHolder: 1 });
 * const letGo = files.join().acquire(() => open());
 */
export function createSlots({ shared, perHolder }: { shared: number; perHolder: number }): Slots {
  let free = shared;
  let taken = 0;
  /** Those with a claim that waits, each once. */
  const waitingHolders = createFifo<Holder>();
  /** Shared places are being handed out. Whoever gets one may let go of it at once, and so may thousands in a row. */
  let isGrantingShared = false;

  /** To be called only when it may have a place. */
  function occupy(holder: Holder, claim: Claim): void {
    if (holder.held >= perHolder) free--;
    holder.held++;
    taken++;
    claim.state = 'held';
  }

  /** Whoever is before it in the queue has the first right to a shared place; to its own places nobody else has. */
  const hasSlotFor = (holder: Holder) => holder.held < perHolder || (waitingHolders.length === 0 && free > 0);

  function nextOf(holder: Holder): Claim | undefined {
    for (let claim = holder.waiting.shift(); claim !== undefined; claim = holder.waiting.shift()) {
      if (claim.state === 'waiting') return claim;
    }
    return undefined;
  }

  /** Gives a holder that may have a place one, if it waits for one. */
  function grantNext(holder: Holder): void {
    const claim = holder.waitingCount > 0 ? nextOf(holder) : undefined;
    if (claim === undefined) return;
    occupy(holder, claim);
    holder.waitingCount--;
    enqueue(holder);
    claim.granted(claim.release);
  }

  /** One of its own places has come free. */
  function grantOwn(holder: Holder): void {
    if (holder.isGrantingOwn) return;
    holder.isGrantingOwn = true;
    while (holder.waitingCount > 0 && holder.held < perHolder) grantNext(holder);
    holder.isGrantingOwn = false;
  }

  /** Hands free shared places to those who wait, a place each in turn. */
  function grantShared(): void {
    if (isGrantingShared) return;
    isGrantingShared = true;
    while (free > 0) {
      const holder = waitingHolders.shift();
      if (holder === undefined) break;
      holder.isQueued = false;
      grantNext(holder);
    }
    isGrantingShared = false;
  }

  function enqueue(holder: Holder): void {
    if (holder.isQueued || holder.waitingCount === 0) return;
    holder.isQueued = true;
    waitingHolders.push(holder);
  }

  function release(holder: Holder, claim: Claim): void {
    const { state } = claim;
    claim.state = 'released';
    if (state === 'released') return;
    if (state === 'waiting') {
      holder.waitingCount--;
      // Else a holder that never gets one would collect those it wanted once.
      if (holder.waitingCount === 0) holder.waiting = createFifo();
      return;
    }
    taken--;
    holder.held--;
    if (holder.held < perHolder) return grantOwn(holder);
    free++;
    grantShared();
  }

  function claimOf(holder: Holder, granted: Claim['granted']): Claim {
    const claim: Claim = { state: 'waiting', granted, release: () => release(holder, claim) };
    return claim;
  }

  function join(): SlotHolder {
    const holder: Holder = {
      held: 0,
      waiting: createFifo(),
      waitingCount: 0,
      isQueued: false,
      isGrantingOwn: false,
    };
    return {
      acquire: (granted) => {
        const claim = claimOf(holder, granted);
        if (holder.waitingCount === 0 && hasSlotFor(holder)) {
          occupy(holder, claim);
          granted(claim.release);
        } else {
          holder.waiting.push(claim);
          holder.waitingCount++;
          enqueue(holder);
        }
        return claim.release;
      },
    };
  }

  return { join, taken: () => taken };
}
