/**
 * The folders below the root, kept open, so that no symbolic link is ever followed.
 *
 * Node has no `openat`. On Linux `/proc/self/fd/N/child` does the same: it names a child of the folder that
 * descriptor N has open, whatever has happened to the path since. So the store opens a path one segment at a
 * time, each without following links, and names the children of a folder through its descriptor.
 *
 * Where there is no /proc (macOS, the BSDs) the store uses plain paths and checks every segment each time.
 * There, a local user who may write to the tree could replace a folder by a link between the check and the
 * use.
 */
import type { Outcome } from '../../contract.ts';
import { folderOf, lastSegmentOf } from '../../names.ts';
import { err, ok, type RefusedOutcome } from '../../outcome.ts';
import { type Task, wait } from '../../task.ts';
import { type DiskIo, OPEN_FLAGS } from '../disk-io.ts';
import { errnoOf } from '../errno.ts';
import { createRootGoneError, isRootRemoved } from '../opening/root.ts';
import type { At, Directory, Root } from './directory.ts';
import { type CachedDirectory, createDirectoryCache, type DirectoryCache } from './directory-cache.ts';

export interface Directories {
  readonly root: Directory;
  readonly at: At;
  /**
   * Opens a folder. With `created`, missing folders are made on the way and their paths added to `created`,
   * and the path is made durable, if the store is. Without, a missing folder is `not-found`. A file in the
   * way is `name-conflict`; a symbolic link or the like is `not-a-file`.
   */
  enter(path: string, created?: string[]): Task<Outcome<Directory>>;
  leave(directory: Directory): void;
  /** Removes a folder from the cache, because it was found to be deleted. */
  forget(directory: Directory): void;
  /**
   * Called when something was not found, perhaps because the root itself was removed. Opens the folder that
   * is at the root's path now, and returns whether it did; false when the root still exists, even if it was
   * moved. Throws when no folder is at its path.
   */
  reopenRoot(): Task<boolean>;
  /** Removes the folders that a failed put made, unless others have put something there since. */
  removeCreated(created: readonly string[]): Task<void>;
  /** Closes all folders. No call may be using one. */
  close(): void;
}

/** How often the store makes a missing folder when another program removes it again before the store opens it. */
const OPEN_ATTEMPTS_MAX = 3;

interface DirectoriesState {
  readonly io: DiskIo;
  /** The absolute path of the root. */
  readonly rootPath: string;
  readonly cache: DirectoryCache;
  readonly at: At;
}

export function createDirectories(io: DiskIo, rootFolder: Root, durable: boolean): Directories {
  const descriptors = descriptorFolder(io, rootFolder);
  const hasProc = descriptors !== undefined;
  const cache = createDirectoryCache(io, rootFolder, hasProc, durable);
  const at: At = hasProc
    ? ({ fd }, child) => `${descriptors}/${fd}/${child}`
    : ({ path }, child) => `${rootFolder.path}/${path}/${child}`;
  const state: DirectoriesState = { io, rootPath: rootFolder.path, cache, at };
  return {
    root: cache.root,
    at,
    enter: (path, created) => enter(state, path, created),
    // `enter` only returns cached directories.
    leave: (directory) => cache.leave(directory as CachedDirectory),
    forget: (directory) => cache.evict(directory as CachedDirectory),
    reopenRoot: () => reopenRoot(state),
    removeCreated: (created) => removeCreated(state, created),
    close: () => cache.close(),
  };
}

function* enter(state: DirectoriesState, path: string, created?: string[]): Task<Outcome<CachedDirectory>> {
  const { cache } = state;
  if (path === '') {
    cache.root.users += 1;
    return ok(cache.root);
  }
  const cached = cache.lookup(path);
  if (cached !== undefined && (cached.durable || created === undefined)) return ok(cached);
  return yield* openDirectory(state, path, cached, created);
}

/** @param cached the folder itself, when only the path to it has to be made durable. */
function* openDirectory(
  state: DirectoriesState,
  path: string,
  cached: CachedDirectory | undefined,
  created?: string[],
): Task<Outcome<CachedDirectory>> {
  const { cache } = state;
  let directory = cached;
  let isAcquired = false;
  try {
    const parent = yield* enter(state, folderOf(path), created);
    if (!parent.ok) return parent;
    try {
      if (directory === undefined) {
        const opened = yield* openChild(state, parent.value, path, created);
        if (!opened.ok) return opened;
        directory = opened.value;
      }
      if (created !== undefined && !directory.durable) {
        yield* wait(parent.value.sync);
        directory.durable = true;
      }
    } finally {
      cache.leave(parent.value);
    }
    isAcquired = true;
    return ok(cache.share(directory));
  } finally {
    if (!isAcquired && directory !== undefined) cache.leave(directory);
  }
}

function* openChild(
  { io, cache, at }: DirectoriesState,
  parent: Directory,
  path: string,
  created: string[] | undefined,
): Task<Outcome<CachedDirectory>> {
  const systemPath = at(parent, lastSegmentOf(path));
  for (let attemptsLeft = OPEN_ATTEMPTS_MAX; ; attemptsLeft--) {
    try {
      return ok(cache.add(path, yield* io.open(systemPath, OPEN_FLAGS.folder)));
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === 'ENOTDIR' || errno === 'ELOOP') return yield* obstacleFault(io, systemPath, path);
      if (errno !== 'ENOENT' || attemptsLeft === 0) throw error;
      if (created === undefined) return err('not-found');
    }
    try {
      yield* io.makeFolder(systemPath, 0o777);
      created.push(path);
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
    }
  }
}

/** The error when something that is not a folder is in the way. */
function* obstacleFault(io: DiskIo, systemPath: string, path: string): Task<RefusedOutcome> {
  const stats = yield* io.lstat(systemPath);
  if (stats?.isSymbolicLink()) return err('not-a-file', `${path} is a symbolic link, which is not followed`);
  if (stats !== undefined && !stats.isFile()) return err('not-a-file', `${path} is not a folder`);
  return err('name-conflict', `${path} is a file`);
}

function* removeCreated(state: DirectoriesState, created: readonly string[]): Task<void> {
  const { io, cache, at } = state;
  try {
    for (const path of created.toReversed()) {
      const parent = yield* enter(state, folderOf(path));
      if (!parent.ok) return;
      try {
        yield* io.removeFolder(at(parent.value, lastSegmentOf(path)));
      } finally {
        cache.leave(parent.value);
      }
    }
  } catch (error) {
    // Another call uses the folder by now, or it is gone already. An empty folder does no harm.
    if (errnoOf(error) === undefined) throw error;
  }
}

function* reopenRoot({ io, rootPath, cache }: DirectoriesState): Task<boolean> {
  if (!isRootRemoved(io, { path: rootPath, fd: cache.root.fd })) return false;
  let fd: number;
  try {
    fd = yield* io.open(rootPath, OPEN_FLAGS.folder);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT') throw createRootGoneError(rootPath, false);
    if (errno === 'ENOTDIR' || errno === 'ELOOP') throw createRootGoneError(rootPath, true);
    throw error;
  }
  // Another call may have reopened the root meanwhile.
  if (isRootRemoved(io, { path: rootPath, fd: cache.root.fd })) cache.replaceRoot(fd);
  else io.closeQuietly(fd);
  return true;
}

/**
 * The folder in which an open folder has its descriptor as a name; undefined where there is none. `self` is a link that
 * each path would follow, so it is named by the process, where that has the same number in /proc as in Node: not where
 * another namespace's /proc is mounted.
 */
function descriptorFolder({ fs }: DiskIo, root: Root): string | undefined {
  try {
    if (fs.readlinkSync(`/proc/self/fd/${root.fd}`) !== root.path) return undefined;
    const { pid } = process;
    return `/proc/${fs.readlinkSync('/proc/self') === String(pid) ? pid : 'self'}/fd`;
  } catch {
    return undefined;
  }
}
