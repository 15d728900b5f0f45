/**
 * Unfinished uploads that nobody writes to: `.sluice/parts/<record>`, one file each, whose name is its record.
 *
 * Other stores on the same root, in this process or others, keep theirs here too, so the folder is asked each time.
 * Who takes one up moves it away first: only one can, and nobody else finds it until it is moved back.
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
  /** The one each key has, as far as this store knows by now. As many as lie there. */
  readonly known: ReadonlyMap<string, UploadRecord>;
  /** What there is of an upload, and surely is: what claims more than that is removed. */
  find(key: string): Task<UploadRecord | undefined>;
  /** Moves what was found to `to`. False when it is gone: another process was faster. */
  take(record: UploadRecord, to: string): Task<boolean>;
  /** Moves a file here that has so much of an upload. False when this cannot be, whatever is in the way. */
  store(from: string, record: UploadRecord): Task<boolean>;
  /** Makes it survive a power cut, there where it lies. Undefined when it is gone. */
  secure(record: UploadRecord): Task<UploadRecord | undefined>;
  /** Removes all there is of an upload; answers whether there was any. */
  drop(key: string): Task<boolean>;
  /** Removes what nobody wrote to since that time (milliseconds since 1970); `alone` keeps others from the key. */
  sweep(before: number, runExclusive: <T>(key: string, steps: Task<T>) => Task<T>): Task<void>;
  /** For what was under way in a store that has come to its end. */
  readonly rescue: Rescue;
}

const STORED_FOLDER = `${RESERVED_FOLDER}/parts`;

/**
 * What has a second name is no part any more: a commit that replaces nothing links the file to its name first, and
 * whoever was killed right then has left it here too. To write to it would be to write to the stored file.
 */
const isUploadFile = (file: Stats | undefined): file is Stats => file?.isFile() === true && file.nlink === 1;

export function createStoredUploads({ io, directories, durable }: Disk): StoredUploads {
  const known = new Map<string, UploadRecord>();
  /** Those whose bytes this store wrote or has read back since it was opened, by name. A subset of `known`. */
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

  /** @param made given when the folder is to be made if it is missing, and the way there to be durable. */
  function* inFolder<T>(act: (directory: Directory) => Task<T>, made?: string[]): Task<T | undefined> {
    const entered = yield* directories.enter(STORED_FOLDER, made);
    if (!entered.ok) return undefined;
    try {
      return yield* act(entered.value);
    } finally {
      directories.leave(entered.value);
    }
  }

  /** The records in the folder: of one upload or of all, those with the most to them first. */
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
    // The name of a synced one was given after the sync. Of another a power cut may have left the name and not the bytes.
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

  /** Looks at one that was seen a moment ago; answers whether it is still there. */
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
      // What was kept meanwhile has a place of its own in the folder, which was not seen.
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
