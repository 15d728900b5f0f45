/** Empty folders are no obstacle: to a store there are only files, and a name that no file has is free. */

import { within } from '../names.ts';
import type { Task } from '../task.ts';
import type { At, Folder } from './directories.ts';
import { type DiskIo, flags } from './disk-io.ts';
import { errnoOf } from './errno.ts';

/** As deep as folders get by names of at most 1,024 bytes; what is deeper is not the store's. */
const deepest = 512;

/** Whether a folder holds nothing but folders, all the way down. No symbolic link is followed. */
export const isEmptyTree = (io: DiskIo, at: At, parent: Folder, child: string): Task<boolean> =>
  visit(io, at, parent, child, { levels: deepest, remove: false });

/**
 * Removes such a folder. Answers whether it did: not when anything but folders is in there, and then everything is as
 * it was.
 */
export function* removeEmptyTree(io: DiskIo, at: At, parent: Folder, child: string): Task<boolean> {
  try {
    if (!(yield* isEmptyTree(io, at, parent, child))) return false;
    return yield* visit(io, at, parent, child, { levels: deepest, remove: true });
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
  const place = at(parent, child);
  const folder = { fd: yield* io.open(place, flags.folder), path: within(parent.path, child) };
  const below = { ...how, levels: how.levels - 1 };
  try {
    for (const entry of yield* io.entries(at(folder, '.'))) {
      if (!entry.isDirectory() || how.levels === 0) return false;
      if (!(yield* visit(io, at, folder, entry.name, below))) return false;
    }
  } finally {
    io.letGo(folder.fd);
  }
  if (how.remove) yield* io.removeFolder(place);
  return true;
}
