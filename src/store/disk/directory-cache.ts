/**
 * Open folders with a count of their users. A bounded number stays open between uses.
 *
 * When the process has no descriptors left, the cache closes the folders without users.
 *
 * Before each use the cache checks that the path still leads to the same folder. So after an administrator
 * has moved or replaced it, nothing is written to the old one.
 */
import type { Directory, Root } from './directory.ts';
import type { DiskIo } from './disk-io.ts';
import { createGroupSync } from './group-sync.ts';

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
const KEPT_DIRECTORIES_MAX = 16;

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
  const { fs } = io;
  /** Descriptors of roots that were removed; only an administrator removes a root, so there are few. */
  const formerRootFds: number[] = [];
  /** In the order of last use, the oldest first. */
  const cached = new Map<string, CachedDirectory>();

  const describe = (path: string, fd: number, isDurable: boolean): CachedDirectory => {
    const { dev, ino } = fs.fstatSync(fd);
    const sync = createGroupSync((callback) => fs.fsync(fd, callback));
    return { path, fd, sync, dev, ino, users: 1, durable: isDurable, isCached: false };
  };
  const describeOrClose = (path: string, fd: number, isDurable: boolean): CachedDirectory => {
    try {
      return describe(path, fd, isDurable);
    } catch (error) {
      io.closeQuietly(fd);
      throw error;
    }
  };
  const root: CachedDirectory = { ...describe('', rootFolder.fd, true), isCached: true };

  /**
   * Whether the path still leads to this folder. The `lstat` of the path notices when the folder was moved,
   * removed, replaced or mounted over, but would follow a link in place of a folder further up; reading the
   * descriptor's path notices that. Neither waits for the disk: the system has an open folder, and all
   * folders above it, in memory.
   */
  const isStillThere = ({ path, fd, dev, ino }: CachedDirectory) => {
    const absolutePath = `${rootFolder.path}/${path}`;
    try {
      const now = fs.lstatSync(absolutePath, { throwIfNoEntry: false });
      if (now === undefined || now.ino !== ino || now.dev !== dev) return false;
      return !path.includes('/') || fs.readlinkSync(`/proc/self/fd/${fd}`) === absolutePath;
    } catch {
      return false;
    }
  };

  const closeUnused = (directory: CachedDirectory) => {
    if (directory.users === 0 && !directory.isCached) io.closeQuietly(directory.fd);
  };

  const evict = (directory: CachedDirectory) => {
    if (directory === root) return;
    if (cached.get(directory.path) === directory) cached.delete(directory.path);
    directory.isCached = false;
    closeUnused(directory);
  };

  io.onDescriptorsExhausted(() => {
    const unused = [...cached.values()].filter(({ users }) => users === 0);
    for (const directory of unused) evict(directory);
    return unused.length > 0;
  });

  const leave = (directory: CachedDirectory) => {
    directory.users -= 1;
    closeUnused(directory);
  };

  return {
    root,
    leave,
    evict,

    replaceRoot(fd) {
      const { users } = root;
      const now = describeOrClose('', fd, true);
      // Paths still in use contain its number.
      formerRootFds.push(root.fd);
      Object.assign(root, now, { users, kept: true });
    },

    add: (path, fd) => describeOrClose(path, fd, !durable),

    lookup(path) {
      const directory = cached.get(path);
      if (directory === undefined) return undefined;
      if (!isStillThere(directory)) {
        evict(directory);
        return undefined;
      }
      directory.users += 1;
      cached.delete(path);
      cached.set(path, directory);
      return directory;
    },

    share(directory) {
      if (directory.isCached || !isEnabled) return directory;
      const other = cached.get(directory.path);
      const isSame = other?.ino === directory.ino && other.dev === directory.dev;
      if (other !== undefined && isSame && (other.durable || !directory.durable)) {
        other.users += 1;
        leave(directory);
        return other;
      }
      if (other !== undefined) evict(other);
      directory.isCached = true;
      cached.set(directory.path, directory);
      const [oldest] = cached.size > KEPT_DIRECTORIES_MAX ? cached.values() : [];
      if (oldest !== undefined) evict(oldest);
      return directory;
    },

    close() {
      for (const directory of [...cached.values()]) evict(directory);
      for (const fd of [root.fd, ...formerRootFds]) io.closeQuietly(fd);
    },
  };
}
