/**
 * Open folders, counted by who uses them; a bounded number of them stays open between uses.
 *
 * When the process has no descriptors left, those without users are closed.
 *
 * Before each use it is made sure that the path still leads to that very folder, so that after an administrator has
 * moved or replaced it nothing is written to the old one.
 */
import type { Directory, Root } from './directories.ts';
import type { DiskIo } from './disk-io.ts';
import { groupSync } from './group-sync.ts';

export interface Held extends Directory {
  readonly dev: number;
  readonly ino: number;
  users: number;
  /** Whether its own entry, and those of the folders above it, are on stable storage. */
  durable: boolean;
  /** Whether it stays open when nobody uses it. */
  kept: boolean;
}

export interface DirectoryCache {
  readonly root: Held;
  /** A folder that was just opened, with one user. Throws what the system throws, and then closes it. */
  hold(path: string, fd: number): Held;
  /** The kept folder of that path, with one more user, if it is still there. */
  recall(path: string): Held | undefined;
  /**
   * Keeps a folder that was just made sure of. Others may have opened the same meanwhile: all go on with one, so that
   * they share its syncs, and that one is the answer.
   */
  share(directory: Held): Held;
  leave(directory: Held): void;
  /** From now on the root is the folder that this descriptor holds. Throws what the system throws, and then closes it. */
  replaceRoot(fd: number): void;
  /** Not to be given to anybody again. */
  drop(directory: Held): void;
  /** Closes all. Nobody may be using any. */
  close(): void;
}

/** How many folders are kept open at most, besides those in use. */
const KEPT_DIRECTORIES_MAX = 16;

/**
 * @param keeps whether any is kept at all.
 * @param durable whether the entries of folders have to be on stable storage.
 */
export function directoryCache(
  io: DiskIo,
  rootFolder: Root,
  keeps: boolean,
  durable: boolean,
): DirectoryCache {
  const { fs } = io;
  /** Of roots that were removed, which is done by hand. */
  const former: number[] = [];
  /** In the order of last use, the oldest first. */
  const kept = new Map<string, Held>();

  const held = (path: string, fd: number, isDurable: boolean): Held => {
    const { dev, ino } = fs.fstatSync(fd);
    const sync = groupSync((back) => fs.fsync(fd, back));
    return { path, fd, sync, dev, ino, users: 1, durable: isDurable, kept: false };
  };
  const heldOrClosed = (path: string, fd: number, isDurable: boolean): Held => {
    try {
      return held(path, fd, isDurable);
    } catch (error) {
      io.letGo(fd);
      throw error;
    }
  };
  const root: Held = { ...held('', rootFolder.fd, true), kept: true };

  /**
   * Whether the path still leads to it. The look at the path sees that it was moved, removed, replaced or mounted
   * over, but would itself follow a link in place of a folder further up; where the descriptor says that it is does
   * not. Neither waits for the disk: what is held open is in the system's memory, and so is all above it.
   */
  const isStillThere = ({ path, fd, dev, ino }: Held) => {
    const place = `${rootFolder.path}/${path}`;
    try {
      const now = fs.lstatSync(place, { throwIfNoEntry: false });
      if (now === undefined || now.ino !== ino || now.dev !== dev) return false;
      return !path.includes('/') || fs.readlinkSync(`/proc/self/fd/${fd}`) === place;
    } catch {
      return false;
    }
  };

  const closeUnused = (directory: Held) => {
    if (directory.users === 0 && !directory.kept) io.letGo(directory.fd);
  };

  const drop = (directory: Held) => {
    if (directory === root) return;
    if (kept.get(directory.path) === directory) kept.delete(directory.path);
    directory.kept = false;
    closeUnused(directory);
  };

  io.sparesBy(() => {
    const unused = [...kept.values()].filter(({ users }) => users === 0);
    for (const directory of unused) drop(directory);
    return unused.length > 0;
  });

  const leave = (directory: Held) => {
    directory.users -= 1;
    closeUnused(directory);
  };

  return {
    root,
    leave,
    drop,

    replaceRoot(fd) {
      const { users } = root;
      const now = heldOrClosed('', fd, true);
      // Its number is part of paths still in use.
      former.push(root.fd);
      Object.assign(root, now, { users, kept: true });
    },

    hold: (path, fd) => heldOrClosed(path, fd, !durable),

    recall(path) {
      const directory = kept.get(path);
      if (directory === undefined) return undefined;
      if (!isStillThere(directory)) {
        drop(directory);
        return undefined;
      }
      directory.users += 1;
      kept.delete(path);
      kept.set(path, directory);
      return directory;
    },

    share(directory) {
      if (directory.kept || !keeps) return directory;
      const other = kept.get(directory.path);
      const isSame = other?.ino === directory.ino && other.dev === directory.dev;
      if (other !== undefined && isSame && (other.durable || !directory.durable)) {
        other.users += 1;
        leave(directory);
        return other;
      }
      if (other !== undefined) drop(other);
      directory.kept = true;
      kept.set(directory.path, directory);
      const [oldest] = kept.size > KEPT_DIRECTORIES_MAX ? kept.values() : [];
      if (oldest !== undefined) drop(oldest);
      return directory;
    },

    close() {
      for (const directory of [...kept.values()]) drop(directory);
      for (const fd of [root.fd, ...former]) io.letGo(fd);
    },
  };
}
