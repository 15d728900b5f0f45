/**
 * The staging folder, where files are until they are complete: `.sluice/tmp/<owner>/<number>` below the root.
 *
 * It is on the same file system as the published files, so a rename can publish a file. Each open store has a
 * folder of its own there and removes it when it is closed. When a store is opened, it removes the folders of
 * killed processes on the same root (see `leftovers.ts`), once the root has the format of this program (see
 * `settle-format.ts`).
 */
import { RESERVED_FOLDER } from '../../../files/protocol/filename.ts';
import { createSemaphore, type Semaphore } from '../../semaphore.ts';
import type { Task } from '../../task.ts';
import type { Directories } from '../directories/directories.ts';
import type { Folder } from '../directories/directory.ts';
import type { Disk } from '../disk.ts';
import { OPEN_FLAGS } from '../disk-io.ts';
import { asServerError, errnoOf } from '../errno.ts';
import type { FormatRules } from '../format/upgrades.ts';
import { endOwner, newOwner } from '../owner.ts';
import { emptyFolder, openBelow, type Rescue, removeDead, removeOrphans } from './leftovers.ts';
import { makeOwnFolder, type OwnFolderDeps } from './own-folder.ts';

/** A new file whose name no peer can use. */
export interface StagedFile {
  readonly fd: number;
  /** The path by which the system finds it, until the store is closed. */
  readonly path: string;
}

export interface StagingFolder {
  /** The name of this store's folder, which says who its owner is. */
  readonly name: string;
  /** Makes an empty file, open for writing. Throws system errors. */
  create(): Task<StagedFile>;
  /** A path for a file that the caller makes. The folder may be gone meanwhile; then it cannot be made there. */
  newPath(): string;
  /**
   * Acts in this store's folder, which is made again when it is gone. Throws system errors, but none that
   * would blame the peer.
   */
  within<T>(act: (folder: Folder) => Task<T>): Task<T>;
  /**
   * Removes the folder of a dead owner, whose uploads are then stored ones. Never throws system errors.
   *
   * @returns whether it is gone.
   */
  rescue(name: string): Task<boolean>;
  /** The same for the folders of all dead owners. Returns whether there were any. */
  rescueAll(): Task<boolean>;
  /** Removes this store's remaining files and its folder. Never throws system errors. */
  close(): Task<void>;
}

/** The explanation when the reserved folder is not a folder that a store made. Peers and operators see it. */
export const RESERVED_FOLDER_ADVICE =
  `'${RESERVED_FOLDER}' in the root, which is the server's own, or what is in it was replaced; ` +
  'move away what is in its place, and the server makes it again';

/** The staging folder of an open store. */
interface StagingState extends OwnFolderDeps {
  readonly directories: Pick<Directories, 'root' | 'reopenRoot'>;
  /**
   * The folders that this store has made. The last one is in use. Earlier ones were deleted from outside;
   * paths still in use contain their descriptors.
   */
  readonly own: Folder[];
  /** The one in use; the root until the first is made. */
  folder: Folder;
  /** The name of the last file that was made. */
  serial: number;
  /** Lets one call at a time make the folder again: the others then find it made. */
  readonly making: Semaphore;
}

/**
 * Brings the root to the format of this program, makes this store's folder, and removes those of dead owners.
 * Throws a `FormatError` when the root has a format that this program cannot use, and system errors.
 */
export function* openStagingFolder(
  { io, directories, durable }: Pick<Disk, 'io' | 'directories' | 'durable'>,
  rescue: Rescue,
  formatRules: FormatRules,
): Task<StagingFolder> {
  const { root, at } = directories;
  const name = newOwner();
  const staging: StagingState = {
    io,
    at,
    rescue,
    directories,
    formatRules,
    durable,
    name,
    own: [],
    folder: root,
    serial: 0,
    making: createSemaphore(1),
  };
  try {
    yield* moveToNewFolder(staging);
  } catch (error) {
    endOwner(name);
    throw asServerError(error, RESERVED_FOLDER_ADVICE);
  }
  return {
    name,
    create: () => within(staging, (folder) => createIn(staging, folder)),
    newPath: () => newPath(staging, staging.folder),
    within: (act) => within(staging, act),
    rescue: (dead) => rescueIn(staging, (tmp) => removeDead(staging, tmp, dead)),
    rescueAll: () => rescueIn(staging, (tmp) => removeOrphans(staging, tmp)),
    close: () => close(staging),
  };
}

/** Makes this store's folder, where the store acts from now on. */
function* moveToNewFolder(staging: StagingState): Task<void> {
  const folder = yield* makeOwnFolder(staging);
  staging.own.push(folder);
  staging.folder = folder;
}

const newPath = (staging: StagingState, folder: Folder): string =>
  staging.at(folder, String(++staging.serial));

function* createIn(staging: StagingState, folder: Folder): Task<StagedFile> {
  const path = newPath(staging, folder);
  return { fd: yield* staging.io.open(path, OPEN_FLAGS.create, 0o666), path };
}

function* within<T>(staging: StagingState, act: (folder: Folder) => Task<T>): Task<T> {
  try {
    return yield* withinCurrent(staging, act);
  } catch (error) {
    throw asServerError(error, RESERVED_FOLDER_ADVICE);
  }
}

function* withinCurrent<T>(staging: StagingState, act: (folder: Folder) => Task<T>): Task<T> {
  const { folder } = staging;
  try {
    return yield* act(folder);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    yield* staging.making.run(replaceFolder(staging, folder));
    return yield* act(staging.folder);
  }
}

/** Makes the folder again, unless another call has done so while this one waited. */
function* replaceFolder(staging: StagingState, gone: Folder): Task<void> {
  if (staging.folder !== gone) return;
  yield* staging.directories.reopenRoot();
  yield* moveToNewFolder(staging);
}

function* close(staging: StagingState): Task<void> {
  try {
    yield* emptyFolder(staging, staging.folder);
    yield* removeOwnFolder(staging);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  } finally {
    for (const { fd } of staging.own) staging.io.closeQuietly(fd);
    endOwner(staging.name);
  }
}

const removeOwnFolder = (staging: StagingState): Task<void> =>
  inTmp(staging, (tmp) => staging.io.removeFolder(staging.at(tmp, staging.name)));

/** Acts in the folder that has those of all owners. */
function* inTmp<T>({ io, at, directories }: StagingState, act: (tmp: Folder) => Task<T>): Task<T> {
  const tmp = yield* openBelow(io, at, directories.root, [RESERVED_FOLDER, 'tmp']);
  try {
    return yield* act(tmp);
  } finally {
    io.closeQuietly(tmp.fd);
  }
}

function* rescueIn(staging: StagingState, rescue: (tmp: Folder) => Task<boolean>): Task<boolean> {
  try {
    return yield* inTmp(staging, rescue);
  } catch (error) {
    // Another store was faster with a file of it, say: who asks does so again.
    if (errnoOf(error) === undefined) throw error;
    return false;
  }
}
