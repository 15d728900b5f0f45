/** The state of the listing cache: what it has cached or is reading, and how its memory stays within the bounds. */
import type { Directories } from '../disk/directories/directories.ts';
import type { DiskIo } from '../disk/disk-io.ts';
import { createSemaphore, type Semaphore } from '../semaphore.ts';
import type { ListingBounds } from './bounds.ts';
import type { NameRange, NameSelection } from './name-selection.ts';
import type { OtherNames } from './other-names.ts';
import {
  bytesOfRanges,
  createScannedRanges,
  type FolderScan,
  type ScannedRange,
  type ScannedRanges,
} from './scanned-ranges.ts';

/** Reads of the disk at once, for all folders. The pool has four threads, and other work needs it too. */
const READS_MAX = 2;
/** A read that takes longer than this gives up its place, up to a number of reads. */
const READ_OVERTIME = { afterMs: 100, overdueMax: 1 };

/** A request that waits for the scan of a large folder. */
export interface Waiter {
  readonly from: string;
  /** Ends the wait. */
  readonly callback: (error: Error | null) => void;
}

/** A small folder that is being read for a request. */
export interface SmallRead {
  readonly folder: string;
  readonly found: string[];
  /** Whether so many names were added meanwhile that it is not small any more. */
  hasGrown: boolean;
}

export interface FolderState {
  readonly ranges: ScannedRanges;
  /** The listings under way bound it. */
  readonly waiters: Set<Waiter>;
  /** Whether the folder is known to be too large to be read for a single request. */
  isLarge: boolean;
  /** Whether scans run for it, one after another, while requests wait. */
  isBeingRead: boolean;
  /** The names that the current scan collects. */
  selection: NameSelection | undefined;
  /** Until when the cached names have what other processes have added; undefined when these were not asked yet. */
  caughtUpAt: number | undefined;
}

export interface ListingState {
  readonly io: DiskIo;
  readonly directories: Directories;
  readonly bounds: ListingBounds;
  /** The names that other processes on the root publish; undefined when there are none. */
  readonly others: OtherNames | undefined;
  /** The folders with cached names or waiting requests: `rangesMax` and the listings under way bound it. */
  readonly folders: Map<string, FolderState>;
  /** Limits the batches of entries that are read at once. */
  readonly diskReads: Semaphore;
  /** Limits the large folders that are scanned at once. */
  readonly scans: Semaphore;
  /** The names that the current scans collect; `scansMax` bounds it. */
  readonly selections: Set<NameSelection>;
  /** The listings under way bound it. */
  readonly smallReads: Set<SmallRead>;
  isStopped: boolean;
  /** The number of folders that are being read. */
  foldersBeingRead: number;
  /** Called when the last of them is not read any more. */
  onIdle: () => void;
  /** Drops the unused ranges; it runs while folders are cached. */
  timer: NodeJS.Timeout | undefined;
}

export const createListingState = (
  io: DiskIo,
  directories: Directories,
  bounds: ListingBounds,
  others: OtherNames | undefined,
): ListingState => ({
  io,
  directories,
  bounds,
  others,
  folders: new Map(),
  diskReads: createSemaphore(READS_MAX, READ_OVERTIME),
  scans: createSemaphore(bounds.scansMax),
  selections: new Set(),
  smallReads: new Set(),
  isStopped: false,
  foldersBeingRead: 0,
  onIdle: () => {},
  timer: undefined,
});

/** The state of a folder; a new one is made if there is none. */
export function folderState({ folders }: ListingState, folder: string): FolderState {
  const known = folders.get(folder);
  if (known !== undefined) return known;
  const state: FolderState = {
    ranges: createScannedRanges(),
    waiters: new Set(),
    isLarge: false,
    isBeingRead: false,
    selection: undefined,
    caughtUpAt: undefined,
  };
  folders.set(folder, state);
  return state;
}

/** Caches the names that a scan has found. */
export function installRanges(
  state: ListingState,
  folder: string,
  ranges: readonly NameRange[],
  scan: FolderScan,
): void {
  const { ranges: cached } = folderState(state, folder);
  const usedAt = performance.now();
  for (const range of ranges) cached.install({ ...range, scan, shown: undefined, usedAt });
  evictToBounds(state);
  if (state.timer === undefined) startTimer(state);
}

/** Drops the ranges that the condition finds stale, and the folders of which nothing is left. */
export function dropRanges({ folders }: ListingState, isStale: (range: ScannedRange) => boolean): void {
  for (const [folder, { ranges, isBeingRead }] of folders) {
    for (const range of ranges.all) if (isStale(range)) ranges.drop(range);
    if (!isBeingRead && ranges.all.length === 0) folders.delete(folder);
  }
}

/** Bytes of memory for names that are cached or being read. */
export function bytesInUse({ folders, selections }: ListingState): number {
  let bytes = 0;
  for (const { ranges } of folders.values()) bytes += bytesOfRanges(ranges.all);
  for (const selection of selections) bytes += selection.bytes;
  return bytes;
}

/** Keeps the names of a scan within its share of the memory. */
export const fitSelection = ({ bounds, selections }: ListingState, selection: NameSelection): void =>
  selection.fitInto(Math.min(bounds.scanBytesMax, bounds.bytesMax) / selections.size);

/**
 * Evicts the least recently used ranges until the bounds hold. It spares the last one, since a request may
 * have waited for it, unless that one alone exceeds the bounds.
 */
export function evictToBounds(state: ListingState): void {
  const { bytesMax, rangesMax } = state.bounds;
  let excess = bytesInUse(state) - bytesMax;
  const byLastUse = [...state.folders.values()].flatMap(({ ranges }) => ranges.all);
  if (excess <= 0 && byLastUse.length <= rangesMax) return;
  byLastUse.sort((a, b) => a.usedAt - b.usedAt);
  for (let left = byLastUse.length; left > 0 && (left > rangesMax || excess > 0); left--) {
    const oldest = byLastUse[byLastUse.length - left]!;
    if (left === 1 && oldest.names.bytes <= bytesMax) break;
    excess -= oldest.names.bytes;
    dropRanges(state, (range) => range === oldest);
  }
}

function startTimer(state: ListingState): void {
  state.timer = setTimeout(() => dropUnused(state), state.bounds.unusedMsMax / 2).unref();
}

function dropUnused(state: ListingState): void {
  const unusedSince = performance.now() - state.bounds.unusedMsMax;
  dropRanges(state, ({ usedAt }) => usedAt <= unusedSince);
  if (state.folders.size > 0) startTimer(state);
  else state.timer = undefined;
}
