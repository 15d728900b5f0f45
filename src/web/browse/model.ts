/** What the view of the files shows: the folder of the address, as far as it is known, and what is wrong with it. */
import {
  auditTime,
  catchError,
  endWith,
  filter,
  map,
  type Observable,
  of,
  scan,
  startWith,
  switchMap,
  takeWhile,
} from 'rxjs';
import type { Page } from '../shell/page.ts';
import { folderAt } from '../shell/route-text.ts';
import { wordsOf } from '../shell/words.ts';
import { type Entry, fileEntry, matches } from './entry.ts';
import { ENTRIES_MAX, type Folder, listFolder } from './list-folder.ts';

export interface Browsed extends Folder {
  /** Empty at the top, else it ends in `/`. */
  readonly folder: string;
  /** Why it could not be read; null while it can. */
  readonly fault: string | null;
}

export const nothing = (folder: string): Browsed => ({
  folder,
  entries: [],
  isWhole: false,
  isCut: false,
  fault: null,
});

/** A folder is asked for again when the page has changed files. Until the answer it shows what it was. */
export function browsed$({ place$, changed$, requests, session }: Page): Observable<Browsed> {
  return place$.pipe(
    map((place) => folderAt(place, session?.prefix ?? '')),
    switchMap((folder) =>
      changed$.pipe(
        startWith(null),
        switchMap((again) => {
          const listing$ = listFolder((asked) => requests.ask((client) => client.page(asked)), folder).pipe(
            map((known): Browsed => ({ ...known, folder, fault: null })),
            catchError((error: unknown) => of({ ...nothing(folder), isWhole: true, fault: wordsOf(error) })),
          );
          // What is shown is replaced as a whole, rather than from its top on.
          return again === null
            ? listing$.pipe(startWith(nothing(folder)))
            : listing$.pipe(filter(({ isWhole }) => isWhole));
        }),
      ),
    ),
  );
}

/** Milliseconds between two answers of a search. */
const SEARCH_SHOWN_MS = 200;

/**
 * Looks through all names below a folder, and emits what was found so far: files whose whole name has the text. It reads
 * every name, a page at a time, and stops at `ENTRIES_MAX` that fit.
 */
export const searched$ = ({ requests }: Page, folder: string, text: string): Observable<Browsed> =>
  requests
    .ask((client) => client.list({ prefix: folder }))
    .pipe(
      map(fileEntry),
      scan<Entry, Entry[]>((fits, entry) => {
        if (matches(entry.path.slice(folder.length), text)) fits.push(entry);
        return fits;
      }, []),
      takeWhile(({ length }) => length < ENTRIES_MAX, true),
      auditTime(SEARCH_SHOWN_MS),
      map((fits) => ({ ...nothing(folder), entries: [...fits] })),
      endWith(null),
      scan<Browsed | null, Browsed>(
        (before, now) => now ?? { ...before, isWhole: true, isCut: before.entries.length >= ENTRIES_MAX },
        nothing(folder),
      ),
      catchError((error: unknown) => of({ ...nothing(folder), isWhole: true, fault: wordsOf(error) })),
    );
