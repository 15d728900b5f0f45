/**
 * Lists one folder. The server knows names alone, in order, and `a/b` is just a name: what is below a folder of the folder
 * is skipped with one request, however many files that are.
 */
import { EMPTY, expand, map, type Observable, scan, takeWhile } from 'rxjs';
import type { Listing } from '../../files/protocol/file.ts';
import { type Entry, fileEntry, folderEntry } from './entry.ts';

/** Asks for a page of names. */
export type AskPage = (settings: { readonly prefix: string; readonly after?: string }) => Observable<Listing>;

/** Names beyond this are not shown: the page says so. */
export const ENTRIES_MAX = 50_000;

export interface Folder {
  readonly entries: readonly Entry[];
  /** Whether more is coming. */
  readonly isWhole: boolean;
  /** Whether there is more than is shown. */
  readonly isCut: boolean;
}

interface Step extends Folder {
  /** Where the next page begins; null when there is none. */
  readonly after: string | null;
}

/** Sorts behind all names below the folder: no character has a higher code. */
const LAST = '\u{10ffff}';

/** Emits the folder as far as it is known, a page at a time. */
export const listFolder = (ask: AskPage, folder: string): Observable<Folder> =>
  ask({ prefix: folder }).pipe(
    map((listing) => stepOf(folder, listing)),
    expand(({ after }) =>
      after === null ? EMPTY : ask({ prefix: folder, after }).pipe(map((listing) => stepOf(folder, listing))),
    ),
    scan(joined),
    // It stops asking once the folder is as long as it is shown.
    takeWhile(({ isWhole }) => !isWhole, true),
  );

/** What a page has of the folder itself. */
export function stepOf(folder: string, { files, next }: Listing): Step {
  const entries: Entry[] = [];
  let below = '';
  for (const file of files) {
    if (below !== '' && file.name.startsWith(below)) continue;
    const slash = file.name.indexOf('/', folder.length);
    below = slash < 0 ? '' : file.name.slice(0, slash + 1);
    entries.push(slash < 0 ? fileEntry(file) : folderEntry(below));
  }
  const after = next === undefined ? null : below === '' ? next : below + LAST;
  return { entries, after, isWhole: after === null, isCut: false };
}

function joined(before: Step, step: Step): Step {
  const entries = [...before.entries, ...step.entries];
  if (entries.length < ENTRIES_MAX || step.after === null) return { ...step, entries };
  return { entries, after: null, isWhole: true, isCut: true };
}
