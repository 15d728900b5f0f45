/**
 * Open folders with a count of their users. A bounded number stays open between uses.
 *
 * When the process has no descriptors left, the cache closes the folders without users.
 *
 * Before each use the cache checks that the path still leads to the same folder. So after an administrator
 * has moved or replaced it, nothing is written to the old one.
 */

import type { DiskIo } from '../disk-io.ts';
import { createGroupSync } from '../group-sync.ts';
import type { Directory, Root } from './directory.ts';

export interface CachedDirectory extends Directory {
  readonly dev: number;
  readonly ino: number;
  users: number;
  /** Whether its own entry, and the entries of the folders above it, are on stable storage. */
  durable: boolean;
  /** Whether it stays open without users. */
  isCached: boolean;
}

export interface DirectoryCache {
  readonly root: CachedDirectory;
  /**
   * Makes the record of a folder that was just opened, with one user. On a system error it closes the folder
   * and throws.
   */
  add(path: string, fd: number): CachedDirectory;
  /** The cached folder of this path, with one more user, if the path still leads to it. */
  lookup(path: string): CachedDirectory | undefined;
  /**
   * Caches a folder that was just opened and checked. Other calls may have opened the same folder meanwhile:
   * all continue with one record, so that they share its syncs, and that record is returned.
   */
  share(directory: CachedDirectory): CachedDirectory;
  leave(directory: CachedDirectory): void;
  /**
   * From now on the root is the folder of this descriptor. On a system error it closes the descriptor and
   * throws.
   */
  replaceRoot(fd: number): void;
  /** Removes a folder from the cache; it closes when it has no users. */
  evict(directory: CachedDirectory): void;
  /** Closes all folders. No call may be using one. */
  close(): void;
}

/** The most folders that stay open without users. */
const CACHED_DIRECTORIES_MAX = 16;

interface DirectoryCacheState {
  readonly io: DiskIo;
  /** The absolute path of the root. */
  readonly rootPath: string;
  /** Whether folders are cached at all. */
  readonly isEnabled: boolean;
  /** Whether the entries of folders have to be on stable storage. */
  readonly durable: boolean;
  readonly root: CachedDirectory;
  /** By path, in the order of last use, the oldest first; at most `CACHED_DIRECTORIES_MAX`. */
  readonly cached: Map<string, CachedDirectory>;
  /** Descriptors of roots that were removed; only an administrator removes a root, so there are few. */
  readonly formerRootFds: number[];
}

/**
 * @param isEnabled whether folders are cached at all.
 * @param durable whether the entries of folders have to be on stable storage.
 */
export function createDirectoryCache(
  io: DiskIo,
  rootFolder: Root,
  isEnabled: boolean,
  durable: boolean,
): DirectoryCache {
  const root: CachedDirectory = { ...describe(io, '', rootFolder.fd, true), isCached: true };
  const cache: DirectoryCacheState = {
    io,
    rootPath: rootFolder.path,
    isEnabled,
    durable,
    root,
    cached: new Map(),
    formerRootFds: [],
  };
  io.onDescriptorsExhausted(() => evictUnused(cache));
  return {
    root,
    add: (path, fd) => describeOrClose(io, path, fd, !durable),
    lookup: (path) => lookup(cache, path),
    share: (directory) => share(cache, directory),
    leave: (directory) => leave(cache, directory),
    replaceRoot: (fd) => replaceRoot(cache, fd),
    evict: (directory) => evict(cache, directory),
    close: () => close(cache),
  };
}

function describe(io: DiskIo, path: string, fd: number, isDurable: boolean): CachedDirectory {
  const { dev, ino } = io.fs.fstatSync(fd);
  const sync = createGroupSync((callback) => io.fs.fsync(fd, callback));
  return { path, fd, sync, dev, ino, users: 1, durable: isDurable, isCached: false };
}

function describeOrClose(io: DiskIo, path: string, fd: number, isDurable: boolean): CachedDirectory {
  try {
    return describe(io, path, fd, isDurable);
  } catch (error) {
    io.closeQuietly(fd);
    throw error;
  }
}

function lookup(cache: DirectoryCacheState, path: string): CachedDirectory | undefined {
  const { cached } = cache;
  const directory = cached.get(path);
  if (directory === undefined) return undefined;
  if (!isStillThere(cache, directory)) {
    evict(cache, directory);
    return undefined;
  }
  directory.users += 1;
  cached.delete(path);
  cached.set(path, directory);
  return directory;
}

/**
 * Whether the path still leads to this folder. The `lstat` of the path notices when the folder was moved,
 * removed, replaced or mounted over, but would follow a link in place of a folder further up; reading the
 * descriptor's path notices that. Neither waits for the disk: the system has an open folder, and all
 * folders above it, in memory.
 */
function isStillThere(
  { io, rootPath }: DirectoryCacheState,
  { path, fd, dev, ino }: CachedDirectory,
): boolean {
  const absolutePath = `${rootPath}/${path}`;
  try {
    const now = io.fs.lstatSync(absolutePath, { throwIfNoEntry: false });
    if (now === undefined || now.ino !== ino || now.dev !== dev) return false;
    return !path.includes('/') || io.fs.readlinkSync(`/proc/self/fd/${fd}`) === absolutePath;
  } catch {
    return false;
  }
}

function share(cache: DirectoryCacheState, directory: CachedDirectory): CachedDirectory {
  const { isEnabled, cached } = cache;
  if (directory.isCached || !isEnabled) return directory;
  const other = cached.get(directory.path);
  const isSame = other?.ino === directory.ino && other.dev === directory.dev;
  if (other !== undefined && isSame && (other.durable || !directory.durable)) {
    other.users += 1;
    leave(cache, directory);
    return other;
  }
  if (other !== undefined) evict(cache, other);
  directory.isCached = true;
  cached.set(directory.path, directory);
  const [oldest] = cached.size > CACHED_DIRECTORIES_MAX ? cached.values() : [];
  if (oldest !== undefined) evict(cache, oldest);
  return directory;
}

function leave({ io }: DirectoryCacheState, directory: CachedDirectory): void {
  directory.users -= 1;
  closeUnused(io, directory);
}

function evict({ io, root, cached }: DirectoryCacheState, directory: CachedDirectory): void {
  if (directory === root) return;
  if (cached.get(directory.path) === directory) cached.delete(directory.path);
  directory.isCached = false;
  closeUnused(io, directory);
}

function closeUnused(io: DiskIo, { fd, users, isCached }: CachedDirectory): void {
  if (users === 0 && !isCached) io.closeQuietly(fd);
}

/** @returns whether there were any. */
function evictUnused(cache: DirectoryCacheState): boolean {
  const unused = [...cache.cached.values()].filter(({ users }) => users === 0);
  for (const directory of unused) evict(cache, directory);
  return unused.length > 0;
}

function replaceRoot({ io, root, formerRootFds }: DirectoryCacheState, fd: number): void {
  const { users } = root;
  const now = describeOrClose(io, '', fd, true);
  // Paths still in use contain its number.
  formerRootFds.push(root.fd);
  const replaced: CachedDirectory = { ...now, users, isCached: true };
  Object.assign(root, replaced);
}

function close(cache: DirectoryCacheState): void {
  for (const directory of [...cache.cached.values()]) evict(cache, directory);
  for (const fd of [cache.root.fd, ...cache.formerRootFds]) cache.io.closeQuietly(fd);
}
