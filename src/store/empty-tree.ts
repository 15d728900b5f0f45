/** Empty folders are no obstacle: to a store there are only files, and a name that no file has is free. */
import type { Directory } from './directories.ts';
import { type DiskIo, flags } from './disk-io.ts';
import { errnoOf } from './errno.ts';
import type { Task } from './task.ts';

/** As deep as folders get by names of at most 1,024 bytes; what is deeper is not the store's. */
const deepest = 512;

/**
 * Removes a folder that holds nothing but folders, all the way down. Answers whether it did: not when anything
 * else is in there, and then everything is as it was. No symbolic link is followed.
 *
 * @param place the path of the folder by which the system finds it, its parent being held open.
 */
export function* removeEmptyTree(
  io: DiskIo,
  at: (directory: Pick<Directory, 'fd' | 'path'>, child: string) => string,
  parent: Pick<Directory, 'fd' | 'path'>,
  child: string,
): Task<boolean> {
  const place = at(parent, child);
  try {
    if (!(yield* holdsOnlyFolders(io, at, parent, child, deepest, false))) return false;
    yield* holdsOnlyFolders(io, at, parent, child, deepest, true);
    yield* io.removeFolder(place);
    return true;
  } catch (error) {
    const errno = errnoOf(error);
    // Gone meanwhile is as good as removed; filled meanwhile is as good as never empty.
    if (errno === 'ENOENT') return true;
    if (errno === 'ENOTEMPTY' || errno === 'EEXIST' || errno === 'ENOTDIR') return false;
    throw error;
  }
}

function* holdsOnlyFolders(
  io: DiskIo,
  at: (directory: Pick<Directory, 'fd' | 'path'>, child: string) => string,
  parent: Pick<Directory, 'fd' | 'path'>,
  child: string,
  levels: number,
  remove: boolean,
): Task<boolean> {
  const fd = yield* io.open(at(parent, child), flags.folder);
  const folder = { fd, path: parent.path === '' ? child : `${parent.path}/${child}` };
  try {
    for (const entry of yield* io.entries(at(folder, '.'))) {
      if (!entry.isDirectory() || levels === 0) return false;
      if (!(yield* holdsOnlyFolders(io, at, folder, entry.name, levels - 1, remove))) return false;
      if (remove) yield* io.removeFolder(at(folder, entry.name));
    }
    return true;
  } finally {
    yield* io.close(fd);
  }
}
