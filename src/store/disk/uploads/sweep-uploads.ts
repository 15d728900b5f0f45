/** The sweep of the stored uploads: it removes the old ones, and learns of those that other stores left. */
import type { Task } from '../../task.ts';
import type { Directory } from '../directories/directory.ts';
import { ignoreSystemErrors } from '../errno.ts';
import { inStoredFolder, pathOf, readRecords, type StoredFolder } from './stored-folder.ts';
import type { UploadRecord } from './upload-record.ts';

/** Runs the steps while no other call on that key runs. Undefined when they could not be run now. */
export type RunExclusive = <T>(key: string, steps: Task<T>) => Task<T | undefined>;

/** Removes uploads without a write since `before` (milliseconds since 1970). */
export function* sweepUploads(folder: StoredFolder, before: number, runExclusive: RunExclusive): Task<void> {
  const gone = new Set(yield* folder.index.keys());
  yield* inStoredFolder(folder, function* (directory) {
    const seen = new Set<string>();
    for (const record of yield* readRecords(folder, directory)) {
      const { key } = record;
      const isBest = !seen.has(key);
      const isThere = yield* runExclusive(key, checkStored(folder, directory, record, before, isBest));
      if (isThere === false) continue;
      seen.add(key);
      gone.delete(key);
    }
  });
  for (const key of gone) {
    // An upload that was stored meanwhile was not seen, but exists.
    yield* runExclusive(key, forgetIfGone(folder, key));
  }
}

/**
 * Checks a record that was seen a moment ago; returns whether it still exists.
 *
 * @param isBest whether no record of the same upload has more bytes.
 */
function* checkStored(
  folder: StoredFolder,
  directory: Directory,
  record: UploadRecord,
  before: number,
  isBest: boolean,
): Task<boolean> {
  const { io } = folder.disk;
  const path = pathOf(folder, directory, record);
  const file = yield* io.lstat(path);
  if (file === undefined) return false;
  if (isBest && file.mtimeMs >= before) {
    if (!folder.index.isTrusted(record)) folder.index.remember(record, false);
    return true;
  }
  yield* ignoreSystemErrors(io.unlink(path, file.size));
  return false;
}

function* forgetIfGone(folder: StoredFolder, key: string): Task<void> {
  const record = folder.index.get(key);
  if (record === undefined) return;
  const { io } = folder.disk;
  const file = yield* inStoredFolder(folder, (directory) => io.lstat(pathOf(folder, directory, record)));
  if (file === undefined) folder.index.forget(key);
}
