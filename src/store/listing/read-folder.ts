/** Reads what is in a folder, some entries at a time, in the order that the system has them. */
import type { DiskIo } from '../disk-io.ts';
import { errnoOf } from '../errno.ts';
import type { FolderEntry, OpenFolder } from '../file-system.ts';
import type { Gate } from '../gate.ts';
import { type Task, wait } from '../task.ts';

/**
 * Reads a folder to its end, or until `take` wants no more.
 *
 * `take` is given keys: the names, as strings of their bytes, of files as they are, of folders with a slash behind, which
 * is how what is in them sorts among the others (`a.txt` comes before `a/b`). What is neither is left out. It may be
 * given one more than once.
 *
 * @param batchEntries entries that are read, and taken, at once.
 * @param turns what each batch waits for.
 * @returns whether it was read to its end.
 */
export function* readFolder(
  io: DiskIo,
  path: string,
  batchEntries: number,
  turns: Gate,
  take: (keys: readonly string[]) => boolean,
): Task<boolean> {
  try {
    return yield* readOnce(io, path, batchEntries, turns, take, false);
  } catch (error) {
    if (!isOfOneEntry(error)) throw error;
  }
  return yield* readOnce(io, path, batchEntries, turns, take, true);
}

/**
 * Where the system does not say what an entry is, Node looks, and when that entry is gone by then it fails, and loses
 * what it had read behind it.
 */
const isOfOneEntry = (error: unknown): boolean =>
  errnoOf(error) === 'ENOENT' && (error as NodeJS.ErrnoException).syscall === 'lstat';

/** @param singly entry by entry, named by its very bytes: slower, but nothing is lost with an entry that is gone. */
function* readOnce(
  io: DiskIo,
  path: string,
  batchEntries: number,
  turns: Gate,
  take: (keys: readonly string[]) => boolean,
  singly: boolean,
): Task<boolean> {
  const folder = yield* io.openFolder(path, singly ? 'buffer' : 'latin1', singly ? 1 : batchEntries);
  try {
    for (;;) {
      const { keys, isLast } = yield* turns.through(nextKeys(folder, batchEntries, singly));
      const goesOn = take(keys);
      if (isLast || !goesOn) return isLast;
    }
  } finally {
    // It was only read: what the system says to that is of no use to anybody.
    yield* wait<void>((back) => folder.close(() => back(null)));
  }
}

interface Batch {
  readonly keys: readonly string[];
  readonly isLast: boolean;
}

const nextKeys = (folder: OpenFolder, batchEntries: number, singly: boolean): Task<Batch> =>
  wait((back) => {
    const keys: string[] = [];
    let left = batchEntries;
    const taken = (error: Error | null, entry: FolderEntry | null) => {
      if (error !== null && !(singly && isOfOneEntry(error))) return back(error);
      if (error === null && entry === null) return back(null, { keys, isLast: true });
      const key = error === null && entry !== null ? keyOf(entry) : undefined;
      if (key !== undefined) keys.push(key);
      left -= 1;
      if (left === 0) back(null, { keys, isLast: false });
      else folder.read(taken);
    };
    folder.read(taken);
  });

function keyOf(entry: FolderEntry): string | undefined {
  const isFolder = entry.isDirectory();
  if (!isFolder && !entry.isFile()) return undefined;
  const { name } = entry;
  const bytes = typeof name === 'string' ? name : Buffer.from(name).toString('latin1');
  return isFolder ? `${bytes}/` : bytes;
}
