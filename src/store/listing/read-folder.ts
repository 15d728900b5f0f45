/** Reads what is in a folder, some entries at a time, in the order that the system has them. */
import type { DiskIo } from '../disk/disk-io.ts';
import { errnoOf } from '../disk/errno.ts';
import type { FolderEntry, OpenFolder } from '../disk/file-system.ts';
import type { Semaphore } from '../semaphore.ts';
import { type Task, wait } from '../task.ts';

/**
 * Reads a folder to its end, or until `take` wants no more.
 *
 * `take` is given keys: the names, as strings of their bytes, of files as they are, of folders with a slash behind, which
 * is how what is in them sorts among the others (`a.txt` comes before `a/b`). What is neither is left out. It may be
 * given one more than once.
 *
 * @param batchEntries entries that are read, and taken, at once.
 * @param reads what each batch waits for.
 * @returns whether it was read to its end.
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
 * Where the system does not say what an entry is, Node looks, and when that entry is gone by then it fails, and loses
 * what it had read behind it.
 */
const isEntryGone = (error: unknown): boolean =>
  errnoOf(error) === 'ENOENT' && (error as NodeJS.ErrnoException).syscall === 'lstat';

/** @param isSingle entry by entry, named by its very bytes: slower, but nothing is lost with an entry that is gone. */
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
    // It was only read: what the system says to that is of no use to anybody.
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

/** @param isSingle asks the system for each entry, and goes on after one that is gone. */
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
    /** Those that came with the first. When there are fewer, these are the last, and the system says so at once. */
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
    // While it calls back the folder still counts as being read, and cannot be read on or closed.
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
