/**
 * Unfinished uploads to which no put writes: `.sluice/parts/<record>`, one file each, whose name is its
 * record.
 *
 * To resume an upload, a store first moves it away: only one store can, and no other finds it until it is
 * moved back.
 */
import { type Task, wait } from '../../task.ts';
import type { Directory } from '../directories/directory.ts';
import type { Disk } from '../disk.ts';
import { OPEN_FLAGS } from '../disk-io.ts';
import { errnoOf, ignoreSystemErrors } from '../errno.ts';
import type { Rescue } from '../opening/leftovers.ts';
import {
  createUploadIndex,
  inStoredFolder,
  isUploadFile,
  pathOf,
  readRecords,
  type StoredFolder,
  type UploadIndex,
} from './stored-folder.ts';
import { type RunExclusive, sweepUploads } from './sweep-uploads.ts';
import { parseActiveFileName, type UploadRecord } from './upload-record.ts';
import { beginsWith } from './verify-upload.ts';

export interface StoredUploads {
  /** The upload of each key, as far as this store alone knows: see `UploadIndex`. */
  readonly known: ReadonlyMap<string, UploadRecord>;
  /** The record of an upload whose bytes were verified; a file that claims more than it has is removed. */
  find(key: string): Task<UploadRecord | undefined>;
  /** Moves an upload to `to`. False when it is gone: another process was faster. */
  take(record: UploadRecord, to: string): Task<boolean>;
  /** Moves a file with this record to the folder. False when the folder cannot be used. */
  store(from: string, record: UploadRecord): Task<boolean>;
  /** Makes an upload survive a power cut, where it is. Undefined when it is gone. */
  secure(record: UploadRecord): Task<UploadRecord | undefined>;
  /** Removes all files of an upload; returns whether there were any. */
  drop(key: string): Task<boolean>;
  /** Removes uploads without a write since that time (milliseconds since 1970). */
  sweep(before: number, runExclusive: RunExclusive): Task<void>;
  /** Saves the uploads that were active in a store that has ended. */
  readonly rescue: Rescue;
}

/** @param index that of the stores that share the root; default one of this store's own. */
export function createStoredUploads(disk: Disk, index: UploadIndex = createUploadIndex()): StoredUploads {
  const folder: StoredFolder = { disk, index };
  return {
    known: index.known,
    find: (key) => find(folder, key),
    take: (record, to) => take(folder, record, to),
    store: (from, record) => store(folder, from, record, true),
    secure: (record) => secure(folder, record),
    drop: (key) => drop(folder, key),
    sweep: (before, runExclusive) => sweepUploads(folder, before, runExclusive),
    rescue: (path, name) => rescue(folder, path, name),
  };
}

function* find(folder: StoredFolder, key: string): Task<UploadRecord | undefined> {
  const { io } = folder.disk;
  const best = yield* inStoredFolder(folder, function* (directory) {
    let first: UploadRecord | undefined;
    for (const record of yield* readRecords(folder, directory, key)) {
      if (first === undefined && (yield* holdsRecord(folder, directory, record))) first = record;
      else yield* ignoreSystemErrors(io.unlink(pathOf(folder, directory, record), record.length));
    }
    return first;
  });
  if (best === undefined) folder.index.forget(key);
  else folder.index.remember(best, true);
  return best;
}

function* holdsRecord(folder: StoredFolder, directory: Directory, record: UploadRecord): Task<boolean> {
  const { io } = folder.disk;
  const path = pathOf(folder, directory, record);
  const file = yield* io.lstat(path);
  if (!isUploadFile(file) || file.size < record.length) return false;
  // A synced record got its name after the sync. For any other, a power cut may have kept the name and lost
  // the bytes.
  return record.synced || folder.index.isTrusted(record) || (yield* beginsWith(io, path, record));
}

function* take(folder: StoredFolder, record: UploadRecord, to: string): Task<boolean> {
  const { io } = folder.disk;
  const isTaken = yield* inStoredFolder(folder, function* (directory) {
    const path = pathOf(folder, directory, record);
    if ((yield* io.lstat(path)) === undefined) return false;
    yield* io.rename(path, to);
    return true;
  });
  folder.index.forget(record.key);
  return isTaken ?? false;
}

/** @param trusted whether this store wrote or has read back the bytes. */
function* store(folder: StoredFolder, from: string, record: UploadRecord, trusted: boolean): Task<boolean> {
  const { io } = folder.disk;
  const isStored = yield* inStoredFolder(
    folder,
    function* (directory) {
      yield* io.rename(from, pathOf(folder, directory, record));
      folder.index.remember(record, trusted);
      return true;
    },
    [],
  );
  return isStored ?? false;
}

function* secure(folder: StoredFolder, record: UploadRecord): Task<UploadRecord | undefined> {
  const { durable } = folder.disk;
  const secured = { ...record, synced: record.synced || durable };
  if (!durable) return secured;
  try {
    return yield* inStoredFolder(
      folder,
      function* (directory) {
        if (!record.synced) {
          yield* syncAndRename(folder, directory, record, secured);
          folder.index.remember(secured, true);
        }
        yield* wait(directory.sync);
        return secured;
      },
      [],
    );
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    folder.index.forget(record.key);
    return undefined;
  }
}

function* syncAndRename(
  folder: StoredFolder,
  directory: Directory,
  from: UploadRecord,
  to: UploadRecord,
): Task<void> {
  const { io } = folder.disk;
  const fd = yield* io.open(pathOf(folder, directory, from), OPEN_FLAGS.read);
  try {
    yield* io.syncFile(fd, false);
  } finally {
    io.closeQuietly(fd);
  }
  yield* io.rename(pathOf(folder, directory, from), pathOf(folder, directory, to));
}

function* drop(folder: StoredFolder, key: string): Task<boolean> {
  const { io } = folder.disk;
  const isDropped = yield* inStoredFolder(folder, function* (directory) {
    const found = yield* readRecords(folder, directory, key);
    for (const record of found) yield* io.unlink(pathOf(folder, directory, record), record.length);
    return found.length > 0;
  });
  folder.index.forget(key);
  return isDropped ?? false;
}

function* rescue(folder: StoredFolder, path: string, name: string): Task<boolean> {
  const record = parseActiveFileName(name);
  if (record === undefined || record.length === 0) return false;
  if (!isUploadFile(yield* folder.disk.io.lstat(path))) return false;
  return yield* store(folder, path, record, false);
}
