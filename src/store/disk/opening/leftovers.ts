/**
 * Unfinished files that no put writes to any more: those of dead owners, which a store removes when it is
 * opened, and its own, which it removes when it is closed. It does not remove unfinished uploads, but moves
 * them to the folder of stored uploads (see `stored-uploads.ts`).
 */
import nodeFs from 'node:fs';
import type { Task } from '../../task.ts';
import type { At, Folder } from '../directories/directory.ts';
import { type DiskIo, OPEN_FLAGS } from '../disk-io.ts';
import { errnoOf } from '../errno.ts';
import { type OwnerState, ownerOf, ownerState } from '../owner.ts';

/** Moves a file to the stored uploads, if it is an unfinished upload; returns whether it was. */
export type Rescue = (path: string, name: string) => Task<boolean>;

/** Milliseconds after its last change for which a folder of another host is left untouched. */
const FOREIGN_OWNER_GRACE_MS = 24 * 60 * 60 * 1000;

interface LivingDeps {
  readonly io: DiskIo;
  readonly at: At;
}

export interface LeftoversDeps extends LivingDeps {
  /** Called with each file before it is removed. */
  readonly rescue: Rescue;
}

/**
 * Removes the folders of dead owners from `.sluice/tmp`. Throws no system errors: a file that cannot be
 * removed does no harm, and another process may be removing it too.
 *
 * @returns whether there were any.
 */
export function* removeOrphans(deps: LeftoversDeps, tmp: Folder): Task<boolean> {
  const { io, at } = deps;
  let wereAny = false;
  try {
    for (const { name } of yield* io.entries(at(tmp, '.'))) {
      const state = stateOf(name);
      // No store gave a folder such a name, so none may remove it.
      if (state === undefined || state === 'alive') continue;
      wereAny = true;
      yield* removeOwned(deps, tmp, name, state);
    }
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
  return wereAny;
}

/**
 * Removes the folder of one owner, if it is dead. Throws system errors.
 *
 * @returns whether it is gone. Not when its owner is alive, nor while another store removes it.
 */
export function* removeDead(deps: LeftoversDeps, tmp: Folder, name: string): Task<boolean> {
  const { io, at } = deps;
  const state = stateOf(name);
  if (state === undefined || (yield* io.lstat(at(tmp, name))) === undefined) return true;
  if (state !== 'dead') return false;
  yield* removeOwned(deps, tmp, name, state);
  return true;
}

/** The names of the folders whose owners are alive, or may be. Throws system errors. */
export function* livingOwners({ io, at }: LivingDeps, tmp: Folder): Task<readonly string[]> {
  const living: string[] = [];
  for (const { name } of yield* io.entries(at(tmp, '.'))) {
    const state = stateOf(name);
    if (state === 'alive' || (state === 'unknown' && (yield* isInUse(io, at, tmp, name)))) living.push(name);
  }
  return living;
}

/** What is known of the owner of a folder; undefined when no store gave it its name. */
function stateOf(name: string): OwnerState | undefined {
  const owner = ownerOf(name);
  return owner === undefined ? undefined : ownerState(owner, () => isOpenHere(name));
}

/** Whether a folder of another host changed so lately that its owner may be alive. */
function* isInUse(io: DiskIo, at: At, tmp: Folder, name: string): Task<boolean> {
  try {
    const folder = yield* openBelow(io, at, tmp, [name]);
    try {
      return yield* changedLately(io, at, folder);
    } finally {
      io.closeQuietly(folder.fd);
    }
  } catch (error) {
    // Its owner, or another store, has removed it.
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}

function* changedLately(io: DiskIo, at: At, folder: Folder): Task<boolean> {
  return (yield* lastChange(io, at, folder)) > Date.now() - FOREIGN_OWNER_GRACE_MS;
}

function* removeOwned(deps: LeftoversDeps, tmp: Folder, name: string, state: OwnerState): Task<void> {
  const { io, at } = deps;
  const folder = yield* openBelow(io, at, tmp, [name]);
  try {
    if (state === 'unknown' && (yield* changedLately(io, at, folder))) return;
    yield* emptyFolder(deps, folder);
    yield* io.removeFolder(at(tmp, name));
  } finally {
    io.closeQuietly(folder.fd);
  }
}

/** Removes all files of a folder, except unfinished uploads. Throws system errors. */
export function* emptyFolder({ io, at, rescue }: LeftoversDeps, folder: Folder): Task<void> {
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

/** Opens a folder some levels down; it follows no link. */
export function* openBelow(io: DiskIo, at: At, start: Folder, children: readonly string[]): Task<Folder> {
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
