/**
 * What is remembered of one folder: stretches of its names, each as one reading found them.
 *
 * A stretch holds every name in its part of the folder that was there throughout its reading. For whom that is enough
 * is decided for each request (`mayGoOn`), by this law: *a listing shows every name that exists from its beginning to
 * its end, once.* So a stretch serves
 *
 * - whoever asked before it was read;
 * - whoever asks while the folder is as it was when it was read, which its own times say;
 * - whoever goes on with a listing that this stretch, or one read before it, was good for: the page before ended at
 *   a name that it has shown. A listing goes on in it though the folder has changed since, since the listing began before
 *   that.
 */
import type { Stats } from 'node:fs';
import type { ListingBounds } from './bounds.ts';
import type { NameRange } from './name-selection.ts';
import { lastNotAfter, type SortedNames } from './sorted-names.ts';

/** When a folder was read, and what it was. Times are those of `performance.now`. */
export interface FolderScan {
  readonly startedAt: number;
  readonly tookMs: number;
  /** As it was before it was read: what changes after that has another time. */
  readonly stats: Stats;
  /**
   * Whether it had been unchanged for a while by then. Its times go by the kernel's tick, and two changes in one tick
   * cannot be told apart.
   */
  readonly isStable: boolean;
}

export interface ScannedRange extends NameRange {
  readonly scan: FolderScan;
  /** From the first to the last name that pages have shown of it; undefined when none have. */
  shown: { from: string; to: string } | undefined;
  /** When it was last of use. */
  usedAt: number;
}

/** Where a listing is in a folder, and what is known of how it came there. */
export interface ListingPosition {
  /** The first key that is wanted, or where it would be. */
  readonly from: string;
  /** The last key that was shown by the page before. */
  readonly shown?: string | undefined;
  /** When the names before these were read, which was early enough for the listing. */
  readonly readAt?: number | undefined;
}

export interface ScannedRanges {
  /** In order; they do not overlap. */
  readonly all: readonly ScannedRange[];
  rangeAt(key: string): ScannedRange | undefined;
  /**
   * Puts a stretch in place of what is remembered of that part, unless that was read later. Marks of what was shown
   * remain: whoever was shown it began before this stretch was read.
   */
  install(range: ScannedRange): void;
  drop(range: ScannedRange): void;
  /** Adds a key that has come, by means of this store, to the stretch it falls into. */
  add(key: string): void;
  /** Notes that a page has shown a key. */
  noteShown(key: string): void;
}

export const isUnchanged = (a: Stats, b: Stats): boolean =>
  isSameFolder(a, b) && a.ctimeMs === b.ctimeMs && a.mtimeMs === b.mtimeMs;

export const isSameFolder = (a: Stats, b: Stats): boolean => a.ino === b.ino && a.dev === b.dev;

/**
 * Whether a listing may be shown what a stretch has at its place.
 *
 * @param askedAt when this page was asked for.
 * @param stats the folder as it is now.
 */
export function mayContinue(
  range: ScannedRange,
  createScannedRanges: ScannedRanges,
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
    position.readAt ??
    (position.shown === undefined ? undefined : shownReadAt(createScannedRanges, position.shown));
  return readAt !== undefined && scan.startedAt >= readAt;
}

/** When the names around a key were read, if pages have shown it and could have said that there is more. */
function shownReadAt(createScannedRanges: ScannedRanges, key: string): number | undefined {
  const range = createScannedRanges.rangeAt(key);
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

/** What is left of a stretch, on both sides of another. */
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

/** Bytes that stretches take. */
export const bytesOfRanges = (all: readonly { readonly names: SortedNames }[]): number =>
  all.reduce((sum, { names }) => sum + names.bytes, 0);
