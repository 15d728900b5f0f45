/** Listings of the disk store: the files below the root in the order of their names, a page at a time. */
import type { Stats } from 'node:fs';
import { explainBadFilename } from '../../files/protocol/filename.ts';
import type { FileInfo, Listing, ListOptions, Outcome } from '../contract.ts';
import { LISTING_BOUNDS, type ListingBounds } from '../listing/bounds.ts';
import { createListingCache, type ListingCache, type Slice } from '../listing/listing-cache.ts';
import { firstAfter, fromBytes, isWellFormed, toBytes } from '../listing/name-bytes.ts';
import { err, ok } from '../outcome.ts';
import { createSemaphore, yieldTurn } from '../semaphore.ts';
import type { Task } from '../task.ts';
import { type Disk, type DiskListings, fileInfo } from './disk.ts';

/** Listings that walk at once. The others take turns. */
const WALKS_MAX = 8;
/** A listing that waits for the disk for longer than this gives up its place, up to a number of listings. */
const WALK_OVERTIME = { afterMs: 500, overdueMax: 16 };
/** Runs of files whose stats are read at once, for all listings. */
const LOOKS_MAX = 2;
/** Files whose stats are read in one turn of the event loop. It also bounds what waits in the thread pool. */
const RUN_FILES = 64;
/** Folders that a listing enters, and missing files it finds, before it lets other listings run. */
const EFFORT_MAX = 4096;
/**
 * Keys that a listing holds of the folders it is in, except the innermost. Beyond this it asks for them
 * again.
 */
const PENDING_KEYS_MAX = 16_384;

/** A listing under way. Names are strings of their bytes: see `listing/name-bytes.ts`. */
interface Walk {
  readonly files: FileInfo[];
  readonly filesMax: number;
  readonly prefix: string;
  /** The last name of the page before. */
  readonly after: string | undefined;
  readonly askedAt: number;
  readonly signal: AbortSignal | undefined;
  /** The position: every name before it is done. */
  at: string;
  effort: number;
  /** When the names that were shown of each open folder were read. */
  readonly readAt: Map<string, number>;
  pendingKeys: number;
}

/**
 * Why a walk stopped: it has all files or enough of them, others shall run, or a large folder has to be read.
 */
type WalkEnd = 'all' | 'enough' | 'turn' | { readonly folder: string; readonly from: string };

export function createDiskListings(
  { io, directories }: Pick<Disk, 'io' | 'directories'>,
  bounds: ListingBounds = LISTING_BOUNDS,
): DiskListings {
  const cache: ListingCache = createListingCache(io, directories, bounds);
  const walks = createSemaphore(WALKS_MAX, WALK_OVERTIME);
  const lookups = createSemaphore(LOOKS_MAX, WALK_OVERTIME);
  let isStopped = false;

  function* list(options: ListOptions): Task<Outcome<Listing>> {
    const listing = yield* listOnce(options);
    const isEmpty = listing.ok && listing.value.files.length === 0;
    return isEmpty && (yield* directories.reopenRoot()) ? yield* listOnce(options) : listing;
  }

  function* listOnce({ prefix = '', after, limit, signal }: ListOptions): Task<Outcome<Listing>> {
    if (!isWellFormed(prefix)) return ok({ files: [] });
    const walk: Walk = {
      files: [],
      // One more file than wanted shows whether there is a next page.
      filesMax: limit + 1,
      prefix: toBytes(prefix),
      after: after === undefined ? undefined : toBytes(after),
      askedAt: performance.now(),
      signal,
      at: toBytes(prefix),
      effort: 0,
      readAt: new Map(),
      pendingKeys: 0,
    };
    if (walk.after !== undefined && firstAfter(walk.after) > walk.at) walk.at = firstAfter(walk.after);
    for (;;) {
      const end = yield* walks.run(resumeWalk(walk));
      if (isCancelled(walk)) return err('shutting-down');
      const { files } = walk;
      if (end === 'all' && files.length <= limit) return ok({ files });
      const page = files.slice(0, limit);
      const last = page.at(-1);
      if (last !== undefined) return ok({ files: page, next: last.name });
      if (typeof end === 'object') yield* cache.waitUntilRead(end.folder, end.from, signal);
    }
  }

  const isCancelled = ({ signal }: Walk): boolean => isStopped || signal?.aborted === true;

  function* resumeWalk(walk: Walk): Task<WalkEnd> {
    walk.effort = 0;
    walk.pendingKeys = 0;
    return isCancelled(walk) ? 'turn' : yield* collect(walk, '', '');
  }

  /** @param base the folder's name in bytes, with a slash at the end; '' for the root. */
  function* collect(walk: Walk, folder: string, base: string): Task<WalkEnd> {
    for (;;) {
      if (!mayMatch(walk, walk.at)) return 'all';
      const rest = walk.at.startsWith(base) ? walk.at.slice(base.length) : '';
      const slash = rest.indexOf('/');
      // The position is in a folder below. It may come from a cursor, so this folder need not have been read.
      if (slash >= 0) {
        const key = rest.slice(0, slash + 1);
        if (walk.readAt.has(folder)) cache.noteShown(folder, key);
        const end = yield* descend(walk, base + key);
        if (end !== 'all') return end;
        continue;
      }
      const shown = shownIn(walk, base);
      const readAt = walk.readAt.get(folder);
      const slice = yield* cache.slice(folder, { from: rest, shown, readAt }, walk.askedAt);
      if (slice === undefined) return { folder, from: rest };
      walk.readAt.set(folder, slice.readAt);
      const end = yield* collectSlice(walk, folder, base, slice);
      if (end === 'again') continue;
      if (end !== 'all') return end;
      if (slice.next === undefined || !mayMatch(walk, walk.at)) {
        walk.readAt.delete(folder);
        return 'all';
      }
      walk.at = base + slice.next;
    }
  }

  /** @returns `again` when the caller has to ask for the rest of the slice again. */
  function* collectSlice(
    walk: Walk,
    folder: string,
    base: string,
    { keys, at: first }: Slice,
  ): Task<WalkEnd | 'again'> {
    let i = first;
    while (i < keys.length) {
      if (isCancelled(walk) || walk.effort >= EFFORT_MAX) return 'turn';
      if (!mayMatch(walk, base + keys[i]!)) {
        walk.at = base + keys[i]!;
        return 'all';
      }
      cache.noteShown(folder, keys[i]!);
      if (keys[i]!.endsWith('/')) {
        const rest = keys.length - i;
        walk.pendingKeys += rest;
        const end = yield* descend(walk, base + keys[i]!);
        walk.pendingKeys -= rest;
        if (end !== 'all') return end;
        if (walk.pendingKeys + rest > PENDING_KEYS_MAX) return 'again';
        i += 1;
        continue;
      }
      const names: string[] = [];
      const namesMax = Math.min(RUN_FILES, walk.filesMax - walk.files.length);
      for (; i < keys.length && names.length < namesMax; i++) {
        const key = keys[i]!;
        if (key.endsWith('/') || !mayMatch(walk, base + key)) break;
        names.push(key);
      }
      const last = names.at(-1)!;
      yield* lookups.run(addFiles(walk, folder, names));
      cache.noteShown(folder, last);
      walk.at = firstAfter(base + last);
      if (walk.files.length >= walk.filesMax) return 'enough';
      if (names.length === RUN_FILES) yield* yieldTurn();
    }
    return 'all';
  }

  /** @param base the folder's name in bytes, with a slash at the end. */
  function* descend(walk: Walk, base: string): Task<WalkEnd> {
    const folder = fromBytes(base.slice(0, -1));
    walk.effort += 1;
    // The folder may come from a cursor, which can be any text.
    if (folder !== undefined && explainBadFilename(folder) === null) {
      if (walk.at < base) walk.at = base;
      const end = yield* collect(walk, folder, base);
      if (end !== 'all') return end;
    }
    // The first name after everything in the folder: `0` comes after `/`.
    walk.at = `${base.slice(0, -1)}0`;
    return 'all';
  }

  /** Adds the regular files among these names of one folder. */
  function* addFiles(walk: Walk, folder: string, keys: readonly string[]): Task<void> {
    const entered = yield* directories.enter(folder);
    if (!entered.ok) return;
    const names = keys.map((key) => fromBytes(key) ?? '');
    let found: (Stats | undefined)[];
    try {
      found = yield* io.lstatAll(names.map((name) => directories.at(entered.value, name)));
    } finally {
      directories.leave(entered.value);
    }
    for (const [i, name] of names.entries()) {
      const stats = found[i];
      if (stats?.isFile()) walk.files.push(fileInfo(folder === '' ? name : `${folder}/${name}`, stats));
      else walk.effort += 1;
    }
  }

  return {
    list,
    get bytes() {
      return cache.bytes;
    },
    noteAdded: cache.noteAdded,
    stop() {
      isStopped = true;
      cache.stop();
    },
    close: cache.close,
  };
}

/** Whether this name, or one after it, can match the prefix. */
const mayMatch = ({ prefix }: Walk, name: string): boolean => name < prefix || name.startsWith(prefix);

/** The last key of a folder that the page before showed. */
function shownIn({ after }: Walk, base: string): string | undefined {
  if (after === undefined || !after.startsWith(base)) return undefined;
  const key = after.slice(base.length);
  const slash = key.indexOf('/');
  return slash < 0 ? key : key.slice(0, slash + 1);
}
