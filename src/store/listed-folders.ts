/**
 * What is in a folder, in order, and remembered for the next page.
 *
 * To list a folder of a million names page by page it is read and sorted once, and not once for each page. What was
 * read is good for as long as the folder's own times say that nothing came or went; it is forgotten a few seconds after
 * it was last of use.
 */
import type { Dirent, Stats } from 'node:fs';
import { whyNotFilename } from '../protocol/filename.ts';
import { turn } from './gate.ts';
import { within } from './names.ts';
import type { Disk } from './place-file.ts';
import { sortInTurns } from './sort-in-turns.ts';
import type { Task } from './task.ts';

export interface ListedFolders {
  /**
   * The last segments of the names in a folder, in their order: of files as they are, of folders with a slash behind,
   * which is how what is in them sorts among the others (`a.txt` comes before `a/b`). One may be there twice: two names
   * that are not UTF-8 can look the same once decoded.
   */
  keysIn(folder: string): Task<readonly string[]>;
  forget(): void;
}

interface Listed {
  readonly keys: readonly string[];
  readonly stats: Stats;
  /** Bytes it takes in memory, roughly. */
  readonly bytes: number;
  /** When it is forgotten, unless it is used before; in the milliseconds of `performance.now`. */
  until: number;
}

/** Folders that are remembered at most, those that were used last. */
const mostFolders = 8;
/** Bytes of memory they may take together: a million names, for as long as somebody goes through them. */
const mostBytes = 128 * 1024 * 1024;
/** To read a folder of fewer names again costs next to nothing. */
const worthIt = 256;
/** Milliseconds from the last use to when it is forgotten. */
const keep = 5_000;
/**
 * Milliseconds for which a folder must have been unchanged when it was read: its times go by the kernel's tick, and two
 * changes in one tick cannot be told apart.
 */
const settled = 100;
/** Entries that are looked at in one turn of the event loop. */
const slice = 1024;
/** Bytes of a string besides its characters, and of its place in a list. */
const stringBytes = 32;

const isSame = (a: Stats, b: Stats): boolean =>
  a.ino === b.ino && a.dev === b.dev && a.ctimeMs === b.ctimeMs && a.mtimeMs === b.mtimeMs;

export function listedFolders({ io, directories }: Disk): ListedFolders {
  /** In the order of last use, the oldest first. */
  const remembered = new Map<string, Listed>();
  let bytes = 0;
  let timer: NodeJS.Timeout | undefined;

  function drop(folder: string): void {
    bytes -= remembered.get(folder)?.bytes ?? 0;
    remembered.delete(folder);
  }

  function remember(folder: string, listed: Listed): void {
    drop(folder);
    listed.until = performance.now() + keep;
    remembered.set(folder, listed);
    bytes += listed.bytes;
    for (const oldest of remembered.keys()) {
      if (remembered.size <= mostFolders && bytes <= mostBytes) break;
      drop(oldest);
    }
    timer ??= setTimeout(dropOld, keep).unref();
  }

  function dropOld(): void {
    timer = undefined;
    const now = performance.now();
    for (const [folder, { until }] of remembered) if (until <= now) drop(folder);
    if (remembered.size > 0) timer = setTimeout(dropOld, keep).unref();
  }

  function* keysIn(folder: string): Task<readonly string[]> {
    const entered = yield* directories.enter(folder);
    // A folder that went away meanwhile, or was replaced by a link, has no files.
    if (!entered.ok) return [];
    let entries: readonly Dirent[];
    let stats: Stats;
    const now = Date.now();
    try {
      // Before it is read: what changes after that has another time.
      stats = io.fs.fstatSync(entered.value.fd);
      const known = remembered.get(folder);
      if (known !== undefined && isSame(known.stats, stats)) {
        remember(folder, known);
        return known.keys;
      }
      entries = yield* io.entries(directories.at(entered.value, '.'));
    } finally {
      directories.leave(entered.value);
    }
    const keys = yield* sortInTurns(yield* keysOf(folder, entries));
    let size = 0;
    if (keys.length >= worthIt && Math.max(stats.ctimeMs, stats.mtimeMs) < now - settled) {
      for (const key of keys) size += key.length + stringBytes;
      if (size <= mostBytes) remember(folder, { keys, stats, bytes: size, until: 0 });
    }
    return keys;
  }

  return {
    keysIn,
    forget() {
      clearTimeout(timer);
      timer = undefined;
      remembered.clear();
      bytes = 0;
    },
  };
}

function* keysOf(folder: string, entries: readonly Dirent[]): Task<readonly string[]> {
  const keys: string[] = [];
  for (let at = 0; at < entries.length; at += slice) {
    if (at > 0) yield* turn();
    for (const entry of entries.slice(at, at + slice)) {
      const isFolder = entry.isDirectory();
      if (!isFolder && !entry.isFile()) continue;
      if (whyNotFilename(within(folder, entry.name)) === null)
        keys.push(isFolder ? `${entry.name}/` : entry.name);
    }
  }
  return keys;
}
