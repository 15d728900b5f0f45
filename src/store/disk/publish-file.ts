/** Where a file gets its name: the one moment at which a put or a rename becomes visible. */
import type { Stats } from 'node:fs';
import type { Outcome } from '../contract.ts';
import { folderOf, lastOf } from '../names.ts';
import { err, ok, type RefusedOutcome } from '../outcome.ts';
import type { Semaphore } from '../semaphore.ts';
import type { Task } from '../task.ts';
import type { ChecksumCache } from './checksums/checksum-cache.ts';
import type { Directories, Directory } from './directories.ts';
import type { DiskIo } from './disk-io.ts';
import { removeEmptyTree } from './empty-tree.ts';
import { errnoOf } from './errno.ts';
import type { DiskListings } from './list.ts';

/**
 * Calls that hold folders open at once, of all that are under way: each holds three descriptors at the most, besides
 * those of the file it is about. The others wait for their turn.
 */
export const CALLS_IN_FOLDERS_MAX = 32;

export interface Disk {
  readonly io: DiskIo;
  readonly directories: Directories;
  /** What all calls pass that go into folders, but for those that wait for others. */
  readonly entrance: Semaphore;
  /** Whether an answer waits for stable storage. */
  readonly durable: boolean;
  readonly sums: ChecksumCache;
  readonly listings: DiskListings;
}

/** A file to be placed. */
export interface Placing {
  /** The path by which the system finds it now. */
  readonly from: string;
  /** What it is, when it may be that the target is the same file under two names. */
  readonly file?: Stats;
  readonly to: string;
  readonly ifAbsent: boolean | undefined;
  /** Gets the folders that had to be made for it. */
  readonly made: string[];
}

export interface Placed {
  /** To be synced, and to be left. */
  readonly directory: Directory;
  /**
   * What is left under the old name: nothing when it was `moved`; else the file, to be removed there. It was `linked` to
   * the new name just now, or was the `same` file under both names before.
   */
  readonly how: 'moved' | 'linked' | 'same';
  /** Bytes of the file that had the name before. */
  readonly replaced: number;
}

/** What was looked at can change before it is acted on; so often the look is taken again. */
const tries = 5;

/**
 * Gives a file its name, atomically: over what has it already, or only if nothing has. Fails with `exists`,
 * `name-conflict` or `not-a-file`, and throws what the system throws; then nothing was placed.
 */
export function* publishFile(disk: Disk, placing: Placing): Task<Outcome<Placed>> {
  const { directories } = disk;
  for (let left = tries; ; left--) {
    let directory: Directory | undefined;
    let placed: Outcome<Placed> | undefined;
    try {
      const entered = yield* directories.enter(folderOf(placing.to), placing.made);
      if (!entered.ok) return entered;
      directory = entered.value;
      placed = yield* placeIn(disk, directory, placing);
      return placed;
    } catch (error) {
      // Its folder was removed (empty, by another's put) or a folder or file appeared under the name.
      const raced = ['ENOENT', 'EISDIR', 'EEXIST', 'ENOTEMPTY', 'ENOTDIR'].includes(errnoOf(error) ?? '');
      if (!raced || left === 1) throw error;
      if (directory !== undefined && errnoOf(error) === 'ENOENT') directories.forget(directory);
    } finally {
      if (directory !== undefined && placed?.ok !== true) directories.leave(directory);
    }
  }
}

function* placeIn(disk: Disk, directory: Directory, placing: Placing): Task<Outcome<Placed>> {
  const { io } = disk;
  const place = disk.directories.at(directory, lastOf(placing.to));
  const there = yield* io.look(place);
  if (there !== undefined) {
    const refusal = yield* obstacle(disk, directory, there, placing);
    if (refusal !== undefined) return refusal;
    // One file under two names: to the system, to rename one to the other is to do nothing.
    if (placing.file?.ino === there.ino && placing.file.dev === there.dev)
      return ok({ directory, how: 'same', replaced: there.size });
  }
  if (placing.ifAbsent === true) {
    yield* io.link(placing.from, place);
    disk.listings.added(placing.to);
    return ok({ directory, how: 'linked', replaced: 0 });
  }
  const replaced = there?.isFile() ? there.size : 0;
  yield* io.rename(placing.from, place, there?.nlink === 1 ? replaced : 0);
  disk.listings.added(placing.to);
  return ok({ directory, how: 'moved', replaced });
}

/** Why what is under the name already is in the way; undefined when it is not, or not any more. */
export function* obstacle(
  disk: Disk,
  directory: Directory,
  there: Stats,
  { to, ifAbsent }: Pick<Placing, 'to' | 'ifAbsent'>,
): Task<RefusedOutcome | undefined> {
  if (there.isFile()) return ifAbsent === true ? err('exists') : undefined;
  if (!there.isDirectory()) return err('not-a-file');
  const removed = yield* removeEmptyTree(disk.io, disk.directories.at, directory, lastOf(to));
  return removed ? undefined : err('name-conflict', `${to} is a folder with files in it`);
}
