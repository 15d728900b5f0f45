/** What exists once for all workers, and which calls of a worker it answers. */
import type { CallHandlers, Calls } from '../../base/calls.ts';

/** A worker, as the process that owns something sees it. */
export interface Seat {
  /** From 1. A worker that takes the place of a dead one has its number. */
  readonly number: number;
  /** Asks the worker. Not before it has asked something itself. */
  readonly calls: () => Calls;
}

export interface Owned {
  /** A worker has come. */
  readonly join: (seat: Seat) => OwnedSeat;
}

export interface OwnedSeat {
  /** The calls of that worker. */
  readonly handlers: CallHandlers;
  /** The worker is gone: gives back all that it held. Called once. */
  readonly left: () => void;
}
