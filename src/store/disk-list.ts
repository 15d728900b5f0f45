/** Listings of the disk store: the files below the root in the order of their names, a page at a time. */
import type { Stats } from 'node:fs';
import type { FileInfo, Listing, ListOptions, Outcome } from './contract.ts';
import { gate, turn } from './gate.ts';
import { type ListedFolders, listedFolders } from './listed-folders.ts';
import { infoOf } from './name-changes.ts';
import { compareNames } from './name-order.ts';
import { lastOf, within } from './names.ts';
import { done } from './outcome.ts';
import type { Disk } from './place-file.ts';
import type { Task } from './task.ts';

export interface DiskListings {
  /**
   * The files after `after` whose names start with `prefix`, in the order of their UTF-8 bytes, at most `limit`.
   *
   * Only folders that can hold such a file are read, and of the tree no more is in memory than the names in the
   * folders on the way to where the walk is. What changes while it goes on may or may not be seen.
   */
  list(options: ListOptions): Task<Outcome<Listing>>;
  /** Lets go of what was remembered. */
  close(): void;
}

/** Listings under way at once: however many are asked for, others have their turn in between. */
const atOnce = 2;
/** How many files are looked at in one turn of the event loop; it bounds what waits in the thread pool, too. */
const batch = 64;

/** A listing under way. */
interface Walk {
  readonly disk: Disk;
  readonly folders: ListedFolders;
  readonly options: ListOptions;
  readonly files: FileInfo[];
  readonly enough: number;
}

export function diskListings(disk: Disk): DiskListings {
  const folders = listedFolders(disk);
  const entrance = gate(atOnce);

  function* list(options: ListOptions): Task<Outcome<Listing>> {
    const files: FileInfo[] = [];
    // One more than wanted tells whether there is a next page.
    const walk = { disk, folders, options, files, enough: options.limit + 1 };
    yield* collect(walk, '');
    if (files.length === 0 && (yield* disk.directories.renew())) yield* collect(walk, '');
    if (files.length <= options.limit) return done({ files });
    const page = files.slice(0, options.limit);
    const last = page.at(-1);
    return done(last === undefined ? { files: page } : { files: page, next: last.name });
  }

  return {
    list: (options) => entrance.through(list(options)),
    close: folders.forget,
  };
}

function* collect(walk: Walk, folder: string): Task<void> {
  const { files, enough, options } = walk;
  const keys = yield* walk.folders.keysIn(folder);
  let i = firstOf(keys, folder, options);
  let name = within(folder, keys[i] ?? '');
  const next = () => {
    const same = keys[i];
    while (i < keys.length && keys[i] === same) i += 1;
    name = within(folder, keys[i] ?? '');
  };
  while (i < keys.length && files.length < enough && canMatch(name, options)) {
    if (name.endsWith('/')) {
      yield* collect(walk, name.slice(0, -1));
      next();
      continue;
    }
    const run: string[] = [];
    const most = Math.min(batch, enough - files.length);
    while (i < keys.length && run.length < most && !name.endsWith('/') && canMatch(name, options)) {
      run.push(name);
      next();
    }
    yield* lookAt(walk, folder, run);
    if (run.length === batch) yield* turn();
  }
}

/** Whether it is a file's name that starts with the prefix, or a folder's that such names can be in. */
const canMatch = (name: string, { prefix = '' }: ListOptions): boolean =>
  name.startsWith(prefix) || (name.endsWith('/') && prefix.startsWith(name));

/** Where in a folder the names begin that matter: from there on they do until one does not match. */
function firstOf(keys: readonly string[], folder: string, options: ListOptions): number {
  const { prefix = '', after } = options;
  const isEarlier = (name: string) =>
    compareNames(name, prefix) < 0 || (after !== undefined && compareNames(name, after) <= 0);
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isEarlier(within(folder, keys[middle] ?? ''))) low = middle + 1;
    else high = middle;
  }
  // The folder that the first names are in comes before them.
  const before = low === 0 ? '' : within(folder, keys[low - 1] ?? '');
  const isOnTheWay = after === undefined || after.startsWith(before) || compareNames(before, after) > 0;
  return before.endsWith('/') && isOnTheWay && canMatch(before, options) ? low - 1 : low;
}

/** Adds those of the names, all in one folder, that are regular files. */
function* lookAt({ disk, files }: Walk, folder: string, names: readonly string[]): Task<void> {
  const { io, directories } = disk;
  const entered = yield* directories.enter(folder);
  if (!entered.ok) return;
  const paths = names.map((name) => directories.at(entered.value, lastOf(name)));
  let found: (Stats | undefined)[];
  try {
    found = yield* io.lookAll(paths);
  } finally {
    directories.leave(entered.value);
  }
  for (const [i, name] of names.entries()) {
    const stats = found[i];
    if (stats?.isFile()) files.push(infoOf(name, stats));
  }
}
