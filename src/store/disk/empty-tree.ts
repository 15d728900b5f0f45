/** Empty folders are no obstacle: to a store there are only files, and a name that no file has is free. */

import { joinName } from '../names.ts';
import type { Task } from '../task.ts';
import type { At, Folder } from './directory.ts';
import { type DiskIo, OPEN_FLAGS } from './disk-io.ts';
import { errnoOf } from './errno.ts';

/** As deep as folders get by names of at most 1,024 bytes; what is deeper is not the store's. */
const DEPTH_MAX = 512;

/** Whether a folder holds nothing but folders, all the way down. No symbolic link is followed. */
export const isEmptyTree = (io: DiskIo, at: At, parent: Folder, child: string): Task<boolean> =>
  visit(io, at, parent, child, { levels: DEPTH_MAX, remove: false });

/**
 * Removes such a folder. Answers whether it did: not when anything but folders is in there, and then everything is as
 * it was.
 */
export function* removeEmptyTree(io: DiskIo, at: At, parent: Folder, child: string): Task<boolean> {
  try {
    if (!(yield* isEmptyTree(io, at, parent, child))) return false;
    return yield* visit(io, at, parent, child, { levels: DEPTH_MAX, remove: true });
  } catch (error) {
    const errno = errnoOf(error);
    // Gone meanwhile is as good as removed; filled meanwhile is as good as never empty.
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
