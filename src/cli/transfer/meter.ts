/** How much of all files is done, and how fast it goes: what was there already counts as done, and not as moved. */
import { createSpeed } from '../../client/transfers/speed.ts';
import type { Transfer } from './report.ts';

export interface Meter {
  /** A try of the file begins behind so many bytes. */
  readonly resumed: (transfer: Transfer, from: number) => void;
  /** So many bytes of the file are there. */
  readonly at: (transfer: Transfer, bytes: number) => void;
  /** The file is there. */
  readonly arrived: (transfer: Transfer) => void;
  /** The file will not be there: there is no more to do about it. */
  readonly failed: (transfer: Transfer) => void;
  /** Bytes of the files that are over, and of all that are under way. */
  readonly value: () => number;
  /** Bytes a second that were moved over the last few seconds, those included that had to be moved once more. */
  readonly rate: () => number;
}

/** @param now the clock, in milliseconds; for tests. */
export function createMeter(now?: () => number): Meter {
  const speed = createSpeed(now);
  /** Bytes that are there of each file that is under way. */
  const underWay = new Map<Transfer, number>();
  let value = 0;
  let moved = 0;

  function set(transfer: Transfer, bytes: number): number {
    const before = underWay.get(transfer) ?? 0;
    underWay.set(transfer, bytes);
    value += bytes - before;
    return bytes - before;
  }

  function at(transfer: Transfer, bytes: number): void {
    moved += Math.max(0, set(transfer, bytes));
    speed.at(moved);
  }

  return {
    resumed: set,
    at,
    arrived: (transfer) => {
      at(transfer, transfer.size);
      underWay.delete(transfer);
    },
    failed: (transfer) => {
      set(transfer, transfer.size);
      underWay.delete(transfer);
    },
    value: () => value,
    rate: () => {
      // Time passes though nothing moves.
      speed.at(moved);
      return speed.rate();
    },
  };
}
