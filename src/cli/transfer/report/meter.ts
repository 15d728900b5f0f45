/** Measures the progress and the speed of all files. Bytes that were there already count as done, not as moved. */
import { createSpeed } from '../../../client/transfers/speed.ts';
import type { Transfer } from './report.ts';

export interface Meter {
  /** A try of the file begins behind so many bytes. */
  readonly resumed: (transfer: Transfer, from: number) => void;
  /** So many bytes of the file are there. */
  readonly at: (transfer: Transfer, bytes: number) => void;
  /** The file is there. */
  readonly arrived: (transfer: Transfer) => void;
  /** The file has failed: nothing more will be done for it. */
  readonly failed: (transfer: Transfer) => void;
  /** Bytes that are there of all files, finished and unfinished. */
  readonly value: () => number;
  /** Bytes of the files that have failed. */
  readonly lost: () => number;
  /** Bytes a second over the last few seconds, including bytes that had to be moved again. */
  readonly rate: () => number;
}

/** @param now the clock, in milliseconds; for tests. */
export function createMeter(now?: () => number): Meter {
  const speed = createSpeed(now);
  /** Bytes that are there of each file that is under way. */
  const underWay = new Map<Transfer, number>();
  let value = 0;
  let lost = 0;
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
      set(transfer, 0);
      underWay.delete(transfer);
      lost += transfer.size;
    },
    value: () => value,
    lost: () => lost,
    rate: () => {
      // Without this the rate would stay as it was when bytes stop moving.
      speed.at(moved);
      return speed.rate();
    },
  };
}
