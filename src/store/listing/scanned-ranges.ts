/**
 * The cached names of one folder: ranges, each with the names that one scan found.
 *
 * A range contains every name in its part of the folder that existed throughout its scan. Whether a request may use it
 * is decided each time (`mayContinue`), by this law: *a listing shows every name that exists from its beginning to its
 * end, once.* So a range serves
 *
 * - a request that was made before the scan began;
 * - a request that is made while the folder is unchanged since the scan, which its own times show;
 * - the next page of a listing that this range, or one scanned before it, could serve: the page before ended at a name
 *   that the range has shown. The listing may use the range although the folder has changed since, because the listing
 *   began before the change.
 */
import type { Stats } from 'node:fs';
import type { ListingBounds } from './bounds.ts';
import type { NameRange } from './name-selection.ts';
import { lastNotAfter, type SortedNames } from './sorted-names.ts';

/** A scan of a folder: when it ran, and the folder's stats. Times are those of `performance.now`. */
export interface FolderScan {
  readonly startedAt: number;
  readonly tookMs: number;
  /** The stats before the scan: a later change sets another time. */
  readonly stats: Stats;
  /**
   * Whether the folder had been unchanged for a while by then. Its times follow the kernel's tick, and two
   * changes in one tick look the same.
   */
  readonly isStable: boolean;
}

/** Milliseconds for which a folder must be unchanged before its times are reliable. */
const STABLE_MS = 100;

/** Notes the beginning of a scan of a folder with these stats. The returned function is called at its end. */
export function startScan(stats: Stats): () => FolderScan {
  const startedAt = performance.now();
  const isStable = Math.max(stats.ctimeMs, stats.mtimeMs) < Date.now() - STABLE_MS;
  return () => ({ startedAt, tookMs: performance.now() - startedAt, stats, isStable });
}

export interface ScannedRange extends NameRange {
  readonly scan: FolderScan;
  /** The first and the last name of it that pages have shown; undefined when they have shown none. */
  shown: { from: string; to: string } | undefined;
  /** When it was last used. */
  usedAt: number;
}

/** The position of a listing in a folder, and how the listing reached it. */
export interface ListingPosition {
  /** The first key that is wanted, or where it would be. */
  readonly from: string;
  /** The last key that the page before showed. */
  readonly shown?: string | undefined;
  /** When the names before these were read, which was early enough for the listing. */
  readonly readAt?: number | undefined;
}

export interface ScannedRanges {
  /** In order; they do not overlap. */
  readonly all: readonly ScannedRange[];
  rangeAt(key: string): ScannedRange | undefined;
  /**
   * Replaces the cached names of that part by this range, unless they were read later. The marks of shown
   * names stay: a listing that has shown them began before this scan.
   */
  install(range: ScannedRange): void;
  drop(range: ScannedRange): void;
  /** Adds the key of a file that this store published to the range that contains it. */
  add(key: string): void;
  /** Notes that a page has shown a key. */
  noteShown(key: string): void;
}

export const isUnchanged = (a: Stats, b: Stats): boolean =>
  isSameFolder(a, b) && a.ctimeMs === b.ctimeMs && a.mtimeMs === b.mtimeMs;

export const isSameFolder = (a: Stats, b: Stats): boolean => a.ino === b.ino && a.dev === b.dev;

/**
 * Whether a listing may continue with the names of a range at its position.
 *
 * @param askedAt when this page was asked for.
 * @param stats of the folder as it is now.
 */
export function mayContinue(
  range: ScannedRange,
  ranges: ScannedRanges,
  position: ListingPosition,
  askedAt: number,
  stats: Stats,
  bounds: ListingBounds,
): boolean {
  const { scan } = range;
  if (scan.startedAt >= askedAt) return true;
  if (scan.isStable && isUnchanged(scan.stats, stats)) return true;
  const continueMs = Math.max(bounds.continueMsMin, bounds.continueScanTimes * scan.tookMs);
  if (performance.now() - scan.startedAt > continueMs) return false;
  const readAt =
    position.readAt ?? (position.shown === undefined ? undefined : shownReadAt(ranges, position.shown));
  return readAt !== undefined && scan.startedAt >= readAt;
}

/** When the names around a key were read, if pages have shown the key and there were names after it. */
function shownReadAt(ranges: ScannedRanges, key: string): number | undefined {
  const range = ranges.rangeAt(key);
  if (range?.shown === undefined || key < range.shown.from || key > range.shown.to) return undefined;
  if (!range.names.has(key)) return undefined;
  const { names, at, next } = range.names.run(key);
  const isLast = at === names.length - 1 && next === undefined && range.to === undefined;
  return isLast ? undefined : range.scan.startedAt;
}

export function createScannedRanges(): ScannedRanges {
  let all: ScannedRange[] = [];

  function rangeAt(key: string): ScannedRange | undefined {
    const range = all[lastNotAfter(key, all.length, (i) => all[i]!.from)];
    return range !== undefined && contains(key, range) ? range : undefined;
  }

  return {
    get all() {
      return all;
    },
    rangeAt,
    install(range) {
      const isOld = (old: ScannedRange) => old.scan.startedAt > range.scan.startedAt;
      if (all.some((old) => isOld(old) && !areDisjoint(old, range))) return;
      for (const old of all) inheritMarks(range, old);
      all = [...all.flatMap((old) => subtract(old, range)), range].sort((a, b) => (a.from < b.from ? -1 : 1));
    },
    drop(range) {
      all = all.filter((each) => each !== range);
    },
    add: (key) => rangeAt(key)?.names.add(key),
    noteShown(key) {
      const range = rangeAt(key);
      if (range === undefined) return;
      const { from, to } = range.shown ?? { from: key, to: key };
      range.shown = { from: key < from ? key : from, to: key > to ? key : to };
    },
  };
}

const areDisjoint = (a: NameRange, b: NameRange): boolean =>
  (a.to !== undefined && a.to <= b.from) || (b.to !== undefined && b.to <= a.from);

const contains = (key: string, { from, to }: NameRange): boolean =>
  from <= key && (to === undefined || key < to);

function inheritMarks(range: ScannedRange, { shown }: ScannedRange): void {
  if (shown === undefined || shown.to < range.from) return;
  if (range.to !== undefined && shown.from >= range.to) return;
  const { from, to } = range.shown ?? shown;
  range.shown = { from: shown.from < from ? shown.from : from, to: shown.to > to ? shown.to : to };
}

/** The parts of a range on both sides of another. */
function subtract(old: ScannedRange, removed: NameRange): ScannedRange[] {
  if (areDisjoint(old, removed)) return [old];
  const left: ScannedRange[] = [];
  const behind =
    removed.to === undefined || (old.to !== undefined && old.to <= removed.to) ? undefined : removed.to;
  const right = behind === undefined ? undefined : old.names.cut(behind);
  if (old.from < removed.from) {
    old.names.cut(removed.from);
    left.push({ ...old, to: removed.from });
  }
  if (behind !== undefined && right !== undefined) left.push({ ...old, from: behind, names: right });
  return left;
}

/** Bytes that the ranges take. */
export const bytesOfRanges = (all: readonly { readonly names: SortedNames }[]): number =>
  all.reduce((sum, { names }) => sum + names.bytes, 0);
