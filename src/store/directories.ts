/**
 * The folders below the root, held open, so that no symbolic link is ever followed.
 *
 * Node has no `openat`. On Linux `/proc/self/fd/N/child` does what it does: it names a child of the very folder that
 * descriptor N holds, whatever has become of the path since. So a folder is reached one segment at a time, each
 * opened without following links, and what is in it is named through its descriptor.
 *
 * A bounded number of folders stays open between uses. Before each use it is made sure that the path still leads to
 * that very folder, so that after an administrator has moved or replaced it nothing is written to the old one.
 *
 * Where there is no /proc (macOS, the BSDs) plain paths are used, every segment looked at anew each time; there, a
 * local user who may write to the tree could swap a folder for a link between the look and the use.
 */

import type { Outcome } from './contract.ts';
import type { DiskIo } from './disk-io.ts';
import { flags } from './disk-io.ts';
import { errnoOf } from './errno.ts';
import { groupSync } from './group-sync.ts';
import { folderOf, lastOf } from './names.ts';
import { done, type Failure, failed } from './outcome.ts';
import { type Start, type Task, wait } from './task.ts';

/** An open folder. */
export interface Folder {
  /** Its name below the root, without a slash at the end; '' is the root. */
  readonly path: string;
  readonly fd: number;
}

/** The path by which the system finds the child of an open folder. */
export type At = (folder: Folder, child: string) => string;

/** An open folder that is shared. Whoever got one from `enter` gives it back with `leave`. */
export interface Directory extends Folder {
  /** Asks for a sync of its entries that begins now or later; shared with all who ask meanwhile. */
  readonly sync: Start;
}

export interface Root {
  /** Absolute, without symbolic links. */
  readonly path: string;
  readonly fd: number;
}

export interface Directories {
  readonly root: Directory;
  /**
   * Opens a folder. With `made`, what is missing on the way is made and its path added to `made`, and the way there
   * is durable, if the store is. Without, `not-found` when it is missing or a file is in the way. `not-a-file` when a
   * symbolic link or the like is in the way.
   */
  enter(path: string, made?: string[]): Task<Outcome<Directory>>;
  leave(directory: Directory): void;
  /** Not to be used again: it turned out to have been removed. */
  forget(directory: Directory): void;
  readonly at: At;
  /** Removes those folders that a failed put made, if nobody has put anything there since. */
  unmake(made: readonly string[]): Task<void>;
  /** Closes all. Nobody may be using any. */
  close(): void;
}

interface Held extends Directory {
  readonly dev: number;
  readonly ino: number;
  users: number;
  /** Whether its own entry, and those of the folders above it, are on stable storage. */
  durable: boolean;
  /** Whether it stays open when nobody uses it. */
  kept: boolean;
}

/** How many unused folders are kept open. */
const mostKept = 128;

export function directories(io: DiskIo, rootFolder: Root, durable: boolean): Directories {
  const { fs } = io;
  const hasProc = procNames(io, rootFolder);
  /** In the order of last use, the oldest first. */
  const kept = new Map<string, Held>();

  const hold = (path: string, fd: number): Held => {
    const { dev, ino } = fs.fstatSync(fd);
    const sync = groupSync((back) => fs.fsync(fd, back));
    return { path, fd, sync, dev, ino, users: 1, durable: !durable, kept: false };
  };
  const root: Held = { ...hold('', rootFolder.fd), durable: true, kept: true };

  const at: At = ({ fd, path }, child) =>
    hasProc ? `/proc/self/fd/${fd}/${child}` : `${pathOf(path)}/${child}`;
  const pathOf = (path: string) => (path === '' ? rootFolder.path : `${rootFolder.path}/${path}`);

  /**
   * Whether the path still leads to it. The look at the path sees that it was moved, removed, replaced or mounted
   * over, but would itself follow a link in place of a folder further up; where the descriptor says that it is does
   * not. Neither waits for the disk: what is held open is in the system's memory, and so is all above it.
   */
  const stillThere = ({ path, fd, dev, ino }: Held) => {
    try {
      const now = fs.lstatSync(pathOf(path), { throwIfNoEntry: false });
      if (now === undefined || now.ino !== ino || now.dev !== dev) return false;
      return !path.includes('/') || fs.readlinkSync(`/proc/self/fd/${fd}`) === pathOf(path);
    } catch {
      return false;
    }
  };

  const letGo = (directory: Held) => {
    if (directory.users === 0 && !directory.kept) fs.closeSync(directory.fd);
  };
  const drop = (directory: Held) => {
    if (kept.get(directory.path) === directory) kept.delete(directory.path);
    directory.kept = false;
    letGo(directory);
  };
  const leave = (directory: Directory) => {
    const held = directory as Held;
    held.users -= 1;
    letGo(held);
  };

  /** The kept folder of that path, with one more user, if it is still there. */
  const recall = (path: string): Held | undefined => {
    const directory = kept.get(path);
    if (directory === undefined) return undefined;
    if (!stillThere(directory)) {
      drop(directory);
      return undefined;
    }
    directory.users += 1;
    kept.delete(path);
    kept.set(path, directory);
    return directory;
  };

  const keep = (directory: Held) => {
    directory.kept = true;
    kept.set(directory.path, directory);
    if (kept.size <= mostKept) return;
    for (const oldest of kept.values()) return drop(oldest);
  };

  function* openChild(parent: Directory, path: string, made: string[] | undefined): Task<Outcome<Held>> {
    const place = at(parent, lastOf(path));
    for (let tries = 0; ; tries++) {
      try {
        const fd = yield* io.open(place, flags.folder);
        try {
          return done(hold(path, fd));
        } catch (error) {
          fs.closeSync(fd);
          throw error;
        }
      } catch (error) {
        const errno = errnoOf(error);
        if (errno === 'ENOTDIR' || errno === 'ELOOP')
          return yield* whatIsThere(place, path, made !== undefined);
        if (errno !== 'ENOENT' || tries === 3) throw error;
        if (made === undefined) return failed('not-found');
      }
      try {
        yield* io.makeFolder(place, 0o777);
        made.push(path);
      } catch (error) {
        if (errnoOf(error) !== 'EEXIST') throw error;
      }
    }
  }

  function* whatIsThere(place: string, path: string, toPut: boolean): Task<Failure> {
    const there = yield* io.look(place);
    if (there?.isSymbolicLink())
      return failed('not-a-file', `${path} is a symbolic link, which is not followed`);
    if (there !== undefined && !there.isFile()) return failed('not-a-file', `${path} is not a folder`);
    return toPut ? failed('name-conflict', `${path} is a file`) : failed('not-found');
  }

  function* enter(path: string, made?: string[]): Task<Outcome<Held>> {
    if (path === '') {
      root.users += 1;
      return done(root);
    }
    const known = recall(path);
    if (known !== undefined && (known.durable || made === undefined)) return done(known);
    let directory = known;
    try {
      const parent = yield* enter(folderOf(path), made);
      if (!parent.ok) return parent;
      try {
        if (directory === undefined) {
          const opened = yield* openChild(parent.value, path, made);
          if (!opened.ok) return opened;
          directory = opened.value;
        }
        if (made !== undefined && !directory.durable) {
          yield* wait(parent.value.sync);
          directory.durable = true;
        }
      } finally {
        leave(parent.value);
      }
    } finally {
      // Reached with no folder, or by a throw with one that is not given out.
      if (directory !== undefined && made !== undefined && !directory.durable) leave(directory);
    }
    return done(hasProc ? shared(directory) : directory);
  }

  /** Others may have opened the same folder meanwhile: all go on with one, so that they share its syncs. */
  const shared = (directory: Held): Held => {
    if (directory.kept) return directory;
    const other = kept.get(directory.path);
    if (
      other?.ino === directory.ino &&
      other.dev === directory.dev &&
      (other.durable || !directory.durable)
    ) {
      other.users += 1;
      leave(directory);
      return other;
    }
    if (other !== undefined) drop(other);
    keep(directory);
    return directory;
  };

  return {
    root,
    enter,
    leave,
    forget(directory) {
      if (directory !== root) drop(directory as Held);
    },
    at,
    *unmake(made) {
      try {
        for (const path of made.toReversed()) {
          const parent = yield* enter(folderOf(path));
          if (!parent.ok) return;
          try {
            yield* io.removeFolder(at(parent.value, lastOf(path)));
          } finally {
            leave(parent.value);
          }
        }
      } catch {
        // Somebody uses it by now, or it is gone already. An empty folder is in nobody's way.
      }
    },
    close() {
      for (const directory of [...kept.values()]) drop(directory);
      fs.closeSync(root.fd);
    },
  };
}

/** Whether an open folder can be named through /proc. */
function procNames({ fs }: DiskIo, root: Root): boolean {
  try {
    return fs.readlinkSync(`/proc/self/fd/${root.fd}`) === root.path;
  } catch {
    return false;
  }
}
