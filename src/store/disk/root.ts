/** The root of a disk store: made if it is missing, and held open. */
import { dirname, resolve } from 'node:path';
import type { Task } from '../task.ts';
import type { Root } from './directories.ts';
import { type DiskIo, flags } from './disk-io.ts';
import { errnoOf } from './errno.ts';

/**
 * Opens the root, whose path may lead through symbolic links, for the last time that any is followed. Throws what the
 * system throws.
 *
 * @param durable whether the entry of a folder that is made has to be on stable storage first.
 */
export function* openRoot(io: DiskIo, root: string, durable: boolean): Task<Root> {
  yield* makeFolders(io, resolve(root), durable);
  const path = io.fs.realpathSync(root);
  return { path, fd: yield* io.open(path, flags.folder) };
}

function* makeFolder(io: DiskIo, folder: string): Task<'made' | 'there' | 'no parent'> {
  try {
    yield* io.makeFolder(folder, 0o777);
    return 'made';
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'EEXIST') return 'there';
    if (errno === 'ENOENT' && dirname(folder) !== folder) return 'no parent';
    throw error;
  }
}

function* makeFolders(io: DiskIo, folder: string, durable: boolean): Task<void> {
  const made = yield* makeFolder(io, folder);
  if (made === 'there') return;
  if (made === 'no parent') {
    yield* makeFolders(io, dirname(folder), durable);
    yield* io.makeFolder(folder, 0o777);
  }
  if (!durable) return;
  const parent = yield* io.open(dirname(folder), flags.folderByLink);
  try {
    yield* io.syncFile(parent, true);
  } finally {
    io.letGo(parent);
  }
}
