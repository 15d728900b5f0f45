/**
 * The staging folder, where files are until they are complete: `.sluice/tmp/<owner>/<number>` below the root.
 *
 * It is on the same file system as the published files, so a rename can publish a file. Each open store has a
 * folder of its own there and removes it when it is closed. When a store is opened, it removes the folders of
 * killed processes on the same root. Both spare unfinished uploads: those are moved to the folder of stored
 * uploads (see `stored-uploads.ts`).
 */
import nodeFs from 'node:fs';
import { RESERVED_FOLDER as privateName } from '../../files/protocol/filename.ts';
import type { Task } from '../task.ts';
import type { Directories } from './directories.ts';
import type { At, Folder } from './directory.ts';
import { type DiskIo, OPEN_FLAGS } from './disk-io.ts';
import { asServerError, errnoOf } from './errno.ts';
import { endOwner, newOwner, ownerOf, ownerState } from './owner.ts';

/** A new file whose name no peer can use. */
export interface StagedFile {
  readonly fd: number;
  /** The path by which the system finds it, until the store is closed. */
  readonly path: string;
}

export interface StagingFolder {
  /** Makes an empty file, open for writing. Throws system errors. */
  create(): Task<StagedFile>;
  /**
   * Acts in this store's folder, which is made again when it is gone. Throws system errors, but none that
   * would blame the peer.
   */
  within<T>(act: (folder: Folder) => Task<T>): Task<T>;
  /** Removes this store's remaining files and its folder. Never throws system errors. */
  close(): Task<void>;
}

/** Moves a file to the stored uploads, if it is an unfinished upload; returns whether it was. */
export type Rescue = (path: string, name: string) => Task<boolean>;

/** The explanation when the reserved folder is not a folder that a store made. Peers and operators see it. */
export const RESERVED_FOLDER_ADVICE =
  `'${privateName}' in the root, which is the server's own, or what is in it was replaced; ` +
  'move away what is in its place, and the server makes it again';

/** Milliseconds after its last change for which a folder of another host is left untouched. */
const FOREIGN_OWNER_GRACE_MS = 24 * 60 * 60 * 1000;

/** Makes this store's folder, and removes those of dead owners. Throws system errors. */
export function* openStagingFolder(
  io: DiskIo,
  { root, at, reopenRoot }: Directories,
  rescue: Rescue,
): Task<StagingFolder> {
  const name = newOwner();
  /**
   * The last one is in use. Earlier ones were deleted from outside; paths still in use contain their
   * descriptors.
   */
  const own: Folder[] = [];
  let serial = 0;

  function* makeOwnFolder(): Task<Folder> {
    let folder: Folder = root;
    for (const child of [privateName, 'tmp', name]) {
      const parent = folder;
      try {
        folder = yield* makeAndOpen(io, at, parent, child);
        if (child === 'tmp' && own.length === 0) yield* removeOrphans(io, at, folder, rescue);
      } finally {
        if (parent !== root) io.closeQuietly(parent.fd);
      }
    }
    own.push(folder);
    return folder;
  }

  function* createIn(folder: Folder): Task<StagedFile> {
    const path = at(folder, String(++serial));
    return { fd: yield* io.open(path, OPEN_FLAGS.create, 0o666), path };
  }

  let folder: Folder;
  try {
    folder = yield* makeOwnFolder();
  } catch (error) {
    endOwner(name);
    throw asServerError(error, RESERVED_FOLDER_ADVICE);
  }

  function* withinCurrent<T>(act: (folder: Folder) => Task<T>): Task<T> {
    try {
      return yield* act(folder);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
      yield* reopenRoot();
      folder = yield* makeOwnFolder();
      return yield* act(folder);
    }
  }

  function* within<T>(act: (folder: Folder) => Task<T>): Task<T> {
    try {
      return yield* withinCurrent(act);
    } catch (error) {
      throw asServerError(error, RESERVED_FOLDER_ADVICE);
    }
  }

  return {
    create: () => within(createIn),
    within,
    *close() {
      try {
        yield* emptyFolder(io, at, folder, rescue);
        const tmp = yield* openBelow(io, at, root, [privateName, 'tmp']);
        try {
          yield* io.removeFolder(at(tmp, name));
        } finally {
          io.closeQuietly(tmp.fd);
        }
      } catch (error) {
        if (errnoOf(error) === undefined) throw error;
      } finally {
        for (const { fd } of own) io.closeQuietly(fd);
        endOwner(name);
      }
    },
  };
}

function* makeAndOpen(io: DiskIo, at: At, parent: Folder, child: string): Task<Folder> {
  try {
    yield* io.makeFolder(at(parent, child), 0o700);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
  return yield* openBelow(io, at, parent, [child]);
}

/** Opens a folder some levels down; it follows no link. */
function* openBelow(io: DiskIo, at: At, start: Folder, children: readonly string[]): Task<Folder> {
  let folder = start;
  for (const child of children) {
    const parent = folder;
    try {
      const path = parent.path === '' ? child : `${parent.path}/${child}`;
      folder = { fd: yield* io.open(at(parent, child), OPEN_FLAGS.folder), path };
    } finally {
      if (parent !== start) io.closeQuietly(parent.fd);
    }
  }
  return folder;
}

/**
 * Throws no system errors: a file that cannot be removed does no harm, and another process may be removing it
 * too.
 */
function* removeOrphans(io: DiskIo, at: At, tmp: Folder, rescue: Rescue): Task<void> {
  try {
    for (const { name } of yield* io.entries(at(tmp, '.'))) {
      const owner = ownerOf(name);
      const state = owner === undefined ? 'alive' : ownerState(owner, () => isOpenHere(name));
      const graceMs = state === 'unknown' ? FOREIGN_OWNER_GRACE_MS : 0;
      if (state !== 'alive') yield* removeOwned(io, at, tmp, name, graceMs, rescue);
    }
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
}

/** @param graceMs the folder stays if anything in it changed in this many milliseconds. */
function* removeOwned(
  io: DiskIo,
  at: At,
  tmp: Folder,
  name: string,
  graceMs: number,
  rescue: Rescue,
): Task<void> {
  const folder = yield* openBelow(io, at, tmp, [name]);
  try {
    if (graceMs > 0 && (yield* lastChange(io, at, folder)) > Date.now() - graceMs) return;
    yield* emptyFolder(io, at, folder, rescue);
    yield* io.removeFolder(at(tmp, name));
  } finally {
    io.closeQuietly(folder.fd);
  }
}

function* emptyFolder(io: DiskIo, at: At, folder: Folder, rescue: Rescue): Task<void> {
  for (const { name } of yield* io.entries(at(folder, '.'))) {
    const path = at(folder, name);
    if (!(yield* rescue(path, name))) yield* io.unlink(path);
  }
}

/** When the folder or a file in it last changed, in milliseconds since 1970. */
function* lastChange(io: DiskIo, at: At, folder: Folder): Task<number> {
  let last = io.fs.fstatSync(folder.fd).mtimeMs;
  for (const { name } of yield* io.entries(at(folder, '.'))) {
    last = Math.max(last, (yield* io.lstat(at(folder, name)))?.mtimeMs ?? 0);
  }
  return last;
}

/**
 * Whether this process, in any of its threads, has a folder of this name open. False where there is no /proc.
 */
function isOpenHere(name: string): boolean {
  try {
    return nodeFs.readdirSync('/proc/self/fd').some((fd) => {
      try {
        return nodeFs.readlinkSync(`/proc/self/fd/${fd}`).endsWith(`/${name}`);
      } catch {
        return false;
      }
    });
  } catch {
    return false;
  }
}
