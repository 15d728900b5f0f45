/** Reads the entries of a folder in batches, in the order of the system. */
import { explainBadFilename } from '../../files/protocol/filename.ts';
import type { DiskIo } from '../disk/disk-io.ts';
import { errnoOf } from '../disk/errno.ts';
import type { FolderEntry, OpenFolder } from '../disk/file-system.ts';
import { joinName } from '../names.ts';
import type { Semaphore } from '../semaphore.ts';
import { type Task, wait } from '../task.ts';
import { fromBytes } from './name-bytes.ts';

/**
 * Reads a folder to its end, or until `take` returns false.
 *
 * `take` gets keys. A key is a name as a string of its bytes; that of a folder has a slash at the end, which
 * is how its content sorts among the other names (`a.txt` comes before `a/b`). Entries that are neither files
 * nor folders are omitted. `take` may get an entry more than once.
 *
 * @param batchEntries entries that are read and handled at once.
 * @param reads limits the batches that are read at once.
 * @returns whether the folder was read to its end.
 */
export function* readFolder(
  io: DiskIo,
  path: string,
  batchEntries: number,
  reads: Semaphore,
  take: (keys: readonly string[]) => boolean,
): Task<boolean> {
  try {
    return yield* readOnce(io, path, batchEntries, reads, take, false);
  } catch (error) {
    if (!isEntryGone(error)) throw error;
  }
  return yield* readOnce(io, path, batchEntries, reads, take, true);
}

/**
 * Where the system does not report the type of an entry, Node asks for it. If the entry is gone by then, the
 * read fails and loses the entries after it.
 */
const isEntryGone = (error: unknown): boolean =>
  errnoOf(error) === 'ENOENT' && (error as NodeJS.ErrnoException).syscall === 'lstat';

/**
 * @param isSingle reads entry by entry, named by its bytes: slower, but no entry is lost with one that is
 *   gone.
 */
function* readOnce(
  io: DiskIo,
  path: string,
  batchEntries: number,
  reads: Semaphore,
  take: (keys: readonly string[]) => boolean,
  isSingle: boolean,
): Task<boolean> {
  const folder = yield* io.openFolder(path, isSingle ? 'buffer' : 'latin1', isSingle ? 1 : batchEntries);
  try {
    for (;;) {
      const { keys, isLast } = yield* reads.run(nextKeys(folder, batchEntries, isSingle));
      const wantsMore = take(keys);
      if (isLast || !wantsMore) return isLast;
    }
  } finally {
    // The folder was only read, so an error of the close does not matter.
    closeFolder(folder);
  }
}

function closeFolder(folder: OpenFolder): void {
  try {
    folder.closeSync();
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
}

interface Batch {
  readonly keys: readonly string[];
  readonly isLast: boolean;
}

/** @param isSingle asks the system for each entry, and continues after one that is gone. */
const nextKeys = (folder: OpenFolder, batchEntries: number, isSingle: boolean): Task<Batch> =>
  wait((callback) => {
    const keys: string[] = [];
    let left = batchEntries;
    const take = (entry: FolderEntry | null): boolean => {
      if (entry === null) return false;
      const key = keyOf(entry);
      if (key !== undefined) keys.push(key);
      left -= 1;
      return left > 0;
    };
    /**
     * Takes the entries that came with the first. When there are fewer than a batch, these are the last, and
     * the system says so at once.
     */
    const takeBuffered = () => {
      let isLast = false;
      try {
        do isLast = !take(folder.readSync()) && left > 0;
        while (!isLast && left > 0);
      } catch (error) {
        return callback(error as Error);
      }
      callback(null, { keys, isLast });
    };
    const onEntry = (error: Error | null, entry: FolderEntry | null) => {
      if (error !== null && !(isSingle && isEntryGone(error))) callback(error);
      else if (error === null && entry === null) callback(null, { keys, isLast: true });
      else if (error === null && !take(entry)) callback(null, { keys, isLast: false });
      else if (isSingle) ask();
      else takeBuffered();
    };
    // During its callback the folder still counts as being read, and cannot be read or closed.
    const ask = () => folder.read((error, entry) => process.nextTick(onEntry, error, entry));
    ask();
  });

function keyOf(entry: FolderEntry): string | undefined {
  const isFolder = entry.isDirectory();
  if (!isFolder && !entry.isFile()) return undefined;
  const { name } = entry;
  const bytes = typeof name === 'string' ? name : Buffer.from(name).toString('latin1');
  return isFolder ? `${bytes}/` : bytes;
}

/** Whether a key is of a name that could have been put: other programs may have made other names. */
export function isListable(folder: string, key: string): boolean {
  const name = fromBytes(key.endsWith('/') ? key.slice(0, -1) : key);
  return name !== undefined && explainBadFilename(joinName(folder, name)) === null;
}
