/**
 * Plans which files a `put` sends, and under which names.
 *
 *   PATH              name                         with --as NAME      with --as NAME/
 *   file  a/b.txt     b.txt                        NAME                NAME/b.txt
 *   folder a/photos   photos/x, photos/sub/y, …    NAME/x, …           NAME/photos/x, …
 *
 * A symbolic link that is given as PATH is followed. Below a folder, a link to a file is sent as that file; a link to a
 * folder is skipped with a warning, since it may lead in a circle. Things that are neither file nor folder are skipped
 * too, and so are empty folders, since a server has only names of files. A PATH itself that is neither is a failure,
 * since the user has named it.
 */
import { type Dirent, lstatSync, readdirSync, type Stats, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { systemWords } from '../../files/protocol/system-words.ts';
import type { Filter } from '../shared/filters.ts';
import type { Transfer } from './report/report.ts';

export interface PutPlan {
  readonly files: readonly Transfer[];
  /** Paths that are left out on purpose. */
  readonly skipped: readonly { readonly path: string; readonly why: string }[];
  /** Paths that cannot be read. */
  readonly unreadable: readonly { readonly path: string; readonly why: string }[];
  /** How many files the filter leaves out. A folder counts as one: it is not looked into. */
  readonly leftOut: number;
}

/**
 * @param as the name given with `--as`, if one was.
 * @param filter what is left out, without a word; it is asked of names below a folder that is a PATH, and of the own name
 *   of a file that is one.
 */
export function planPut(
  paths: readonly string[],
  as: string | undefined,
  filter: Filter | null = null,
): PutPlan {
  const steps = planSteps(paths, as, filter);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** The same, in turns with whatever else is under way. */
export async function planPutInTurns(...asked: Parameters<typeof planPut>): Promise<PutPlan> {
  const [paths, as, filter = null] = asked;
  const steps = planSteps(paths, as, filter);
  for (let turn = performance.now(); ; ) {
    const step = steps.next();
    if (step.done) return step.value;
    if (performance.now() - turn < TURN_MS) continue;
    await setImmediate();
    turn = performance.now();
  }
}

const TURN_MS = 5;

/** A step is a folder. */
function* planSteps(
  paths: readonly string[],
  as: string | undefined,
  filter: Filter | null,
): Generator<void, PutPlan> {
  const files: Transfer[] = [];
  const skipped: { path: string; why: string }[] = [];
  const unreadable: { path: string; why: string }[] = [];

  /** Asks the system about a path, and notes the path as unreadable when that fails. */
  function tried<T>(path: string, ask: () => T): T | undefined {
    try {
      return ask();
    } catch (error) {
      unreadable.push({ path, why: whyUnreadable(path, error as NodeJS.ErrnoException) });
      return undefined;
    }
  }

  let leftOut = 0;

  function isLeftOut(name: string): boolean {
    if (filter?.(name) !== true) return false;
    leftOut++;
    return true;
  }

  function add(path: string, name: string, stats: Stats): void {
    if (stats.isFile())
      files.push({ path, filename: name, size: stats.size, mtime: Math.floor(stats.mtimeMs) });
    else skipped.push({ path, why: 'neither a file nor a folder' });
  }

  /** @param below the folder's name below the PATH, with a `/` at its end; empty for the PATH itself. */
  function* addFolder(path: string, top: string, below: string): Generator<void> {
    yield;
    const entries = tried(path, () => readdirSync(path, { withFileTypes: true }));
    if (entries === undefined) return;
    if (entries.length === 0) skipped.push({ path, why: 'an empty folder' });
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) {
      const each = [join(path, entry.name), top, `${below}${entry.name}`] as const;
      if (!entry.isDirectory()) addEntry(...each, entry);
      else if (!isLeftOut(`${each[2]}/`)) yield* addFolder(each[0], top, `${each[2]}/`);
    }
  }

  function addEntry(path: string, top: string, below: string, entry: Dirent): void {
    if (isLeftOut(below)) return;
    const stats = entry.isFile() || entry.isSymbolicLink() ? tried(path, () => statSync(path)) : undefined;
    if (stats === undefined) {
      if (!entry.isFile() && !entry.isSymbolicLink()) {
        skipped.push({ path, why: 'neither a file nor a folder' });
      }
    } else if (stats.isDirectory()) skipped.push({ path, why: 'a link to a folder' });
    else add(path, top === '' ? below : `${top}/${below}`, stats);
  }

  for (const path of paths) {
    const stats = tried(path, () => statSync(path));
    if (stats === undefined) continue;
    const top = topName(path, as);
    if (stats.isDirectory()) yield* addFolder(path, top, '');
    else if (stats.isFile()) {
      if (!isLeftOut(basename(resolve(path)))) add(path, top, stats);
    } else unreadable.push({ path, why: 'it is neither a file nor a folder: send a copy of what it has' });
  }
  return { files, skipped, unreadable, leftOut };
}

/** The stored name of a PATH. That of the root folder is empty: files in it get no folder. */
export function topName(path: string, as: string | undefined): string {
  const own = basename(resolve(path));
  if (as === undefined) return own;
  return as.endsWith('/') ? `${as}${own}` : as;
}

function whyUnreadable(path: string, error: NodeJS.ErrnoException): string {
  if (path.includes('\ufffd')) return 'its name is not UTF-8';
  if (error.code === 'ENOENT')
    return isLink(path) ? 'it is a link that leads to nothing' : 'there is no such file';
  return systemWords(error, 'read');
}

const isLink = (path: string): boolean =>
  lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
