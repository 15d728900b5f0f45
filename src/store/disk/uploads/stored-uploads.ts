/**
 * Unfinished uploads to which no put writes: `.sluice/parts/<record>`, one file each, whose name is its
 * record.
 *
 * Other stores on the same root, in this process or in others, store theirs here too, so each call reads the
 * folder. To resume an upload, a store first moves it away: only one store can, and no other finds it until
 * it is moved back.
 */
import type { Stats } from 'node:fs';
import { RESERVED_FOLDER } from '../../../files/protocol/filename.ts';
import { type Task, wait } from '../../task.ts';
import type { Directory } from '../directory.ts';
import type { Disk } from '../disk.ts';
import { OPEN_FLAGS } from '../disk-io.ts';
import { errnoOf, ignoreSystemErrors } from '../errno.ts';
import type { Rescue } from '../staging-folder.ts';
import {
  parseActiveFileName,
  parseStoredFileName,
  storedFileName,
  type UploadRecord,
} from './upload-record.ts';
import { beginsWith } from './verify-upload.ts';

export interface StoredUploads {
  /** The upload of each key, as far as this store knows. Files in the folder bound them. */
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
  /**
   * Removes uploads without a write since that time (milliseconds since 1970). `runExclusive` keeps other
   * calls from the key.
   */
  sweep(before: number, runExclusive: <T>(key: string, steps: Task<T>) => Task<T>): Task<void>;
  /** Saves the uploads that were active in a store that has ended. */
  readonly rescue: Rescue;
}

const STORED_FOLDER = `${RESERVED_FOLDER}/parts`;

/**
 * A file with a second name is not an upload any more. A commit that replaces nothing first links the file to
 * its name; a process that is killed then leaves it here too. A write to it would change the stored file.
 */
const isUploadFile = (file: Stats | undefined): file is Stats => file?.isFile() === true && file.nlink === 1;

export function createStoredUploads({ io, directories, durable }: Disk): StoredUploads {
  const known = new Map<string, UploadRecord>();
  /** Uploads whose bytes this store wrote or has read back, by name. A subset of `known`. */
  const trusted = new Map<string, string>();

  const pathOf = (directory: Directory, record: UploadRecord) =>
    directories.at(directory, storedFileName(record));
  const remember = (record: UploadRecord, isTrusted: boolean) => {
    known.set(record.key, record);
    if (isTrusted) trusted.set(record.key, storedFileName(record));
    else trusted.delete(record.key);
  };
  const forget = (key: string) => {
    known.delete(key);
    trusted.delete(key);
  };

  /** @param created given when a missing folder has to be made, and its path to be durable. */
  function* inFolder<T>(act: (directory: Directory) => Task<T>, created?: string[]): Task<T | undefined> {
    const entered = yield* directories.enter(STORED_FOLDER, created);
    if (!entered.ok) return undefined;
    try {
      return yield* act(entered.value);
    } finally {
      directories.leave(entered.value);
    }
  }

  /** The records in the folder, of one upload or of all; those with the most bytes first. */
  function* records(directory: Directory, key?: string): Task<UploadRecord[]> {
    const found: UploadRecord[] = [];
    for (const { name } of yield* io.entries(directories.at(directory, '.'))) {
      const record = parseStoredFileName(name);
      if (record !== undefined && (key ?? record.key) === record.key) found.push(record);
    }
    return found.sort((a, b) => b.length - a.length || Number(b.synced) - Number(a.synced));
  }

  function* holdsRecord(directory: Directory, record: UploadRecord): Task<boolean> {
    const path = pathOf(directory, record);
    const file = yield* io.lstat(path);
    if (!isUploadFile(file) || file.size < record.length) return false;
    // A synced record got its name after the sync. For any other, a power cut may have kept the name and lost
    // the bytes.
    return (
      record.synced ||
      trusted.get(record.key) === storedFileName(record) ||
      (yield* beginsWith(io, path, record))
    );
  }

  function* find(key: string): Task<UploadRecord | undefined> {
    const best = yield* inFolder(function* (directory) {
      let first: UploadRecord | undefined;
      for (const record of yield* records(directory, key)) {
        if (first === undefined && (yield* holdsRecord(directory, record))) first = record;
        else yield* ignoreSystemErrors(io.unlink(pathOf(directory, record), record.length));
      }
      return first;
    });
    if (best === undefined) forget(key);
    else remember(best, true);
    return best;
  }

  function* take(record: UploadRecord, to: string): Task<boolean> {
    const isTaken = yield* inFolder(function* (directory) {
      const path = pathOf(directory, record);
      if ((yield* io.lstat(path)) === undefined) return false;
      yield* io.rename(path, to);
      return true;
    });
    forget(record.key);
    return isTaken ?? false;
  }

  function* store(from: string, record: UploadRecord, isTrusted: boolean): Task<boolean> {
    const isStored = yield* inFolder(function* (directory) {
      yield* io.rename(from, pathOf(directory, record));
      remember(record, isTrusted);
      return true;
    }, []);
    return isStored ?? false;
  }

  function* secure(record: UploadRecord): Task<UploadRecord | undefined> {
    const now = { ...record, synced: record.synced || durable };
    if (!durable) return now;
    try {
      return yield* inFolder(function* (directory) {
        if (!record.synced) {
          const fd = yield* io.open(pathOf(directory, record), OPEN_FLAGS.read);
          try {
            yield* io.syncFile(fd, false);
          } finally {
            io.closeQuietly(fd);
          }
          yield* io.rename(pathOf(directory, record), pathOf(directory, now));
          remember(now, true);
        }
        yield* wait(directory.sync);
        return now;
      }, []);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
      forget(record.key);
      return undefined;
    }
  }

  function* drop(key: string): Task<boolean> {
    const isDropped = yield* inFolder(function* (directory) {
      const found = yield* records(directory, key);
      for (const record of found) yield* io.unlink(pathOf(directory, record), record.length);
      return found.length > 0;
    });
    forget(key);
    return isDropped ?? false;
  }

  /** Checks a record that was seen a moment ago; returns whether it still exists. */
  function* checkStored(
    directory: Directory,
    record: UploadRecord,
    before: number,
    isBest: boolean,
  ): Task<boolean> {
    const path = pathOf(directory, record);
    const file = yield* io.lstat(path);
    if (file === undefined) return false;
    if (isBest && file.mtimeMs >= before) {
      if (trusted.get(record.key) !== storedFileName(record)) remember(record, false);
      return true;
    }
    yield* ignoreSystemErrors(io.unlink(path, file.size));
    return false;
  }

  function* sweep(before: number, runExclusive: <T>(key: string, steps: Task<T>) => Task<T>): Task<void> {
    const gone = new Set(known.keys());
    yield* inFolder(function* (directory) {
      const seen = new Set<string>();
      for (const record of yield* records(directory)) {
        const { key } = record;
        const isThere = yield* runExclusive(key, checkStored(directory, record, before, !seen.has(key)));
        if (!isThere) continue;
        seen.add(key);
        gone.delete(key);
      }
    });
    for (const key of gone) {
      // An upload that was stored meanwhile was not seen, but exists.
      yield* runExclusive(key, forgetIfGone(key));
    }
  }

  function* forgetIfGone(key: string): Task<void> {
    const record = known.get(key);
    if (record === undefined) return;
    const file = yield* inFolder((directory) => io.lstat(pathOf(directory, record)));
    if (file === undefined) forget(key);
  }

  return {
    known,
    find,
    take,
    store: (from, record) => store(from, record, true),
    secure,
    drop,
    sweep,
    *rescue(path, name) {
      const record = parseActiveFileName(name);
      if (record === undefined || record.length === 0 || !isUploadFile(yield* io.lstat(path))) return false;
      return yield* store(path, record, false);
    },
  };
}
