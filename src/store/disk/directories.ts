/**
 * The folders below the root, held open, so that no symbolic link is ever followed.
 *
 * Node has no `openat`. On Linux `/proc/self/fd/N/child` does what it does: it names a child of the very folder that
 * descriptor N holds, whatever has become of the path since. So a folder is reached one segment at a time, each
 * opened without following links, and what is in it is named through its descriptor.
 *
 * Where there is no /proc (macOS, the BSDs) plain paths are used, every segment looked at anew each time; there, a
 * local user who may write to the tree could swap a folder for a link between the look and the use.
 */
import type { Outcome } from '../contract.ts';
import { folderOf, lastOf } from '../names.ts';
import { err, ok, type RefusedOutcome } from '../outcome.ts';
import { type Start, type Task, wait } from '../task.ts';
import { directoryCache, type Held } from './directory-cache.ts';
import { type DiskIo, flags } from './disk-io.ts';
import { errnoOf } from './errno.ts';
import { goneRoot, isRemoved } from './root-check.ts';

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
  readonly at: At;
  /**
   * Opens a folder. With `made`, what is missing on the way is made and its path added to `made`, and the way there
   * is durable, if the store is. Without, `not-found` when it is missing. `name-conflict` when a file is in the way,
   * `not-a-file` when a symbolic link or the like is.
   */
  enter(path: string, made?: string[]): Task<Outcome<Directory>>;
  leave(directory: Directory): void;
  /** Not to be used again: it turned out to have been removed. */
  forget(directory: Directory): void;
  /**
   * To be called when something was not found that may be missing because the root itself was removed. Opens the folder
   * that is at the root's path now, and answers whether it did; not when the root is still there, even if it was moved.
   * Throws when no folder is at its path.
   */
  renew(): Task<boolean>;
  /** Removes those folders that a failed put made, if nobody has put anything there since. */
  unmake(made: readonly string[]): Task<void>;
  /** Closes all. Nobody may be using any. */
  close(): void;
}

/** How often a folder is made that is gone again when it is to be opened. */
const tries = 3;

export function directories(io: DiskIo, rootFolder: Root, durable: boolean): Directories {
  const hasProc = canName(io, rootFolder);
  const kept = directoryCache(io, rootFolder, hasProc, durable);

  const at: At = hasProc
    ? ({ fd }, child) => `/proc/self/fd/${fd}/${child}`
    : ({ path }, child) => `${rootFolder.path}/${path}/${child}`;

  function* enter(path: string, made?: string[]): Task<Outcome<Held>> {
    if (path === '') {
      kept.root.users += 1;
      return ok(kept.root);
    }
    const known = kept.recall(path);
    if (known !== undefined && (known.durable || made === undefined)) return ok(known);
    return yield* enterAnew(path, known, made);
  }

  /** @param known the folder itself, when it is only the way there that has to be made durable. */
  function* enterAnew(path: string, known: Held | undefined, made?: string[]): Task<Outcome<Held>> {
    let directory = known;
    let entered = false;
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
        kept.leave(parent.value);
      }
      entered = true;
      return ok(kept.share(directory));
    } finally {
      if (!entered && directory !== undefined) kept.leave(directory);
    }
  }

  function* renew(): Task<boolean> {
    if (!isRemoved(io, { path: rootFolder.path, fd: kept.root.fd })) return false;
    let fd: number;
    try {
      fd = yield* io.open(rootFolder.path, flags.folder);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === 'ENOENT') throw goneRoot(rootFolder.path, false);
      if (errno === 'ENOTDIR' || errno === 'ELOOP') throw goneRoot(rootFolder.path, true);
      throw error;
    }
    // Another call may have been faster.
    if (isRemoved(io, { path: rootFolder.path, fd: kept.root.fd })) kept.replaceRoot(fd);
    else io.letGo(fd);
    return true;
  }

  function* openChild(parent: Directory, path: string, made: string[] | undefined): Task<Outcome<Held>> {
    const place = at(parent, lastOf(path));
    for (let left = tries; ; left--) {
      try {
        return ok(kept.hold(path, yield* io.open(place, flags.folder)));
      } catch (error) {
        const errno = errnoOf(error);
        if (errno === 'ENOTDIR' || errno === 'ELOOP') return yield* whatIsThere(place, path);
        if (errno !== 'ENOENT' || left === 0) throw error;
        if (made === undefined) return err('not-found');
      }
      try {
        yield* io.makeFolder(place, 0o777);
        made.push(path);
      } catch (error) {
        if (errnoOf(error) !== 'EEXIST') throw error;
      }
    }
  }

  function* whatIsThere(place: string, path: string): Task<RefusedOutcome> {
    const there = yield* io.look(place);
    if (there?.isSymbolicLink())
      return err('not-a-file', `${path} is a symbolic link, which is not followed`);
    if (there !== undefined && !there.isFile()) return err('not-a-file', `${path} is not a folder`);
    return err('name-conflict', `${path} is a file`);
  }

  return {
    root: kept.root,
    at,
    enter,
    // Whatever was given out by `enter` is one that is held.
    leave: (directory) => kept.leave(directory as Held),
    forget: (directory) => kept.drop(directory as Held),
    renew,
    *unmake(made) {
      try {
        for (const path of made.toReversed()) {
          const parent = yield* enter(folderOf(path));
          if (!parent.ok) return;
          try {
            yield* io.removeFolder(at(parent.value, lastOf(path)));
          } finally {
            kept.leave(parent.value);
          }
        }
      } catch (error) {
        // Somebody uses it by now, or it is gone already. An empty folder is in nobody's way.
        if (errnoOf(error) === undefined) throw error;
      }
    },
    close: () => kept.close(),
  };
}

/** Whether an open folder can be named through /proc. */
function canName({ fs }: DiskIo, root: Root): boolean {
  try {
    return fs.readlinkSync(`/proc/self/fd/${root.fd}`) === root.path;
  } catch {
    return false;
  }
}
