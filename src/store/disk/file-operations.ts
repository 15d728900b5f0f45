/** The operations of the disk store on names: stat, remove, rename, and the early check of a put. */
import type { Stats } from 'node:fs';
import type { FileInfo, Outcome, Removed, Renamed } from '../contract.ts';
import { folderOf, lastSegmentOf } from '../names.ts';
import { err, ok, type RefusedOutcome } from '../outcome.ts';
import { type Task, wait } from '../task.ts';
import type { Directory } from './directories/directory.ts';
import { isEmptyTree } from './directories/empty-tree.ts';
import { type Disk, fileInfo, fileInfoWithChecksum } from './disk.ts';
import type { DiskIo } from './disk-io.ts';
import { errnoOf, ignoreSystemErrors } from './errno.ts';
import { type Publication, type Published, publishFile } from './publish-file.ts';
import type { ChangeTurn } from './recorded-change.ts';

/** The stats, if they are of a file that can be read, removed or renamed. */
export function regularFile(stats: Stats | undefined): Outcome<Stats> {
  if (stats === undefined) return err('not-found');
  if (stats.isFile()) return ok(stats);
  return stats.isDirectory() ? err('not-found', 'it is a folder') : err('not-a-file');
}

/** Acts in the folder of a file that should exist. */
export function* inFolderOf<T>(disk: Disk, name: string, act: InFolder<T>): Task<Outcome<T>> {
  const outcome = yield* inFolderOnce(disk, name, act);
  const isMissing = !outcome.ok && outcome.error.code === 'not-found';
  if (!isMissing || !(yield* disk.directories.reopenRoot())) return outcome;
  return yield* inFolderOnce(disk, name, act);
}

type InFolder<T> = (path: string, directory: Directory) => Task<Outcome<T>>;

function* inFolderOnce<T>({ directories }: Disk, name: string, act: InFolder<T>): Task<Outcome<T>> {
  const entered = yield* directories.enter(folderOf(name));
  if (!entered.ok) return entered.error.code === 'name-conflict' ? err('not-found') : entered;
  try {
    return yield* act(directories.at(entered.value, lastSegmentOf(name)), entered.value);
  } catch (error) {
    // The file was removed between the check and the operation.
    if (errnoOf(error) === 'ENOENT') return err('not-found');
    throw error;
  } finally {
    directories.leave(entered.value);
  }
}

export const statFile = (disk: Disk, name: string): Task<Outcome<FileInfo>> =>
  inFolderOf(disk, name, function* (path) {
    const file = regularFile(yield* disk.io.lstat(path));
    return file.ok ? ok(yield* fileInfoWithChecksum(disk, name, file.value)) : file;
  });

/** The same without its checksum, which another process may have to be asked for. */
export const describeFile = (disk: Disk, name: string): Task<Outcome<FileInfo>> =>
  inFolderOf(disk, name, function* (path) {
    const file = regularFile(yield* disk.io.lstat(path));
    return file.ok ? ok(fileInfo(name, file.value)) : file;
  });

/** @param turn where the removal is recorded before it happens, when there is a log. */
export const removeFile = (disk: Disk, name: string, turn?: ChangeTurn): Task<Outcome<Removed>> =>
  inFolderOf(disk, name, function* (path, directory) {
    const file = regularFile(yield* disk.io.lstat(path));
    if (!file.ok) return file;
    if (turn !== undefined) {
      const fault = yield* turn.begin({ type: 'removed', name, ...factsOf(disk, name, file.value) });
      if (fault !== undefined) return fault;
    }
    yield* disk.io.unlink(path, file.value.size);
    disk.checksums.drop(name);
    if (disk.durable) yield* wait(directory.sync);
    return ok({ size: file.value.size });
  });

/** What a log of changes is told of a file. */
function factsOf(
  { checksums }: Disk,
  name: string,
  stats: Stats,
): { readonly size: number; readonly ino: number; readonly crc32?: number } {
  const { size, ino } = stats;
  const crc32 = checksums.lookup(name, stats);
  return crc32 === undefined ? { size, ino } : { size, crc32, ino };
}

/** @param turn as in `removeFile`. */
export const moveFile = (
  disk: Disk,
  from: string,
  to: string,
  ifAbsent: boolean | undefined,
  turn?: ChangeTurn,
): Task<Outcome<Renamed>> =>
  inFolderOf(disk, from, function* (path, directory) {
    const file = regularFile(yield* disk.io.lstat(path));
    if (!file.ok) return file;
    if (from !== to)
      return yield* moveTo(disk, { from, place: path, directory, file: file.value, turn }, to, ifAbsent);
    return ifAbsent === true ? err('exists') : ok({ ...fileInfo(to, file.value), replaced: 0 });
  });

function* moveTo(
  disk: Disk,
  source: {
    readonly from: string;
    readonly place: string;
    readonly directory: Directory;
    readonly file: Stats;
    readonly turn: ChangeTurn | undefined;
  },
  to: string,
  ifAbsent: boolean | undefined,
): Task<Outcome<Renamed>> {
  const { io, directories, durable } = disk;
  const created: string[] = [];
  let moved = false;
  if (source.turn !== undefined) {
    const facts = factsOf(disk, source.from, source.file);
    const fault = yield* source.turn.begin({ type: 'renamed', name: to, from: source.from, ...facts });
    if (fault !== undefined) return fault;
  }
  try {
    const publication = { from: source.place, file: source.file, to, ifAbsent, created };
    const published = yield* publishMoved(disk, publication);
    if (!published.ok) return published;
    const { directory, how, replaced } = published.value;
    try {
      if (how !== 'moved') {
        const undo = how === 'linked' ? directories.at(directory, lastSegmentOf(to)) : undefined;
        yield* unlinkOrUndo(io, source.place, undo);
      }
      moved = true;
      disk.checksums.move(source.from, to, source.file);
      // First the sync of the new name, then of the removed old one: at no time is the file without both.
      if (durable) yield* wait(directory.sync);
    } finally {
      directories.leave(directory);
    }
    if (durable) yield* wait(source.directory.sync);
    return ok({ ...fileInfo(to, source.file), replaced });
  } finally {
    if (!moved) yield* directories.removeCreated(created);
  }
}

function* publishMoved(disk: Disk, publication: Publication): Task<Outcome<Published>> {
  try {
    return yield* publishFile(disk, publication);
  } catch (error) {
    // Since the check the file has become a folder, and its new name would be in that.
    if (errnoOf(error) === 'EINVAL') return err('not-found', 'it is a folder');
    throw error;
  }
}

/** Removes the old name of a file. If that fails, removes the new one, so that nothing has changed. */
function* unlinkOrUndo(io: DiskIo, old: string, undo: string | undefined): Task<void> {
  try {
    yield* io.unlink(old);
  } catch (error) {
    if (undo !== undefined) yield* ignoreSystemErrors(io.unlink(undo));
    throw error;
  }
}

/**
 * The error with which a put of this name would fail if it were committed now; undefined when it would not.
 * It saves receiving a large body in vain; the commit decides.
 */
export function* putFault(
  disk: Disk,
  to: string,
  ifAbsent: boolean | undefined,
): Task<RefusedOutcome | undefined> {
  const { io, directories } = disk;
  const entered = yield* directories.enter(folderOf(to));
  if (!entered.ok) return entered.error.code === 'not-found' ? undefined : entered;
  try {
    const stats = yield* io.lstat(directories.at(entered.value, lastSegmentOf(to)));
    if (stats === undefined) return undefined;
    if (stats.isFile()) return ifAbsent === true ? err('exists') : undefined;
    if (!stats.isDirectory()) return err('not-a-file');
    const free = yield* isEmptyTree(io, directories.at, entered.value, lastSegmentOf(to));
    return free ? undefined : err('name-conflict', `${to} is a folder with files in it`);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  } finally {
    directories.leave(entered.value);
  }
}
