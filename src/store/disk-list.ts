/** Listings of the disk store: the files below the root in the order of their names, a page at a time. */
import type { Dirent, Stats } from 'node:fs';
import { whyNotFilename } from '../protocol/filename.ts';
import type { FileInfo, Listing, ListOptions, Outcome } from './contract.ts';
import { compareNames } from './name-order.ts';
import { lastOf, within } from './names.ts';
import { done } from './outcome.ts';
import type { Disk } from './place-file.ts';
import type { Task } from './task.ts';

/** How many files are looked at together; bounds what waits in the thread pool for one listing. */
const batch = 32;

/**
 * The files after `after` whose names start with `prefix`, in the order of their UTF-8 bytes, at most `limit`.
 *
 * Only folders that can hold such a file are read, and of the tree no more is in memory than the entries of the
 * folders on the way to where the walk is. What changes while it goes on may or may not be seen.
 */
export function* listFiles(disk: Disk, options: ListOptions): Task<Outcome<Listing>> {
  const files: FileInfo[] = [];
  // One more than wanted tells whether there is a next page.
  yield* collect(disk, '', options, files, options.limit + 1);
  if (files.length <= options.limit) return done({ files });
  const page = files.slice(0, options.limit);
  const last = page.at(-1);
  return done(last === undefined ? { files: page } : { files: page, next: last.name });
}

function* collect(
  disk: Disk,
  folder: string,
  options: ListOptions,
  files: FileInfo[],
  enough: number,
): Task<void> {
  const keys = yield* keysIn(disk, folder, options);
  let i = 0;
  while (i < keys.length && files.length < enough) {
    const key = keys[i] ?? '';
    if (key.endsWith('/')) {
      i += 1;
      yield* collect(disk, key.slice(0, -1), options, files, enough);
      continue;
    }
    const run: string[] = [];
    const most = Math.min(batch, enough - files.length);
    for (let next = keys[i]; next !== undefined && !next.endsWith('/') && run.length < most; next = keys[i]) {
      run.push(next);
      i += 1;
    }
    yield* lookAt(disk, folder, run, files);
  }
}

/**
 * What is in a folder and can matter, in order: files by their names, folders by theirs with a slash behind, which
 * is how their files sort among the others (`a.txt` comes before `a/b`).
 */
function* keysIn(disk: Disk, folder: string, { prefix = '', after }: ListOptions): Task<string[]> {
  const entered = yield* disk.directories.enter(folder);
  // A folder that went away meanwhile, or was replaced by a link, has no files.
  if (!entered.ok) return [];
  let entries: Dirent[];
  try {
    entries = yield* disk.io.entries(disk.directories.at(entered.value, '.'));
  } finally {
    disk.directories.leave(entered.value);
  }
  const keys: string[] = [];
  for (const entry of entries) {
    const name = within(folder, entry.name);
    if (entry.isFile()) {
      if (name.startsWith(prefix) && (after === undefined || compareNames(name, after) > 0)) keys.push(name);
    } else if (entry.isDirectory()) {
      const key = `${name}/`;
      const canMatch = key.startsWith(prefix) || prefix.startsWith(key);
      if (canMatch && (after === undefined || after.startsWith(key) || compareNames(key, after) > 0))
        keys.push(key);
    }
  }
  // Two names that are not UTF-8 can look the same once decoded; such a one is found not to be there in the end.
  return [...new Set(keys.filter((key) => whyNotFilename(key.replace(/\/$/, '')) === null))].sort(
    compareNames,
  );
}

/** Adds those of the names, all in one folder, that are regular files. */
function* lookAt(disk: Disk, folder: string, names: readonly string[], files: FileInfo[]): Task<void> {
  const entered = yield* disk.directories.enter(folder);
  if (!entered.ok) return;
  const { io, directories } = disk;
  const paths = names.map((name) => directories.at(entered.value, lastOf(name)));
  let found: (Stats | undefined)[];
  try {
    found = yield* io.lookAll(paths);
  } finally {
    directories.leave(entered.value);
  }
  for (const [i, name] of names.entries()) {
    const stats = found[i];
    if (stats?.isFile()) files.push({ name, size: stats.size, mtime: Math.round(stats.mtimeMs) });
  }
}
