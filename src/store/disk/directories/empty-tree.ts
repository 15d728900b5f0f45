/** Empty folders do not block a name: a store has only files, and a name is free when no file has it. */

import { joinName } from '../../names.ts';
import type { Task } from '../../task.ts';
import { type DiskIo, OPEN_FLAGS } from '../disk-io.ts';
import { errnoOf } from '../errno.ts';
import type { At, Folder } from './directory.ts';

/** The depth that names of at most 1,024 bytes can reach; deeper folders are not the store's. */
const DEPTH_MAX = 512;

/** Whether a folder contains only folders, at every level. It follows no symbolic link. */
export const isEmptyTree = (io: DiskIo, at: At, parent: Folder, child: string): Task<boolean> =>
  visit(io, at, parent, child, { levels: DEPTH_MAX, remove: false });

/**
 * Removes such a folder. Returns whether it did; when it contains anything but folders, nothing is changed.
 */
export function* removeEmptyTree(io: DiskIo, at: At, parent: Folder, child: string): Task<boolean> {
  try {
    if (!(yield* isEmptyTree(io, at, parent, child))) return false;
    return yield* visit(io, at, parent, child, { levels: DEPTH_MAX, remove: true });
  } catch (error) {
    const errno = errnoOf(error);
    // A folder that is gone meanwhile counts as removed; one that got a file meanwhile counts as not empty.
    if (errno === 'ENOENT') return true;
    if (errno === 'ENOTEMPTY' || errno === 'EEXIST' || errno === 'ENOTDIR') return false;
    throw error;
  }
}

interface Visit {
  readonly levels: number;
  readonly remove: boolean;
}

function* visit(io: DiskIo, at: At, parent: Folder, child: string, how: Visit): Task<boolean> {
  const path = at(parent, child);
  const folder = { fd: yield* io.open(path, OPEN_FLAGS.folder), path: joinName(parent.path, child) };
  const below = { ...how, levels: how.levels - 1 };
  try {
    for (const entry of yield* io.entries(at(folder, '.'))) {
      if (!entry.isDirectory() || how.levels === 0) return false;
      if (!(yield* visit(io, at, folder, entry.name, below))) return false;
    }
  } finally {
    io.closeQuietly(folder.fd);
  }
  if (how.remove) yield* io.removeFolder(path);
  return true;
}
