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
export interface Reading {
  readonly startedAt: number;
  readonly tookMs: number;
  /** As it was before it was read: what changes after that has another time. */
  readonly stats: Stats;
  /**
   * Whether it had been unchanged for a while by then. Its times go by the kernel's tick, and two changes in one tick
   * cannot be told apart.
   */
  readonly isSettled: boolean;
}

export interface Stretch extends NameRange {
  readonly reading: Reading;
  /** From the first to the last name that pages have shown of it; undefined when none have. */
  shown: { from: string; to: string } | undefined;
  /** When it was last of use. */
  usedAt: number;
}

/** Where a listing is in a folder, and what is known of how it came there. */
export interface Place {
  /** The first key that is wanted, or where it would be. */
  readonly from: string;
  /** The last key that was shown by the page before. */
  readonly shown?: string | undefined;
  /** When the names before these were read, which was early enough for the listing. */
  readonly readAt?: number | undefined;
}

export interface Stretches {
  /** In order; they do not overlap. */
  readonly all: readonly Stretch[];
  covering(key: string): Stretch | undefined;
  /**
   * Puts a stretch in place of what is remembered of that part, unless that was read later. Marks of what was shown
   * remain: whoever was shown it began before this stretch was read.
   */
  install(stretch: Stretch): void;
  drop(stretch: Stretch): void;
  /** Adds a key that has come, by means of this store, to the stretch it falls into. */
  add(key: string): void;
  /** Notes that a page has shown a key. */
  mark(key: string): void;
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
export function mayGoOn(
  stretch: Stretch,
  stretches: Stretches,
  place: Place,
  askedAt: number,
  stats: Stats,
  bounds: ListingBounds,
): boolean {
  const { reading } = stretch;
  if (reading.startedAt >= askedAt) return true;
  if (reading.isSettled && isUnchanged(reading.stats, stats)) return true;
  const goesOnMs = Math.max(bounds.goesOnMsMin, bounds.goesOnReadings * reading.tookMs);
  if (performance.now() - reading.startedAt > goesOnMs) return false;
  const readAt = place.readAt ?? (place.shown === undefined ? undefined : shownAt(stretches, place.shown));
  return readAt !== undefined && reading.startedAt >= readAt;
}

/** When the names around a key were read, if pages have shown it and could have said that there is more. */
function shownAt(stretches: Stretches, key: string): number | undefined {
  const stretch = stretches.covering(key);
  if (stretch?.shown === undefined || key < stretch.shown.from || key > stretch.shown.to) return undefined;
  if (!stretch.names.has(key)) return undefined;
  const { names, at, next } = stretch.names.run(key);
  const isLast = at === names.length - 1 && next === undefined && stretch.to === undefined;
  return isLast ? undefined : stretch.reading.startedAt;
}

export function stretches(): Stretches {
  let all: Stretch[] = [];

  function covering(key: string): Stretch | undefined {
    const stretch = all[lastNotAfter(key, all.length, (i) => all[i]!.from)];
    return stretch !== undefined && isWithin(key, stretch) ? stretch : undefined;
  }

  return {
    get all() {
      return all;
    },
    covering,
    install(stretch) {
      const isOld = (old: Stretch) => old.reading.startedAt > stretch.reading.startedAt;
      if (all.some((old) => isOld(old) && !areApart(old, stretch))) return;
      for (const old of all) inheritMarks(stretch, old);
      all = [...all.flatMap((old) => without(old, stretch)), stretch].sort((a, b) =>
        a.from < b.from ? -1 : 1,
      );
    },
    drop(stretch) {
      all = all.filter((each) => each !== stretch);
    },
    add: (key) => covering(key)?.names.add(key),
    mark(key) {
      const stretch = covering(key);
      if (stretch === undefined) return;
      const { from, to } = stretch.shown ?? { from: key, to: key };
      stretch.shown = { from: key < from ? key : from, to: key > to ? key : to };
    },
  };
}

const areApart = (a: NameRange, b: NameRange): boolean =>
  (a.to !== undefined && a.to <= b.from) || (b.to !== undefined && b.to <= a.from);

const isWithin = (key: string, { from, to }: NameRange): boolean =>
  from <= key && (to === undefined || key < to);

function inheritMarks(stretch: Stretch, { shown }: Stretch): void {
  if (shown === undefined || shown.to < stretch.from) return;
  if (stretch.to !== undefined && shown.from >= stretch.to) return;
  const { from, to } = stretch.shown ?? shown;
  stretch.shown = { from: shown.from < from ? shown.from : from, to: shown.to > to ? shown.to : to };
}

/** What is left of a stretch, on both sides of another. */
function without(old: Stretch, taken: NameRange): Stretch[] {
  if (areApart(old, taken)) return [old];
  const left: Stretch[] = [];
  const behind =
    taken.to === undefined || (old.to !== undefined && old.to <= taken.to) ? undefined : taken.to;
  const right = behind === undefined ? undefined : old.names.cut(behind);
  if (old.from < taken.from) {
    old.names.cut(taken.from);
    left.push({ ...old, to: taken.from });
  }
  if (behind !== undefined && right !== undefined) left.push({ ...old, from: behind, names: right });
  return left;
}

/** Bytes that stretches take. */
export const bytesOf = (all: readonly { readonly names: SortedNames }[]): number =>
  all.reduce((sum, { names }) => sum + names.bytes, 0);
