/**
 * The walk of one listing through the tree: it collects files in the order of their names, from its position on.
 *
 * A walk stops when it has the files of a page, when a large folder has to be scanned first, or when it has
 * done so much that other listings shall run. It can be resumed at its position.
 */
import type { Stats } from 'node:fs';
import { explainBadFilename } from '../../files/protocol/filename.ts';
import type { FileInfo, ListOptions } from '../contract.ts';
import type { ListingCache, Slice } from '../listing/listing-cache.ts';
import { firstAfter, fromBytes, toBytes } from '../listing/name-bytes.ts';
import { joinName } from '../names.ts';
import { type Semaphore, yieldTurn } from '../semaphore.ts';
import type { Task } from '../task.ts';
import { type Disk, fileInfo } from './disk.ts';

/** Files whose stats are read in one turn of the event loop. It also bounds what waits in the thread pool. */
const RUN_FILES = 64;
/** Folders that a listing enters, and missing files it finds, before it lets other listings run. */
const EFFORT_MAX = 4096;
/**
 * Keys that a listing holds of the folders it is in, except the innermost. Beyond this it asks for them
 * again.
 */
const PENDING_KEYS_MAX = 16_384;

/** The state that all listings of a store share. */
export interface ListingsState {
  readonly io: Disk['io'];
  readonly directories: Disk['directories'];
  readonly cache: ListingCache;
  /** Limits the listings that walk at once. */
  readonly walks: Semaphore;
  /** Limits the runs of files whose stats are read at once. */
  readonly lookups: Semaphore;
  isStopped: boolean;
}

/** A listing under way. Names are strings of their bytes: see `listing/name-bytes.ts`. */
export interface Walk {
  readonly listings: ListingsState;
  /** The regular files found so far; at most `filesMax`. */
  readonly files: FileInfo[];
  readonly filesMax: number;
  readonly prefix: string;
  /** The last name of the page before. */
  readonly after: string | undefined;
  readonly askedAt: number;
  readonly signal: AbortSignal | undefined;
  /** The position: every name before it is done. */
  at: string;
  /**
   * The position, if it is the end of a range of cached names. Nobody has read yet whether there is a name,
   * so a folder of that name is not entered before another range shows it.
   */
  unread: string | undefined;
  /** The folders that were entered, and the missing files that were found, since the walk was resumed. */
  effort: number;
  /** When the names that were shown of each open folder were read; the depth of the tree bounds it. */
  readonly readAt: Map<string, number>;
  /** The keys that are held of the folders around the innermost. */
  pendingKeys: number;
}

/**
 * Why a walk stopped: it has all files or enough of them, others shall run, or a large folder has to be read.
 */
export type WalkEnd = 'all' | 'enough' | 'turn' | { readonly folder: string; readonly from: string };

export function beginWalk(
  listings: ListingsState,
  prefix: string,
  { after, limit, signal }: ListOptions,
): Walk {
  const walk: Walk = {
    listings,
    files: [],
    // One more file than wanted shows whether there is a next page.
    filesMax: limit + 1,
    prefix: toBytes(prefix),
    after: after === undefined ? undefined : toBytes(after),
    askedAt: performance.now(),
    signal,
    at: toBytes(prefix),
    unread: undefined,
    effort: 0,
    readAt: new Map(),
    pendingKeys: 0,
  };
  if (walk.after !== undefined && firstAfter(walk.after) > walk.at) walk.at = firstAfter(walk.after);
  return walk;
}

export const isCancelled = ({ listings, signal }: Walk): boolean =>
  listings.isStopped || signal?.aborted === true;

export function* resumeWalk(walk: Walk): Task<WalkEnd> {
  walk.effort = 0;
  walk.pendingKeys = 0;
  return isCancelled(walk) ? 'turn' : yield* collect(walk, '', '');
}

/**
 * Collects the files of a folder, and of those below it.
 *
 * @param base the folder's name in bytes, with a slash at the end; '' for the root.
 */
function* collect(walk: Walk, folder: string, base: string): Task<WalkEnd> {
  const { cache } = walk.listings;
  for (;;) {
    if (!mayMatch(walk, walk.at)) return 'all';
    const rest = walk.at.startsWith(base) ? walk.at.slice(base.length) : '';
    const slash = rest.indexOf('/');
    // The position is in a folder below. It may come from a cursor, so this folder need not have been read.
    const isUnread = walk.at === walk.unread && slash === rest.length - 1;
    if (slash >= 0 && !isUnread) {
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
    walk.unread = undefined;
    walk.readAt.set(folder, slice.readAt);
    const end = yield* collectSlice(walk, folder, base, slice);
    if (end === 'again') continue;
    if (end !== 'all') return end;
    if (slice.next === undefined || !mayMatch(walk, walk.at)) {
      walk.readAt.delete(folder);
      return 'all';
    }
    walk.at = base + slice.next;
    walk.unread = walk.at;
  }
}

/** @returns `again` when the caller has to ask for the rest of the slice again. */
function* collectSlice(
  walk: Walk,
  folder: string,
  base: string,
  { keys, at: first }: Slice,
): Task<WalkEnd | 'again'> {
  const { cache, lookups } = walk.listings;
  let i = first;
  while (i < keys.length) {
    const key = keys[i]!;
    if (isCancelled(walk) || walk.effort >= EFFORT_MAX) return 'turn';
    if (!mayMatch(walk, base + key)) {
      walk.at = base + key;
      return 'all';
    }
    cache.noteShown(folder, key);
    if (key.endsWith('/')) {
      const rest = keys.length - i;
      walk.pendingKeys += rest;
      const end = yield* descend(walk, base + key);
      walk.pendingKeys -= rest;
      if (end !== 'all') return end;
      if (walk.pendingKeys + rest > PENDING_KEYS_MAX) return 'again';
      i += 1;
      continue;
    }
    const fileKeys = nextFileKeys(walk, base, keys, i);
    const last = fileKeys.at(-1)!;
    yield* lookups.run(addFiles(walk, folder, fileKeys));
    i += fileKeys.length;
    cache.noteShown(folder, last);
    walk.at = firstAfter(base + last);
    if (walk.files.length >= walk.filesMax) return 'enough';
    if (fileKeys.length === RUN_FILES) yield* yieldTurn();
  }
  return 'all';
}

/** The keys from index `first` on, as many as are of files that match and fit into one run. */
function nextFileKeys(walk: Walk, base: string, keys: readonly string[], first: number): string[] {
  const fileKeys: string[] = [];
  const keysMax = Math.min(RUN_FILES, walk.filesMax - walk.files.length);
  for (let i = first; i < keys.length && fileKeys.length < keysMax; i++) {
    const key = keys[i]!;
    if (key.endsWith('/') || !mayMatch(walk, base + key)) break;
    fileKeys.push(key);
  }
  return fileKeys;
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
  const { io, directories } = walk.listings;
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
    if (stats?.isFile()) walk.files.push(fileInfo(joinName(folder, name), stats));
    else walk.effort += 1;
  }
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
