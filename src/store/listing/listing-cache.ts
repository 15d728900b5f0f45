/**
 * What is in folders, in order, for many who list them page by page.
 *
 * A small folder is read when it is asked for. A large one is read once for all who wait for it, wherever in it each of
 * them is; what was read is remembered, within bounds over all folders, for the pages that follow.
 */
import type { Stats } from 'node:fs';
import { explainBadFilename } from '../../files/protocol/filename.ts';
import type { Directories } from '../disk/directories.ts';
import type { DiskIo } from '../disk/disk-io.ts';
import { folderOf, lastOf, within } from '../names.ts';
import { semaphore, turn } from '../semaphore.ts';
import { run, type Task, wait } from '../task.ts';
import type { ListingBounds } from './bounds.ts';
import { fromBytes, toBytes } from './name-bytes.ts';
import { type NameSelection, nameSelection } from './name-selection.ts';
import { onAbort } from './on-abort.ts';
import { readFolder } from './read-folder.ts';
import { firstFrom, sortedNames } from './sorted-names.ts';
import {
  bytesOf,
  isSameFolder,
  mayGoOn,
  type Place,
  type Reading,
  type Stretch,
  type Stretches,
  stretches,
} from './stretches.ts';

/** Some of the keys of a folder, in order; see `readFolder` for what a key is. */
export interface Slice {
  /** Those from index `at` on are wanted. Shared, and not to be changed. */
  readonly keys: readonly string[];
  readonly at: number;
  /** Where to go on; undefined when these are the last. */
  readonly next: string | undefined;
  /** When they were read. */
  readonly readAt: number;
}

export interface ListingCache {
  /** Bytes of memory that the names take that are remembered, and those being read. */
  readonly bytes: number;
  /**
   * The keys of a folder from a place on; none of a folder that is not there.
   *
   * @param askedAt what was there from this time on, by `performance.now`, is among them.
   * @returns undefined when the folder has to be read for long: see `untilRead`.
   */
  slice(folder: string, place: Place, askedAt: number): Task<Slice | undefined>;
  /** Has a large folder read and waits until it was, or the signal is aborted. Then the slice is to be asked for again. */
  untilRead(folder: string, from: string, signal: AbortSignal | undefined): Task<void>;
  /** Notes that a page has shown a key, so that the next page may go on from it. */
  mark(folder: string, key: string): void;
  /** A file of that name has come. */
  added(name: string): void;
  /** Ends every reading. Nothing is to be asked any more. */
  stop(): void;
  /** Lets go of everything, once no reading is under way. */
  close(): Task<void>;
}

/** Milliseconds for which a folder must have been unchanged for its times to be trusted. */
const SETTLED_MS = 100;
/** Reads of the disk under way at once, for all folders. The pool has four threads, and others need it too. */
const READS_MAX = 2;
/** A read that takes longer than these milliseconds makes way, if no more than so many have. */
const SLOW = { afterMs: 100, most: 1 };

/** Somebody who waits for a large folder to be read. */
interface Waiter {
  readonly from: string;
  readonly back: (error: Error | null) => void;
}

/** A folder that is being read for one who asks. */
interface SmallRead {
  readonly folder: string;
  readonly found: string[];
  /** Whether so much came meanwhile that it is not small any more. */
  hasGrown: boolean;
}

interface FolderMemory {
  readonly stretches: Stretches;
  readonly waiting: Set<Waiter>;
  /** Whether it is known to be too large to be read for one who asks. */
  isLarge: boolean;
  /** Whether somebody sees to it that those who wait are served. */
  isAttended: boolean;
  /** What is being selected of it now. */
  selection: NameSelection | undefined;
}

export function listingCache(io: DiskIo, directories: Directories, bounds: ListingBounds): ListingCache {
  const folders = new Map<string, FolderMemory>();
  const turns = semaphore(READS_MAX, SLOW);
  const readings = semaphore(bounds.readingsMax);
  const selections = new Set<NameSelection>();
  /** Bounded by the listings under way. */
  const smallReads = new Set<SmallRead>();
  const smallNamesMax = bounds.smallBatchesMax * bounds.batchEntries;
  let isStopped = false;
  let underWay = 0;
  let idle = () => {};
  let timer: NodeJS.Timeout | undefined;

  const remembered = (): Stretch[] => [...folders.values()].flatMap((memory) => memory.stretches.all);
  const bytes = (): number => {
    let sum = 0;
    for (const memory of folders.values()) sum += bytesOf(memory.stretches.all);
    for (const selection of selections) sum += selection.bytes;
    return sum;
  };

  function memoryOf(folder: string): FolderMemory {
    const known = folders.get(folder);
    if (known !== undefined) return known;
    const memory: FolderMemory = {
      stretches: stretches(),
      waiting: new Set(),
      isLarge: false,
      isAttended: false,
      selection: undefined,
    };
    folders.set(folder, memory);
    return memory;
  }

  function drop(isOver: (stretch: Stretch) => boolean): void {
    for (const [folder, memory] of folders) {
      for (const stretch of memory.stretches.all) if (isOver(stretch)) memory.stretches.drop(stretch);
      if (!memory.isAttended && memory.stretches.all.length === 0) folders.delete(folder);
    }
  }

  /** Keeps what is read of a folder within its share of the memory. */
  const fitReadings = (selection: NameSelection): void =>
    selection.fitInto(Math.min(bounds.readingBytesMax, bounds.bytesMax) / selections.size);

  /**
   * Forgets what was of no use for longest, until the bounds hold; but not the last, which somebody may have waited for,
   * unless it has outgrown them by itself.
   */
  function keepWithinBounds(): void {
    let excess = bytes() - bounds.bytesMax;
    const byUse = remembered();
    if (excess <= 0 && byUse.length <= bounds.stretchesMax) return;
    byUse.sort((a, b) => a.usedAt - b.usedAt);
    for (let left = byUse.length; left > 0 && (left > bounds.stretchesMax || excess > 0); left--) {
      const oldest = byUse[byUse.length - left]!;
      if (left === 1 && oldest.names.bytes <= bounds.bytesMax) break;
      excess -= oldest.names.bytes;
      drop((stretch) => stretch === oldest);
    }
  }

  function dropUnused(): void {
    const now = performance.now();
    drop(({ usedAt }) => usedAt + bounds.unusedMsMax <= now);
    timer = folders.size > 0 ? setTimeout(dropUnused, bounds.unusedMsMax / 2).unref() : undefined;
  }

  function remember(folder: string, ranges: NameSelection['ranges'], reading: Reading): void {
    const memory = memoryOf(folder);
    const usedAt = performance.now();
    for (const range of ranges()) memory.stretches.install({ ...range, reading, shown: undefined, usedAt });
    keepWithinBounds();
    timer ??= setTimeout(dropUnused, bounds.unusedMsMax / 2).unref();
  }

  /** A check of names that come: they must be such as could have been put. */
  const isListed = (folder: string, key: string): boolean => {
    const name = fromBytes(key.endsWith('/') ? key.slice(0, -1) : key);
    return name !== undefined && explainBadFilename(within(folder, name)) === null;
  };

  function* slice(folder: string, place: Place, askedAt: number): Task<Slice | undefined> {
    const entered = yield* directories.enter(folder);
    // A folder that went away meanwhile, or was replaced by a link, has no files.
    if (!entered.ok) return { keys: [], at: 0, next: undefined, readAt: askedAt };
    try {
      const stats = io.fs.fstatSync(entered.value.fd);
      const memory = folders.get(folder);
      if (memory !== undefined) {
        for (const { reading } of memory.stretches.all)
          if (!isSameFolder(reading.stats, stats)) drop((stretch) => stretch.reading === reading);
        const stretch = memory.stretches.covering(place.from);
        if (stretch !== undefined && mayGoOn(stretch, memory.stretches, place, askedAt, stats, bounds)) {
          stretch.usedAt = performance.now();
          const { names, at, next } = stretch.names.run(place.from);
          // What was unpacked takes memory, too.
          keepWithinBounds();
          return { keys: names, at, next: next ?? stretch.to, readAt: stretch.reading.startedAt };
        }
        if (memory.isLarge) return undefined;
      }
      return yield* readSmall(folder, directories.at(entered.value, '.'), place, stats);
    } finally {
      directories.leave(entered.value);
    }
  }

  /** Reads a folder for one who asks, if it is small enough. */
  function* readSmall(folder: string, path: string, place: Place, stats: Stats): Task<Slice | undefined> {
    const reading = begun(stats);
    const found: string[] = [];
    const small: SmallRead = { folder, found, hasGrown: false };
    smallReads.add(small);
    let left = bounds.smallBatchesMax;
    try {
      const isAll = yield* readFolder(io, path, bounds.batchEntries, turns, (keys) => {
        for (const key of keys) if (isListed(folder, key)) found.push(key);
        left -= 1;
        return left > 0;
      });
      if (!isAll || small.hasGrown) return undefined;
    } finally {
      smallReads.delete(small);
    }
    const keys = found.sort().filter((key, i) => key !== found[i - 1]);
    if (keys.length >= bounds.worthNames && !isStopped)
      remember(
        folder,
        () => [{ from: '', to: undefined, names: sortedNames(bounds.blockNamesMax, keys) }],
        reading(),
      );
    return { keys, at: firstFrom(keys, place.from), next: undefined, readAt: reading().startedAt };
  }

  const untilRead = (folder: string, from: string, signal: AbortSignal | undefined): Task<void> =>
    wait((back) => {
      if (isStopped || signal?.aborted === true) return back(null);
      const memory = memoryOf(folder);
      memory.isLarge = true;
      const over = (error: Error | null) => {
        memory.waiting.delete(waiter);
        forget?.();
        back(error);
      };
      const waiter: Waiter = { from, back: over };
      const forget = signal && onAbort(signal, () => over(null));
      memory.waiting.add(waiter);
      if (!memory.isAttended) void run(readWhileAwaited(folder, memory));
    });

  /** Never throws: who waits is told. */
  function* readWhileAwaited(folder: string, memory: FolderMemory): Task<void> {
    underWay += 1;
    memory.isAttended = true;
    while (memory.waiting.size > 0) {
      // Who asks in the same turn is served by the same reading.
      yield* turn();
      yield* readings.run(readFor(folder, memory));
    }
    memory.isAttended = false;
    drop(() => false);
    underWay -= 1;
    if (underWay === 0) idle();
  }

  /** Reads a folder once, for those who wait now. */
  function* readFor(folder: string, memory: FolderMemory): Task<void> {
    const places = new Set<string>();
    const served = new Set<Waiter>();
    for (const waiter of memory.waiting) {
      if (places.size === bounds.placesMax && !places.has(waiter.from)) continue;
      places.add(waiter.from);
      served.add(waiter);
    }
    if (served.size === 0) return;
    const selection = nameSelection([...places], bounds.blockNamesMax);
    memory.selection = selection;
    selections.add(selection);
    let waiting = served;
    try {
      const reading = yield* select(folder, selection, () => {
        for (const waiter of served) if (memory.waiting.has(waiter)) return true;
        return false;
      });
      if (reading === undefined) return;
      selections.delete(selection);
      remember(folder, selection.ranges, reading);
      // What was read may do for those who came meanwhile, too.
      waiting = memory.waiting;
    } catch (error) {
      for (const waiter of served) if (memory.waiting.has(waiter)) waiter.back(error as Error);
      waiting = new Set();
    } finally {
      selections.delete(selection);
      memory.selection = undefined;
      for (const waiter of [...waiting]) if (memory.waiting.has(waiter)) waiter.back(null);
    }
  }

  /** @returns undefined when nobody waits for it any more, or the folder is not there. */
  function* select(
    folder: string,
    selection: NameSelection,
    isAwaited: () => boolean,
  ): Task<Reading | undefined> {
    const entered = yield* directories.enter(folder);
    if (!entered.ok) return undefined;
    try {
      const reading = begun(io.fs.fstatSync(entered.value.fd));
      const path = directories.at(entered.value, '.');
      const isAll = yield* readFolder(io, path, bounds.batchEntries, turns, (keys) => {
        for (const key of keys) if (selection.wants(key) && isListed(folder, key)) selection.add(key);
        fitReadings(selection);
        keepWithinBounds();
        return isAwaited();
      });
      return isAll ? reading() : undefined;
    } finally {
      directories.leave(entered.value);
    }
  }

  return {
    get bytes() {
      return bytes();
    },
    slice,
    untilRead,
    mark: (folder, key) => folders.get(folder)?.stretches.mark(key),
    added(name) {
      if (folders.size === 0 && smallReads.size === 0) return;
      let key = toBytes(lastOf(name));
      for (let folder = folderOf(name); ; folder = folderOf(folder)) {
        const memory = folders.get(folder);
        memory?.stretches.add(key);
        if (memory?.selection?.wants(key)) {
          memory.selection.add(key);
          fitReadings(memory.selection);
        }
        for (const small of smallReads) {
          if (small.folder !== folder) continue;
          if (small.found.length < 2 * smallNamesMax) small.found.push(key);
          else small.hasGrown = true;
        }
        if (folder === '') break;
        key = `${toBytes(lastOf(folder))}/`;
      }
      keepWithinBounds();
    },
    stop() {
      isStopped = true;
      for (const { waiting } of folders.values()) for (const waiter of [...waiting]) waiter.back(null);
    },
    *close() {
      if (underWay > 0) yield* wait<void>((back) => (idle = () => back(null)));
      folders.clear();
      clearTimeout(timer);
    },
  };
}

/** Notes when a folder is read that is as it is now; what is returned is called when it was. */
function begun(stats: Stats): () => Reading {
  const startedAt = performance.now();
  const isSettled = Math.max(stats.ctimeMs, stats.mtimeMs) < Date.now() - SETTLED_MS;
  return () => ({ startedAt, tookMs: performance.now() - startedAt, stats, isSettled });
}
