/**
 * Names that other processes publish in folders whose names are cached here, where several processes share a root. A page
 * may go on with names that were read before the folder changed; so it first learns what others have added since.
 */
import type { Stats } from 'node:fs';
import type { Task } from '../task.ts';
import type { ListingBounds } from './bounds.ts';
import type { FolderState, ListingState } from './listing-state.ts';
import { type ListingPosition, mayContinue } from './scanned-ranges.ts';

/** No page goes on with what was read before the folder changed. */
const NEVER_GO_ON = { continueMsMin: 0, continueScanTimes: 0 };

/**
 * Says by which bounds a page may go on with the cached names of a folder, once these have what others have added.
 *
 * @param add adds the name of a file to the cached names of its folders.
 */
export function* boundsForPage(
  { bounds, others }: ListingState,
  { folder, known }: { readonly folder: string; readonly known: FolderState },
  position: ListingPosition,
  askedAt: number,
  stats: Stats,
  add: (name: string) => void,
): Task<ListingBounds> {
  const { ranges } = known;
  const range = ranges.rangeAt(position.from);
  if (others === undefined || range === undefined) return bounds;
  const strict = { ...bounds, ...NEVER_GO_ON };
  const goesOn = (by: ListingBounds) => mayContinue(range, ranges, position, askedAt, stats, by);
  if (goesOn(strict) || !goesOn(bounds)) return bounds;
  // What comes during a scan is added to what it finds, so names are missing from the first scan on at the most.
  const since = known.caughtUpAt ?? Math.min(...ranges.all.map(({ scan }) => scan.startedAt));
  const now = performance.now();
  const names = yield* others.since(folder, since);
  if (names === undefined) return strict;
  for (const name of names) add(name);
  known.caughtUpAt = now;
  return bounds;
}
