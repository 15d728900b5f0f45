/**
 * The sorted names of folders, for many clients that list them page by page.
 *
 * A small folder is read at each request. A large one is scanned once for all requests that wait for it, at
 * whatever positions; the result is cached, within bounds over all folders, for the pages that follow.
 */
import type { Stats } from 'node:fs';
import { explainBadFilename } from '../../files/protocol/filename.ts';
import type { Directories } from '../disk/directories.ts';
import type { DiskIo } from '../disk/disk-io.ts';
import { folderOf, joinName, lastSegmentOf } from '../names.ts';
import { createSemaphore, yieldTurn } from '../semaphore.ts';
import { run, type Task, wait } from '../task.ts';
import type { ListingBounds } from './bounds.ts';
import { fromBytes, toBytes } from './name-bytes.ts';
import { createNameSelection, type NameSelection } from './name-selection.ts';
import { onAbort } from './on-abort.ts';
import { readFolder } from './read-folder.ts';
import {
  bytesOfRanges,
  createScannedRanges,
  type FolderScan,
  isSameFolder,
  type ListingPosition,
  mayContinue,
  type ScannedRange,
  type ScannedRanges,
} from './scanned-ranges.ts';
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

/** Milliseconds for which a folder must be unchanged before its times are reliable. */
const STABLE_MS = 100;
/** Reads of the disk at once, for all folders. The pool has four threads, and other work needs it too. */
const READS_MAX = 2;
/** A read that takes longer than this gives up its place, up to a number of reads. */
const READ_OVERTIME = { afterMs: 100, overdueMax: 1 };

/** A request that waits for the scan of a large folder. */
interface Waiter {
  readonly from: string;
  readonly callback: (error: Error | null) => void;
}

/** A small folder that is being read for a request. */
interface SmallRead {
  readonly folder: string;
  readonly found: string[];
  /** Whether so many names were added meanwhile that it is not small any more. */
  hasGrown: boolean;
}

interface FolderState {
  readonly ranges: ScannedRanges;
  readonly waiters: Set<Waiter>;
  /** Whether the folder is known to be too large to be read for a single request. */
  isLarge: boolean;
  /** Whether `scanWhileAwaited` runs for it. */
  isBeingRead: boolean;
  /** The names that the current scan collects. */
  selection: NameSelection | undefined;
}

export function createListingCache(
  io: DiskIo,
  directories: Directories,
  bounds: ListingBounds,
): ListingCache {
  const folders = new Map<string, FolderState>();
  const diskReads = createSemaphore(READS_MAX, READ_OVERTIME);
  const scans = createSemaphore(bounds.scansMax);
  const selections = new Set<NameSelection>();
  /** The listings under way bound it. */
  const smallReads = new Set<SmallRead>();
  const smallNamesMax = bounds.smallBatchesMax * bounds.batchEntries;
  let isStopped = false;
  let scansRunning = 0;
  let onIdle = () => {};
  let timer: NodeJS.Timeout | undefined;

  const allRanges = (): ScannedRange[] => [...folders.values()].flatMap((state) => state.ranges.all);
  const bytes = (): number => {
    let sum = 0;
    for (const state of folders.values()) sum += bytesOfRanges(state.ranges.all);
    for (const selection of selections) sum += selection.bytes;
    return sum;
  };

  function stateOf(folder: string): FolderState {
    const known = folders.get(folder);
    if (known !== undefined) return known;
    const state: FolderState = {
      ranges: createScannedRanges(),
      waiters: new Set(),
      isLarge: false,
      isBeingRead: false,
      selection: undefined,
    };
    folders.set(folder, state);
    return state;
  }

  function dropRanges(isStale: (range: ScannedRange) => boolean): void {
    for (const [folder, state] of folders) {
      for (const range of state.ranges.all) if (isStale(range)) state.ranges.drop(range);
      if (!state.isBeingRead && state.ranges.all.length === 0) folders.delete(folder);
    }
  }

  /** Keeps the names of a scan within its share of the memory. */
  const fitScans = (selection: NameSelection): void =>
    selection.fitInto(Math.min(bounds.scanBytesMax, bounds.bytesMax) / selections.size);

  /**
   * Evicts the least recently used ranges until the bounds hold. It spares the last one, since a request may
   * have waited for it, unless that one alone exceeds the bounds.
   */
  function evictToBounds(): void {
    let excess = bytes() - bounds.bytesMax;
    const byLastUse = allRanges();
    if (excess <= 0 && byLastUse.length <= bounds.rangesMax) return;
    byLastUse.sort((a, b) => a.usedAt - b.usedAt);
    for (let left = byLastUse.length; left > 0 && (left > bounds.rangesMax || excess > 0); left--) {
      const oldest = byLastUse[byLastUse.length - left]!;
      if (left === 1 && oldest.names.bytes <= bounds.bytesMax) break;
      excess -= oldest.names.bytes;
      dropRanges((range) => range === oldest);
    }
  }

  function dropUnused(): void {
    const now = performance.now();
    dropRanges(({ usedAt }) => usedAt + bounds.unusedMsMax <= now);
    timer = folders.size > 0 ? setTimeout(dropUnused, bounds.unusedMsMax / 2).unref() : undefined;
  }

  function remember(folder: string, ranges: NameSelection['ranges'], scan: FolderScan): void {
    const state = stateOf(folder);
    const usedAt = performance.now();
    for (const range of ranges()) state.ranges.install({ ...range, scan, shown: undefined, usedAt });
    evictToBounds();
    timer ??= setTimeout(dropUnused, bounds.unusedMsMax / 2).unref();
  }

  /** Whether the name is one that could have been put. */
  const isListable = (folder: string, key: string): boolean => {
    const name = fromBytes(key.endsWith('/') ? key.slice(0, -1) : key);
    return name !== undefined && explainBadFilename(joinName(folder, name)) === null;
  };

  function* slice(folder: string, position: ListingPosition, askedAt: number): Task<Slice | undefined> {
    const entered = yield* directories.enter(folder);
    // A folder that was removed meanwhile, or replaced by a link, has no files.
    if (!entered.ok) return { keys: [], at: 0, next: undefined, readAt: askedAt };
    try {
      const stats = io.fs.fstatSync(entered.value.fd);
      const state = folders.get(folder);
      if (state !== undefined) {
        for (const { scan } of state.ranges.all)
          if (!isSameFolder(scan.stats, stats)) dropRanges((range) => range.scan === scan);
        const range = state.ranges.rangeAt(position.from);
        if (range !== undefined && mayContinue(range, state.ranges, position, askedAt, stats, bounds)) {
          range.usedAt = performance.now();
          const { names, at, next } = range.names.run(position.from);
          // The unpacked names take memory, too.
          evictToBounds();
          return { keys: names, at, next: next ?? range.to, readAt: range.scan.startedAt };
        }
        if (state.isLarge) return undefined;
      }
      return yield* readSmall(folder, directories.at(entered.value, '.'), position, stats);
    } finally {
      directories.leave(entered.value);
    }
  }

  /** Reads a folder for one request, if it is small enough. */
  function* readSmall(
    folder: string,
    path: string,
    position: ListingPosition,
    stats: Stats,
  ): Task<Slice | undefined> {
    const scan = startScan(stats);
    const found: string[] = [];
    const small: SmallRead = { folder, found, hasGrown: false };
    smallReads.add(small);
    let left = bounds.smallBatchesMax;
    try {
      const isAll = yield* readFolder(io, path, bounds.batchEntries, diskReads, (keys) => {
        for (const key of keys) if (isListable(folder, key)) found.push(key);
        left -= 1;
        return left > 0;
      });
      if (!isAll || small.hasGrown) return undefined;
    } finally {
      smallReads.delete(small);
    }
    const keys = found.sort().filter((key, i) => key !== found[i - 1]);
    if (keys.length >= bounds.cachedNamesMin && !isStopped)
      remember(
        folder,
        () => [{ from: '', to: undefined, names: createSortedNames(bounds.blockNamesMax, keys) }],
        scan(),
      );
    return { keys, at: firstFrom(keys, position.from), next: undefined, readAt: scan().startedAt };
  }

  const waitUntilRead = (folder: string, from: string, signal: AbortSignal | undefined): Task<void> =>
    wait((callback) => {
      if (isStopped || signal?.aborted === true) return callback(null);
      const state = stateOf(folder);
      state.isLarge = true;
      const finish = (error: Error | null) => {
        state.waiters.delete(waiter);
        forget?.();
        callback(error);
      };
      const waiter: Waiter = { from, callback: finish };
      const forget = signal && onAbort(signal, () => finish(null));
      state.waiters.add(waiter);
      if (!state.isBeingRead) void run(scanWhileAwaited(folder, state));
    });

  /** Never throws: the waiting requests get the error. */
  function* scanWhileAwaited(folder: string, state: FolderState): Task<void> {
    scansRunning += 1;
    state.isBeingRead = true;
    while (state.waiters.size > 0) {
      // Requests of the same turn share one scan.
      yield* yieldTurn();
      yield* scans.run(scanFor(folder, state));
    }
    state.isBeingRead = false;
    dropRanges(() => false);
    scansRunning -= 1;
    if (scansRunning === 0) onIdle();
  }

  /** Scans a folder once, for the requests that wait now. */
  function* scanFor(folder: string, state: FolderState): Task<void> {
    const positions = new Set<string>();
    const served = new Set<Waiter>();
    for (const waiter of state.waiters) {
      if (positions.size === bounds.positionsMax && !positions.has(waiter.from)) continue;
      positions.add(waiter.from);
      served.add(waiter);
    }
    if (served.size === 0) return;
    const selection = createNameSelection([...positions], bounds.blockNamesMax);
    state.selection = selection;
    selections.add(selection);
    let waiting = served;
    try {
      const scan = yield* scanInto(folder, selection, () => {
        for (const waiter of served) if (state.waiters.has(waiter)) return true;
        return false;
      });
      if (scan === undefined) return;
      selections.delete(selection);
      remember(folder, selection.ranges, scan);
      // The scan may also serve requests that came meanwhile.
      waiting = state.waiters;
    } catch (error) {
      for (const waiter of served) if (state.waiters.has(waiter)) waiter.callback(error as Error);
      waiting = new Set();
    } finally {
      selections.delete(selection);
      state.selection = undefined;
      for (const waiter of [...waiting]) if (state.waiters.has(waiter)) waiter.callback(null);
    }
  }

  /** @returns undefined when no request waits any more, or the folder does not exist. */
  function* scanInto(
    folder: string,
    selection: NameSelection,
    isAwaited: () => boolean,
  ): Task<FolderScan | undefined> {
    const entered = yield* directories.enter(folder);
    if (!entered.ok) return undefined;
    try {
      const scan = startScan(io.fs.fstatSync(entered.value.fd));
      const path = directories.at(entered.value, '.');
      const isAll = yield* readFolder(io, path, bounds.batchEntries, diskReads, (keys) => {
        for (const key of keys) if (selection.wants(key) && isListable(folder, key)) selection.add(key);
        fitScans(selection);
        evictToBounds();
        return isAwaited();
      });
      return isAll ? scan() : undefined;
    } finally {
      directories.leave(entered.value);
    }
  }

  return {
    get bytes() {
      return bytes();
    },
    slice,
    waitUntilRead,
    noteShown: (folder, key) => folders.get(folder)?.ranges.noteShown(key),
    noteAdded(name) {
      if (folders.size === 0 && smallReads.size === 0) return;
      let key = toBytes(lastSegmentOf(name));
      for (let folder = folderOf(name); ; folder = folderOf(folder)) {
        const state = folders.get(folder);
        state?.ranges.add(key);
        if (state?.selection?.wants(key)) {
          state.selection.add(key);
          fitScans(state.selection);
        }
        for (const small of smallReads) {
          if (small.folder !== folder) continue;
          if (small.found.length < 2 * smallNamesMax) small.found.push(key);
          else small.hasGrown = true;
        }
        if (folder === '') break;
        key = `${toBytes(lastSegmentOf(folder))}/`;
      }
      evictToBounds();
    },
    stop() {
      isStopped = true;
      for (const { waiters } of folders.values()) for (const waiter of [...waiters]) waiter.callback(null);
    },
    *close() {
      if (scansRunning > 0) yield* wait<void>((callback) => (onIdle = () => callback(null)));
      folders.clear();
      clearTimeout(timer);
    },
  };
}

/** Notes the beginning of a scan of a folder with these stats. The returned function is called at its end. */
function startScan(stats: Stats): () => FolderScan {
  const startedAt = performance.now();
  const isStable = Math.max(stats.ctimeMs, stats.mtimeMs) < Date.now() - STABLE_MS;
  return () => ({ startedAt, tookMs: performance.now() - startedAt, stats, isStable });
}
