/**
 * Lists one folder. The server knows names alone, in order, and `a/b` is just a name: what is below a folder of the folder
 * is skipped with one request, however many files that are.
 */
import { EMPTY, expand, map, type Observable } from 'rxjs';
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

/** Sorts behind nearly all names below the folder: no character has a higher code. */
const LAST = '\u{10ffff}';

const BEFORE: Step = { entries: [], after: null, isWhole: false, isCut: false };

/** Emits the folder as far as it is known, a page at a time. */
export const listFolder = (ask: AskPage, folder: string): Observable<Folder> =>
  ask({ prefix: folder }).pipe(
    map((listing) => stepOf(folder, BEFORE, listing)),
    expand((step) =>
      step.after === null
        ? EMPTY
        : ask({ prefix: folder, after: step.after }).pipe(map((listing) => stepOf(folder, step, listing))),
    ),
    map(({ entries, isWhole, isCut }) => ({ entries, isWhole, isCut })),
  );

/** What is known once another page has come. */
function stepOf(folder: string, before: Step, { files, next }: Listing): Step {
  const entries = [...before.entries];
  let below = '';
  for (const file of files) {
    if (below !== '' && file.name.startsWith(below)) continue;
    const slash = file.name.indexOf('/', folder.length);
    below = slash < 0 ? '' : file.name.slice(0, slash + 1);
    if (slash < 0) entries.push(fileEntry(file));
    else if (entries.at(-1)?.path !== below) entries.push(folderEntry(below));
  }
  const isCut = next !== undefined && entries.length >= ENTRIES_MAX;
  const after = next === undefined || isCut ? null : behind(next, below);
  return { entries, after, isWhole: after === null, isCut };
}

/** Where the next page begins. Names that begin with the last character themselves are passed one page after another. */
const behind = (next: string, below: string): string =>
  below === '' || next.startsWith(below + LAST) ? next : below + LAST;
