/**
 * Open folders, counted by who uses them; a bounded number of them stays open between uses.
 *
 * When the process has no descriptors left, those without users are closed.
 *
 * Before each use it is made sure that the path still leads to that very folder, so that after an administrator has
 * moved or replaced it nothing is written to the old one.
 */
import type { Directory, Root } from './directory.ts';
import type { DiskIo } from './disk-io.ts';
import { createGroupSync } from './group-sync.ts';

export interface CachedDirectory extends Directory {
  readonly dev: number;
  readonly ino: number;
  users: number;
  /** Whether its own entry, and those of the folders above it, are on stable storage. */
  durable: boolean;
  /** Whether it stays open when nobody uses it. */
  isCached: boolean;
}

export interface DirectoryCache {
  readonly root: CachedDirectory;
  /** A folder that was just opened, with one user. Throws what the system throws, and then closes it. */
  add(path: string, fd: number): CachedDirectory;
  /** The kept folder of that path, with one more user, if it is still there. */
  lookup(path: string): CachedDirectory | undefined;
  /**
   * Keeps a folder that was just made sure of. Others may have opened the same meanwhile: all go on with one, so that
   * they share its syncs, and that one is the answer.
   */
  share(directory: CachedDirectory): CachedDirectory;
  leave(directory: CachedDirectory): void;
  /** From now on the root is the folder that this descriptor holds. Throws what the system throws, and then closes it. */
  replaceRoot(fd: number): void;
  /** Not to be given to anybody again. */
  evict(directory: CachedDirectory): void;
  /** Closes all. Nobody may be using any. */
  close(): void;
}

/** How many folders are kept open at most, besides those in use. */
const KEPT_DIRECTORIES_MAX = 16;

/**
 * @param isEnabled whether any is kept at all.
 * @param durable whether the entries of folders have to be on stable storage.
 */
export function createDirectoryCache(
  io: DiskIo,
  rootFolder: Root,
  isEnabled: boolean,
  durable: boolean,
): DirectoryCache {
  const { fs } = io;
  /** Of roots that were removed, which is done by hand. */
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
   * Whether the path still leads to it. The look at the path sees that it was moved, removed, replaced or mounted
   * over, but would itself follow a link in place of a folder further up; where the descriptor says that it is does
   * not. Neither waits for the disk: what is held open is in the system's memory, and so is all above it.
   */
  const isStillThere = ({ path, fd, dev, ino }: CachedDirectory) => {
    const place = `${rootFolder.path}/${path}`;
    try {
      const now = fs.lstatSync(place, { throwIfNoEntry: false });
      if (now === undefined || now.ino !== ino || now.dev !== dev) return false;
      return !path.includes('/') || fs.readlinkSync(`/proc/self/fd/${fd}`) === place;
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
      // Its number is part of paths still in use.
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
