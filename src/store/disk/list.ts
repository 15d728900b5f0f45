/** Listings of the disk store: the files below the root in the order of their names, a page at a time. */
import type { Listing, ListOptions, Outcome } from '../contract.ts';
import { LISTING_BOUNDS, type ListingBounds } from '../listing/bounds.ts';
import { createListingCache } from '../listing/listing-cache.ts';
import { isWellFormed } from '../listing/name-bytes.ts';
import type { OtherNames } from '../listing/other-names.ts';
import { err, ok } from '../outcome.ts';
import { createSemaphore } from '../semaphore.ts';
import type { Task } from '../task.ts';
import type { Disk, DiskListings } from './disk.ts';
import { beginWalk, isCancelled, type ListingsState, resumeWalk } from './listing-walk.ts';

/** Listings that walk at once. The others take turns. */
const WALKS_MAX = 8;
/** Runs of files whose stats are read at once, for all listings. */
const LOOKUPS_MAX = 2;
/** A listing that waits for the disk for longer than this gives up its place, up to a number of listings. */
const WALK_OVERTIME = { afterMs: 500, overdueMax: 16 };

export function createDiskListings(
  { io, directories }: Pick<Disk, 'io' | 'directories'>,
  bounds: ListingBounds = LISTING_BOUNDS,
  others?: OtherNames,
): DiskListings {
  const cache = createListingCache(io, directories, bounds, others);
  const state: ListingsState = {
    io,
    directories,
    cache,
    walks: createSemaphore(WALKS_MAX, WALK_OVERTIME),
    lookups: createSemaphore(LOOKUPS_MAX, WALK_OVERTIME),
    isStopped: false,
  };
  return {
    list: (options) => list(state, options),
    get bytes() {
      return cache.bytes;
    },
    noteAdded: cache.noteAdded,
    stop() {
      state.isStopped = true;
      cache.stop();
    },
    close: cache.close,
  };
}

function* list(state: ListingsState, options: ListOptions): Task<Outcome<Listing>> {
  const listing = yield* listOnce(state, options);
  const isEmpty = listing.ok && listing.value.files.length === 0;
  return isEmpty && (yield* state.directories.reopenRoot()) ? yield* listOnce(state, options) : listing;
}

function* listOnce(state: ListingsState, options: ListOptions): Task<Outcome<Listing>> {
  const { prefix = '', limit, signal } = options;
  if (!isWellFormed(prefix)) return ok({ files: [] });
  const walk = beginWalk(state, prefix, options);
  for (;;) {
    const end = yield* state.walks.run(resumeWalk(walk));
    if (isCancelled(walk)) return err('shutting-down');
    const { files } = walk;
    if (end === 'all' && files.length <= limit) return ok({ files });
    const page = files.slice(0, limit);
    const last = page.at(-1);
    if (last !== undefined) return ok({ files: page, next: last.name });
    if (typeof end === 'object') yield* state.cache.waitUntilRead(end.folder, end.from, signal);
  }
}
