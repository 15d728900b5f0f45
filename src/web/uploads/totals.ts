/** What the list says of all files together. */
import { type Entry, isOver, isRunning, isUnsaved, type Status } from './entry.ts';

export interface Totals {
  readonly files: number;
  readonly stored: number;
  readonly failed: number;
  /** Bytes of those that are stored, are to be stored, or have failed. */
  readonly bytes: number;
  readonly sent: number;
  readonly durable: number;
  /** Bytes a second of all that are under way. */
  readonly rate: number;
  /** Seconds until all is sent, as things go; null while nobody knows. */
  readonly left: number | null;
  /** Files that wait or are under way. */
  readonly open: number;
  /** Files of which a leaving reader would lose something. */
  readonly unsaved: number;
  readonly by: Readonly<Partial<Record<Status, number>>>;
}

export function totalsOf(entries: readonly Entry[]): Totals {
  const by: Partial<Record<Status, number>> = {};
  let [bytes, sent, durable, rate, ahead, unsaved, open] = [0, 0, 0, 0, 0, 0, 0];
  for (const entry of entries) {
    const { status } = entry;
    by[status] = (by[status] ?? 0) + 1;
    if (isUnsaved(entry)) unsaved++;
    if (status === 'waiting' || isRunning(entry)) {
      open++;
      ahead += entry.size - entry.sent;
    }
    if (isOver(entry) && status !== 'stored') continue;
    bytes += entry.size;
    sent += entry.sent;
    durable += entry.durable;
    rate += entry.rate;
  }
  const left = rate > 0 && ahead > 0 ? ahead / rate : null;
  const { stored = 0, failed = 0 } = by;
  return { files: entries.length, stored, failed, bytes, sent, durable, rate, left, open, unsaved, by };
}

/** Seconds until an entry is sent, as things go; null while nobody knows. */
export const timeLeft = ({ size, sent, rate, status }: Entry): number | null =>
  status === 'sending' && rate > 0 ? (size - sent) / rate : null;

/** How far all is, from 0 to 100, rounded down: 100 is said only when all is stored. */
export const percentOf = ({ bytes, sent, open }: Totals): number =>
  open === 0 ? 100 : Math.min(99, bytes === 0 ? 0 : Math.floor((100 * sent) / bytes));
