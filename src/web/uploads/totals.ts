/** What the list says of all files together. */
import { type Entry, isOver, isRunning, isUnsaved, type Status } from './entry.ts';

export interface Totals {
  readonly files: number;
  readonly stored: number;
  readonly failed: number;
  /** Bytes of those that are stored, are to be stored, or have failed: of all but what was skipped or cancelled. */
  readonly bytes: number;
  /** Bytes of these that the server has for good. */
  readonly durable: number;
  /** Bytes a second of all that are under way. */
  readonly rate: number;
  /** Seconds until the server has all, as things go; null while nobody knows. */
  readonly left: number | null;
  /** Files that wait or are under way. */
  readonly open: number;
  /** Files of which a leaving reader would lose something. */
  readonly unsaved: number;
  /** Files of which a cancel would have the server drop what it has. */
  readonly partly: number;
  readonly by: Readonly<Partial<Record<Status, number>>>;
}

export function totalsOf(entries: readonly Entry[]): Totals {
  const by: Partial<Record<Status, number>> = {};
  let [bytes, durable, rate, ahead, unsaved, open, partly] = [0, 0, 0, 0, 0, 0, 0];
  for (const entry of entries) {
    const { status } = entry;
    by[status] = (by[status] ?? 0) + 1;
    if (isUnsaved(entry)) unsaved++;
    if (!isOver(entry) && status !== 'elsewhere' && entry.durable > 0) partly++;
    if (status === 'waiting' || isRunning(entry)) {
      open++;
      ahead += entry.size - entry.durable;
    }
    if (isOver(entry) && status !== 'stored') continue;
    bytes += entry.size;
    durable += entry.durable;
    rate += entry.rate;
  }
  const left = rate > 0 && ahead > 0 ? ahead / rate : null;
  const { stored = 0, failed = 0 } = by;
  return { files: entries.length, stored, failed, bytes, durable, rate, left, open, unsaved, partly, by };
}

/** Seconds until an entry is sent, as things go; null while nobody knows. */
export const timeLeft = ({ size, sent, rate, status }: Entry): number | null =>
  status === 'sending' && rate > 0 ? (size - sent) / rate : null;

/** Whether all is stored but what is not to be, and something is. */
export const isAllStored = ({ files, stored, by }: Totals): boolean =>
  stored > 0 && stored + (by.skipped ?? 0) + (by.cancelled ?? 0) === files;

/** The share that the server has for good, from 0 to 100, rounded down: 100 is said only when all is stored. */
export const percentOf = (totals: Totals): number => {
  if (isAllStored(totals)) return 100;
  const { bytes, durable } = totals;
  return bytes === 0 ? 0 : Math.min(99, Math.floor((100 * durable) / bytes));
};
