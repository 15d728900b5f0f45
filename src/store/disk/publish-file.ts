/** Gives a file its name: the one moment at which a put or a rename becomes visible. */
import type { Stats } from 'node:fs';
import type { Outcome } from '../contract.ts';
import { folderOf, lastSegmentOf } from '../names.ts';
import { err, ok, type RefusedOutcome } from '../outcome.ts';
import type { Task } from '../task.ts';
import type { Directory } from './directories/directory.ts';
import { removeEmptyTree } from './directories/empty-tree.ts';
import type { Disk } from './disk.ts';
import { errnoOf } from './errno.ts';

/** A file to be published. */
export interface Publication {
  /** The path by which the system finds it now. */
  readonly from: string;
  /** Its stats, when the target may be the same file under another name. */
  readonly file?: Stats;
  readonly to: string;
  readonly ifAbsent: boolean | undefined;
  /** The folders that had to be made are added to it. */
  readonly created: string[];
}

export interface Published {
  /** The caller syncs it, and then calls `leave`. */
  readonly directory: Directory;
  /**
   * `moved`: nothing is left under the old name. `linked`: the file was linked to the new name, and the
   * caller removes the old one. `same`: the file had both names before, and the caller removes the old one.
   */
  readonly how: 'moved' | 'linked' | 'same';
  /** Bytes of the file that had the name before. */
  readonly replaced: number;
}

/** How often a publication is tried: a target can change between the check and the rename. */
const PUBLISH_ATTEMPTS_MAX = 5;

/**
 * Gives a file its name, atomically: it replaces a file of that name, or with `ifAbsent` does not. It fails
 * with `exists`, `name-conflict` or `not-a-file`, and throws system errors; then nothing was published.
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
      // Another put removed the (empty) folder, or a folder or file appeared under the name.
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
  const stats = yield* io.lstat(path);
  if (stats !== undefined) {
    const fault = yield* clearTarget(disk, directory, stats, publication);
    if (fault !== undefined) return fault;
    // One file under two names: the system ignores a rename from one to the other.
    if (publication.file?.ino === stats.ino && publication.file.dev === stats.dev)
      return ok({ directory, how: 'same', replaced: stats.size });
  }
  if (publication.ifAbsent === true) {
    yield* io.link(publication.from, path);
    disk.listings.noteAdded(publication.to);
    return ok({ directory, how: 'linked', replaced: 0 });
  }
  const replaced = stats?.isFile() ? stats.size : 0;
  yield* io.rename(publication.from, path, stats?.nlink === 1 ? replaced : 0);
  disk.listings.noteAdded(publication.to);
  return ok({ directory, how: 'moved', replaced });
}

/** Removes an empty folder from the target's name. Returns the error when the name is not free. */
export function* clearTarget(
  disk: Disk,
  directory: Directory,
  stats: Stats,
  { to, ifAbsent }: Pick<Publication, 'to' | 'ifAbsent'>,
): Task<RefusedOutcome | undefined> {
  if (stats.isFile()) return ifAbsent === true ? err('exists') : undefined;
  if (!stats.isDirectory()) return err('not-a-file');
  const removed = yield* removeEmptyTree(disk.io, disk.directories.at, directory, lastSegmentOf(to));
  return removed ? undefined : err('name-conflict', `${to} is a folder with files in it`);
}
