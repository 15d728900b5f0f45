/** Where a file gets its name: the one moment at which a put or a rename becomes visible. */
import type { Stats } from 'node:fs';
import type { Outcome } from '../contract.ts';
import { folderOf, lastSegmentOf } from '../names.ts';
import { err, ok, type RefusedOutcome } from '../outcome.ts';
import type { Task } from '../task.ts';
import type { Directory } from './directory.ts';
import type { Disk } from './disk.ts';
import { removeEmptyTree } from './empty-tree.ts';
import { errnoOf } from './errno.ts';

/** A file to be placed. */
export interface Publication {
  /** The path by which the system finds it now. */
  readonly from: string;
  /** What it is, when it may be that the target is the same file under two names. */
  readonly file?: Stats;
  readonly to: string;
  readonly ifAbsent: boolean | undefined;
  /** Gets the folders that had to be made for it. */
  readonly created: string[];
}

export interface Published {
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
const PUBLISH_ATTEMPTS_MAX = 5;

/**
 * Gives a file its name, atomically: over what has it already, or only if nothing has. Fails with `exists`,
 * `name-conflict` or `not-a-file`, and throws what the system throws; then nothing was placed.
 */
export function* publishFile(disk: Disk, publication: Publication): Task<Outcome<Published>> {
  const { directories } = disk;
  for (let attemptsLeft = PUBLISH_ATTEMPTS_MAX; ; attemptsLeft--) {
    let directory: Directory | undefined;
    let published: Outcome<Published> | undefined;
    try {
      const entered = yield* directories.enter(folderOf(publication.to), publication.created);
      if (!entered.ok) return entered;
      directory = entered.value;
      published = yield* publishIn(disk, directory, publication);
      return published;
    } catch (error) {
      // Its folder was removed (empty, by another's put) or a folder or file appeared under the name.
      const raced = ['ENOENT', 'EISDIR', 'EEXIST', 'ENOTEMPTY', 'ENOTDIR'].includes(errnoOf(error) ?? '');
      if (!raced || attemptsLeft === 1) throw error;
      if (directory !== undefined && errnoOf(error) === 'ENOENT') directories.forget(directory);
    } finally {
      if (directory !== undefined && published?.ok !== true) directories.leave(directory);
    }
  }
}

function* publishIn(disk: Disk, directory: Directory, publication: Publication): Task<Outcome<Published>> {
  const { io } = disk;
  const path = disk.directories.at(directory, lastSegmentOf(publication.to));
  const there = yield* io.lstat(path);
  if (there !== undefined) {
    const fault = yield* clearTarget(disk, directory, there, publication);
    if (fault !== undefined) return fault;
    // One file under two names: to the system, to rename one to the other is to do nothing.
    if (publication.file?.ino === there.ino && publication.file.dev === there.dev)
      return ok({ directory, how: 'same', replaced: there.size });
  }
  if (publication.ifAbsent === true) {
    yield* io.link(publication.from, path);
    disk.listings.noteAdded(publication.to);
    return ok({ directory, how: 'linked', replaced: 0 });
  }
  const replaced = there?.isFile() ? there.size : 0;
  yield* io.rename(publication.from, path, there?.nlink === 1 ? replaced : 0);
  disk.listings.noteAdded(publication.to);
  return ok({ directory, how: 'moved', replaced });
}

/** Why what is under the name already is in the way; undefined when it is not, or not any more. */
export function* clearTarget(
  disk: Disk,
  directory: Directory,
  there: Stats,
  { to, ifAbsent }: Pick<Publication, 'to' | 'ifAbsent'>,
): Task<RefusedOutcome | undefined> {
  if (there.isFile()) return ifAbsent === true ? err('exists') : undefined;
  if (!there.isDirectory()) return err('not-a-file');
  const removed = yield* removeEmptyTree(disk.io, disk.directories.at, directory, lastSegmentOf(to));
  return removed ? undefined : err('name-conflict', `${to} is a folder with files in it`);
}
