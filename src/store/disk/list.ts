/** Listings of the disk store: the files below the root in the order of their names, a page at a time. */
import type { Stats } from 'node:fs';
import { explainBadFilename } from '../../files/protocol/filename.ts';
import type { FileInfo, Listing, ListOptions, Outcome } from '../contract.ts';
import { LISTING_BOUNDS, type ListingBounds } from '../listing/bounds.ts';
import { type ListingCache, listingCache, type Slice } from '../listing/listing-cache.ts';
import { behind, fromBytes, isWellFormed, toBytes } from '../listing/name-bytes.ts';
import { err, ok } from '../outcome.ts';
import { semaphore, turn } from '../semaphore.ts';
import type { Task } from '../task.ts';
import { infoOf } from './file-operations.ts';
import type { Disk } from './publish-file.ts';

export interface DiskListings {
  /**
   * The files after `after` whose names start with `prefix`, in the order of their UTF-8 bytes, at most `limit`.
   *
   * Only folders that can hold such a file are read. A page is cut short where to go on would mean to wait for a large
   * folder, or to go through very many folders: so a listing that waits holds nothing.
   */
  list(options: ListOptions): Task<Outcome<Listing>>;
  /** Bytes of memory that the names take that are remembered, or being read; at most as many as the bounds say. */
  readonly bytes: number;
  /** A file of that name has come. */
  added(name: string): void;
  /** From now on every listing, also one under way, is refused. */
  stop(): void;
  /** Lets go of what was remembered, once nothing is under way any more. */
  close(): Task<void>;
}

/** Listings under way at once. However many are asked for, others have their turn in between. */
const WALKS_MAX = 8;
/** A listing that the disk keeps waiting for longer than these milliseconds makes way, if no more than so many have. */
const SLOW = { afterMs: 500, most: 16 };
/** Runs of files that are looked at together, of all listings. */
const LOOKS_MAX = 2;
/** How many files are looked at in one turn of the event loop; it bounds what waits in the thread pool, too. */
const RUN_FILES = 64;
/** Folders that a listing goes into, and names it finds gone, before it lets others have their turn. */
const EFFORT_MAX = 4096;
/** Keys that a listing keeps of the folders it is in, but for the innermost; those of others are asked for again. */
const KEPT_KEYS_MAX = 16_384;

/** A listing under way. Names are strings of their bytes here: see `listing/name-bytes.ts`. */
interface Walk {
  readonly files: FileInfo[];
  readonly enough: number;
  readonly prefix: string;
  /** The page before ended here. */
  readonly after: string | undefined;
  readonly askedAt: number;
  readonly signal: AbortSignal | undefined;
  /** Where it is: every name before this is behind it. */
  at: string;
  effort: number;
  /** Of each folder it is in: when what it was shown of it was read. */
  readonly readAt: Map<string, number>;
  keptKeys: number;
}

/** Why a walk came back: it has all there is, or enough; others shall have their turn; or a large folder is to be read. */
type Ending = 'all' | 'enough' | 'turn' | { readonly folder: string; readonly from: string };

export function diskListings(
  { io, directories }: Pick<Disk, 'io' | 'directories'>,
  bounds: ListingBounds = LISTING_BOUNDS,
): DiskListings {
  const folders: ListingCache = listingCache(io, directories, bounds);
  const entrance = semaphore(WALKS_MAX, SLOW);
  const looks = semaphore(LOOKS_MAX, SLOW);
  let isStopped = false;

  function* list(options: ListOptions): Task<Outcome<Listing>> {
    const listing = yield* listOnce(options);
    const isEmpty = listing.ok && listing.value.files.length === 0;
    return isEmpty && (yield* directories.renew()) ? yield* listOnce(options) : listing;
  }

  function* listOnce({ prefix = '', after, limit, signal }: ListOptions): Task<Outcome<Listing>> {
    if (!isWellFormed(prefix)) return ok({ files: [] });
    const walk: Walk = {
      files: [],
      // One more than wanted tells whether there is a next page.
      enough: limit + 1,
      prefix: toBytes(prefix),
      after: after === undefined ? undefined : toBytes(after),
      askedAt: performance.now(),
      signal,
      at: toBytes(prefix),
      effort: 0,
      readAt: new Map(),
      keptKeys: 0,
    };
    if (walk.after !== undefined && behind(walk.after) > walk.at) walk.at = behind(walk.after);
    for (;;) {
      const ending = yield* entrance.run(walkOn(walk));
      if (isOver(walk)) return err('shutting-down');
      const { files } = walk;
      if (ending === 'all' && files.length <= limit) return ok({ files });
      const page = files.slice(0, limit);
      const last = page.at(-1);
      if (last !== undefined) return ok({ files: page, next: last.name });
      if (typeof ending === 'object') yield* folders.untilRead(ending.folder, ending.from, signal);
    }
  }

  const isOver = ({ signal }: Walk): boolean => isStopped || signal?.aborted === true;

  function* walkOn(walk: Walk): Task<Ending> {
    walk.effort = 0;
    walk.keptKeys = 0;
    return isOver(walk) ? 'turn' : yield* collect(walk, '', '');
  }

  /** @param base the folder's name in bytes, with a slash behind; '' for the root. */
  function* collect(walk: Walk, folder: string, base: string): Task<Ending> {
    for (;;) {
      if (!mayMatch(walk, walk.at)) return 'all';
      const place = walk.at.startsWith(base) ? walk.at.slice(base.length) : '';
      const slash = place.indexOf('/');
      // It is in a folder below, of which nobody need have told it.
      if (slash >= 0) {
        const key = place.slice(0, slash + 1);
        if (walk.readAt.has(folder)) folders.mark(folder, key);
        const ending = yield* goInto(walk, base + key);
        if (ending !== 'all') return ending;
        continue;
      }
      const shown = shownIn(walk, base);
      const readAt = walk.readAt.get(folder);
      const slice = yield* folders.slice(folder, { from: place, shown, readAt }, walk.askedAt);
      if (slice === undefined) return { folder, from: place };
      walk.readAt.set(folder, slice.readAt);
      const ending = yield* collectSlice(walk, folder, base, slice);
      if (ending === 'again') continue;
      if (ending !== 'all') return ending;
      if (slice.next === undefined || !mayMatch(walk, walk.at)) {
        walk.readAt.delete(folder);
        return 'all';
      }
      walk.at = base + slice.next;
    }
  }

  /** @returns `again` when the rest of the slice is to be asked for again. */
  function* collectSlice(
    walk: Walk,
    folder: string,
    base: string,
    { keys, at: first }: Slice,
  ): Task<Ending | 'again'> {
    let i = first;
    while (i < keys.length) {
      if (isOver(walk) || walk.effort >= EFFORT_MAX) return 'turn';
      if (!mayMatch(walk, base + keys[i]!)) {
        walk.at = base + keys[i]!;
        return 'all';
      }
      folders.mark(folder, keys[i]!);
      if (keys[i]!.endsWith('/')) {
        const rest = keys.length - i;
        walk.keptKeys += rest;
        const ending = yield* goInto(walk, base + keys[i]!);
        walk.keptKeys -= rest;
        if (ending !== 'all') return ending;
        if (walk.keptKeys + rest > KEPT_KEYS_MAX) return 'again';
        i += 1;
        continue;
      }
      const names: string[] = [];
      const most = Math.min(RUN_FILES, walk.enough - walk.files.length);
      for (; i < keys.length && names.length < most; i++) {
        const key = keys[i]!;
        if (key.endsWith('/') || !mayMatch(walk, base + key)) break;
        names.push(key);
      }
      const last = names.at(-1)!;
      yield* looks.run(lookAt(walk, folder, names));
      folders.mark(folder, last);
      walk.at = behind(base + last);
      if (walk.files.length >= walk.enough) return 'enough';
      if (names.length === RUN_FILES) yield* turn();
    }
    return 'all';
  }

  /** @param base the folder's name in bytes, with a slash behind. */
  function* goInto(walk: Walk, base: string): Task<Ending> {
    const folder = fromBytes(base.slice(0, -1));
    walk.effort += 1;
    // It may come from a cursor, which can be anything.
    if (folder !== undefined && explainBadFilename(folder) === null) {
      if (walk.at < base) walk.at = base;
      const ending = yield* collect(walk, folder, base);
      if (ending !== 'all') return ending;
    }
    // The first that is behind everything in it: `0` comes after `/`.
    walk.at = `${base.slice(0, -1)}0`;
    return 'all';
  }

  /** Adds those of the names, all in one folder, that are regular files. */
  function* lookAt(walk: Walk, folder: string, keys: readonly string[]): Task<void> {
    const entered = yield* directories.enter(folder);
    if (!entered.ok) return;
    const names = keys.map((key) => fromBytes(key) ?? '');
    let found: (Stats | undefined)[];
    try {
      found = yield* io.lookAll(names.map((name) => directories.at(entered.value, name)));
    } finally {
      directories.leave(entered.value);
    }
    for (const [i, name] of names.entries()) {
      const stats = found[i];
      if (stats?.isFile()) walk.files.push(infoOf(folder === '' ? name : `${folder}/${name}`, stats));
      else walk.effort += 1;
    }
  }

  return {
    list,
    get bytes() {
      return folders.bytes;
    },
    added: folders.added,
    stop() {
      isStopped = true;
      folders.stop();
    },
    close: folders.close,
  };
}

/** Whether it or a name after it can be one that is asked for. */
const mayMatch = ({ prefix }: Walk, name: string): boolean => name < prefix || name.startsWith(prefix);

/** The last key that the page before has shown of a folder. */
function shownIn({ after }: Walk, base: string): string | undefined {
  if (after === undefined || !after.startsWith(base)) return undefined;
  const key = after.slice(base.length);
  const slash = key.indexOf('/');
  return slash < 0 ? key : key.slice(0, slash + 1);
}
