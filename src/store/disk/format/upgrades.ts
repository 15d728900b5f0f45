/** The formats of the store's own files, as the upgrades that lead from each to the next. */
import type { Task } from '../../task.ts';
import type { FormatPlace } from './format-file.ts';

/**
 * Brings the files of `.sluice` from one format to the next.
 *
 * No other store is open on the root meanwhile. A crash may end an upgrade after any of its operations, and
 * then it runs again from its beginning, so it must take what it finds done as done. What it has changed is
 * synced when it returns, if the place is durable. It leaves alone `.sluice/format`, and the places and names
 * of the staging folders, `.sluice/tmp/<owner>`: by them programs of every format know of each other.
 */
export type FormatUpgrade = (place: FormatPlace) => Task<void>;

export interface FormatRules {
  /** The upgrade from format 1 to 2, from 2 to 3, and so on. The format of this program is that behind the last. */
  readonly upgrades: readonly FormatUpgrade[];
  /** Milliseconds for which an upgrade waits until no other store is open on the root. */
  readonly inUseWaitMs: number;
}

/** Those of this program. Format 1 is the first: `tmp`, `parts` and `sums` as their files describe them. */
export const FORMAT_RULES: FormatRules = { upgrades: [], inUseWaitMs: 10_000 };

/** The format that a program with these rules writes. */
export const formatOf = ({ upgrades }: FormatRules): number => upgrades.length + 1;
