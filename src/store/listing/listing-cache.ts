/**
 * The sorted names of folders, for many clients that list them page by page.
 *
 * A small folder is read at each request. A large one is scanned once for all requests that wait for it, at
 * whatever positions; the result is cached, within bounds over all folders, for the pages that follow.
 */
import type { Stats } from 'node:fs';
import type { Directories } from '../disk/directories/directories.ts';
import type { DiskIo } from '../disk/disk-io.ts';
import { folderOf, lastSegmentOf } from '../names.ts';
import { type Task, wait } from '../task.ts';
import type { ListingBounds } from './bounds.ts';
import { boundsForPage } from './catch-up.ts';
import {
  bytesInUse,
  createListingState,
  dropRanges,
  evictToBounds,
  type FolderState,
  fitSelection,
  installRanges,
  type ListingState,
  type SmallRead,
} from './listing-state.ts';
import { toBytes } from './name-bytes.ts';
import type { OtherNames } from './other-names.ts';
import { isListable, readFolder } from './read-folder.ts';
import { waitUntilRead } from './scan-folder.ts';
import { isSameFolder, type ListingPosition, mayContinue, startScan } from './scanned-ranges.ts';
import { createSortedNames, firstFrom } from './sorted-names.ts';

/** Some of the keys of a folder, in order; `readFolder` says what a key is. */
export interface Slice {
  /** The keys from index `at` on are wanted. The array is shared and must not be changed. */
  readonly keys: readonly string[];
  readonly at: number;
  /** Where the next slice begins; undefined when this is the last. */
  readonly next: string | undefined;
  /** When the keys were read. */
  readonly readAt: number;
}

export interface ListingCache {
  /** Bytes of memory for names that are cached or being read. */
  readonly bytes: number;
  /**
   * The keys of a folder from a position on; none for a folder that does not exist.
   *
   * @param askedAt names that exist from this time on, by `performance.now`, are included.
   * @returns undefined when the folder needs a long scan: see `waitUntilRead`.
   */
  slice(folder: string, position: ListingPosition, askedAt: number): Task<Slice | undefined>;
  /**
   * Requests a scan of a large folder and waits for its end, or until the signal is aborted. The caller then
   * asks for the slice again.
   */
  waitUntilRead(folder: string, from: string, signal: AbortSignal | undefined): Task<void>;
  /** Notes that a page has shown a key, so that the next page may continue after it. */
  noteShown(folder: string, key: string): void;
  /** Notes that a file of this name was published. */
  noteAdded(name: string): void;
  /** Ends every scan. No call may follow. */
  stop(): void;
  /** Releases everything, once no scan is under way. */
  close(): Task<void>;
}

/** @param others the names that other processes on the root publish; default there are none. */
export function createListingCache(
  io: DiskIo,
  directories: Directories,
  bounds: ListingBounds,
  others?: OtherNames,
): ListingCache {
  const state = createListingState(io, directories, bounds, others);
  return {
    get bytes() {
      return bytesInUse(state);
    },
    slice: (folder, position, askedAt) => slice(state, folder, position, askedAt),
    waitUntilRead: (folder, from, signal) => waitUntilRead(state, folder, from, signal),
    noteShown: (folder, key) => state.folders.get(folder)?.ranges.noteShown(key),
    noteAdded(name) {
      others?.note(name);
      addName(state, name);
    },
    stop: () => stop(state),
    close: () => close(state),
  };
}

function* slice(
  state: ListingState,
  folder: string,
  position: ListingPosition,
  askedAt: number,
): Task<Slice | undefined> {
  const { io, directories } = state;
  const entered = yield* directories.enter(folder);
  // A folder that was removed meanwhile, or replaced by a link, has no files.
  if (!entered.ok) return { keys: [], at: 0, next: undefined, readAt: askedAt };
  try {
    const stats = io.fs.fstatSync(entered.value.fd);
    const known = state.folders.get(folder);
    if (known !== undefined) {
      const add = (name: string) => addName(state, name);
      const bounds = yield* boundsForPage(state, { folder, known }, position, askedAt, stats, add);
      const cached = cachedSlice(state, known, position, askedAt, stats, bounds);
      if (cached !== undefined) return cached;
      if (known.isLarge) return undefined;
    }
    return yield* readSmall(state, folder, directories.at(entered.value, '.'), position, stats);
  } finally {
    directories.leave(entered.value);
  }
}

/** The slice from the cached names, if the listing may continue with them. */
function cachedSlice(
  state: ListingState,
  { ranges }: FolderState,
  position: ListingPosition,
  askedAt: number,
  stats: Stats,
  bounds: ListingBounds,
): Slice | undefined {
  for (const { scan } of ranges.all)
    if (!isSameFolder(scan.stats, stats)) dropRanges(state, (range) => range.scan === scan);
  const range = ranges.rangeAt(position.from);
  if (range === undefined || !mayContinue(range, ranges, position, askedAt, stats, bounds)) return undefined;
  range.usedAt = performance.now();
  const { names, at, next } = range.names.run(position.from);
  // The unpacked names take memory, too.
  evictToBounds(state);
  return { keys: names, at, next: next ?? range.to, readAt: range.scan.startedAt };
}

/** Reads a folder for one request, if it is small enough. */
function* readSmall(
  state: ListingState,
  folder: string,
  path: string,
  position: ListingPosition,
  stats: Stats,
): Task<Slice | undefined> {
  const { io, bounds, diskReads, smallReads } = state;
  const endScan = startScan(stats);
  const found: string[] = [];
  const small: SmallRead = { folder, found, hasGrown: false };
  smallReads.add(small);
  let batchesLeft = bounds.smallBatchesMax;
  try {
    const isAll = yield* readFolder(io, path, bounds.batchEntries, diskReads, (keys) => {
      for (const key of keys) if (isListable(folder, key)) found.push(key);
      batchesLeft -= 1;
      return batchesLeft > 0;
    });
    if (!isAll || small.hasGrown) return undefined;
  } finally {
    smallReads.delete(small);
  }
  const keys = found.sort().filter((key, i) => key !== found[i - 1]);
  if (keys.length >= bounds.cachedNamesMin && !state.isStopped) {
    const names = createSortedNames(bounds.blockNamesMax, keys);
    installRanges(state, folder, [{ from: '', to: undefined, names }], endScan());
  }
  return { keys, at: firstFrom(keys, position.from), next: undefined, readAt: endScan().startedAt };
}

function addName(state: ListingState, name: string): void {
  if (state.folders.size === 0 && state.smallReads.size === 0) return;
  let key = toBytes(lastSegmentOf(name));
  for (let folder = folderOf(name); ; folder = folderOf(folder)) {
    addKey(state, folder, key);
    if (folder === '') break;
    key = `${toBytes(lastSegmentOf(folder))}/`;
  }
  evictToBounds(state);
}

/** Adds a key to all names of its folder: those that are cached and those that are being read. */
function addKey(state: ListingState, folder: string, key: string): void {
  const { bounds, folders, smallReads } = state;
  const known = folders.get(folder);
  known?.ranges.add(key);
  if (known?.selection?.wants(key)) {
    known.selection.add(key);
    fitSelection(state, known.selection);
  }
  const keysMax = 2 * bounds.smallBatchesMax * bounds.batchEntries;
  for (const small of smallReads) {
    if (small.folder !== folder) continue;
    if (small.found.length < keysMax) small.found.push(key);
    else small.hasGrown = true;
  }
}

function stop(state: ListingState): void {
  state.isStopped = true;
  for (const { waiters } of state.folders.values()) for (const waiter of [...waiters]) waiter.callback(null);
}

function* close(state: ListingState): Task<void> {
  if (state.foldersBeingRead > 0) {
    yield* wait((callback) => {
      state.onIdle = () => callback(null);
    });
  }
  state.folders.clear();
  clearTimeout(state.timer);
}
