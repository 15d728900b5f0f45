/**
 * The root of a disk store: the store makes it if it is missing, keeps it open, and notices when it is
 * removed.
 */
import { dirname, resolve } from 'node:path';
import type { Task } from '../../task.ts';
import type { Root } from '../directories/directory.ts';
import { type DiskIo, OPEN_FLAGS } from '../disk-io.ts';
import { createSystemError, errnoOf } from '../errno.ts';

/**
 * Opens the root. Its path may lead through symbolic links; below it the store follows none. Throws system
 * errors.
 *
 * @param durable whether the entry of a folder that is made has to be on stable storage first.
 */
export function* openRoot(io: DiskIo, root: string, durable: boolean): Task<Root> {
  yield* makeFolders(io, resolve(root), durable);
  const path = io.fs.realpathSync(root);
  return { path, fd: yield* io.open(path, OPEN_FLAGS.folder) };
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
  const result = yield* makeFolder(io, folder);
  if (result === 'there') return;
  if (result === 'no parent') {
    yield* makeFolders(io, dirname(folder), durable);
    yield* io.makeFolder(folder, 0o777);
  }
  if (!durable) return;
  const parent = yield* io.open(dirname(folder), OPEN_FLAGS.folderByLink);
  try {
    yield* io.syncFile(parent, true);
  } finally {
    io.closeQuietly(parent);
  }
}

/**
 * Whether an open folder was removed. A folder that was moved was not: it still has its files. Most file
 * systems report a removed folder by a link count of 0; where folders have no link count, the kernel's name
 * for it says so.
 */
export function isRootRemoved({ fs }: DiskIo, { path, fd }: Root): boolean {
  try {
    if (fs.fstatSync(fd).nlink === 0) return true;
    return fs.readlinkSync(`/proc/self/fd/${fd}`) === `${path} (deleted)`;
  } catch {
    return false;
  }
}

/**
 * The error when the root is gone. Its code is not ENOENT, which would mean a missing file in the root, but
 * the one that a network file system uses for the same. The message tells the operator where to look.
 *
 * @param isTaken whether something that is not a folder is in its place.
 */
export function createRootGoneError(path: string, isTaken: boolean): Error {
  const suffix = isTaken ? ', and what is in its place is not a folder' : '';
  return createSystemError(
    'ESTALE',
    `the root ${path} is gone${suffix}; once it is made again the store goes on`,
  );
}
