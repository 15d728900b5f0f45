/** Changes to many files, a few at a time: what was done, and what the server refused. */
import {
  catchError,
  concatMap,
  defer,
  endWith,
  from,
  ignoreElements,
  map,
  mergeMap,
  type Observable,
  of,
  reduce,
} from 'rxjs';
import type { Client } from '../../client/client.ts';
import type { Requests } from '../shell/requests.ts';
import { wordsOf } from '../shell/words.ts';
import type { Entry } from './entry.ts';

export interface Outcome {
  readonly done: number;
  readonly refused: number;
  /** The first refusals, with their reasons. */
  readonly reasons: readonly Refusal[];
}

export interface Refusal {
  readonly path: string;
  readonly why: string;
}

/** Requests that wait for their answers at once. */
const AT_ONCE = 32;
/** Refusals that are kept to be shown. */
const REASONS_MAX = 20;

export const remove = (requests: Requests, entries: readonly Entry[]): Observable<Outcome> =>
  changeAll(requests, entries, (client, path) => client.delete(path));

/** Moves entries into a folder, which ends in `/` or is empty. A name that is taken there stays what it is. */
export const move = (requests: Requests, entries: readonly Entry[], to: string): Observable<Outcome> =>
  changeAll(requests, entries, (client, path, from) =>
    client.rename(path, to + path.slice(from.length), { ifAbsent: true }),
  );

/** Gives an entry another path; one of a folder ends in `/`. */
export const rename = (requests: Requests, entry: Entry, to: string): Observable<Outcome> =>
  changeAll(requests, [entry], (client, path) =>
    client.rename(path, to + path.slice(entry.path.length), { ifAbsent: true }),
  );

/** Has each file of these entries changed, those below folders too. Emits once, when all is over. */
function changeAll(
  requests: Requests,
  entries: readonly Entry[],
  change: (client: Client, path: string, from: string) => Observable<unknown>,
): Observable<Outcome> {
  return from(entries).pipe(
    concatMap((entry) =>
      namesOf(requests, entry).pipe(
        map((path) => ({ path, from: entry.path.slice(0, -lengthOfName(entry)) })),
      ),
    ),
    mergeMap(
      ({ path, from: before }) =>
        requests
          .ask((client) => change(client, path, before))
          .pipe(
            ignoreElements(),
            endWith(null),
            catchError((error: unknown) => of<Refusal>({ path, why: wordsOf(error) })),
          ),
      AT_ONCE,
    ),
    reduce<Refusal | null, Outcome>(
      ({ done, refused, reasons }, refusal) =>
        refusal === null
          ? { done: done + 1, refused, reasons }
          : { done, refused: refused + 1, reasons: [...reasons, refusal].slice(0, REASONS_MAX) },
      { done: 0, refused: 0, reasons: [] },
    ),
  );
}

/** The names of all files of an entry. They are known before the first is changed, since a listing must not see that. */
const namesOf = (requests: Requests, entry: Entry): Observable<string> =>
  entry.type === 'file'
    ? of(entry.path)
    : defer(() => requests.ask((client) => client.list({ prefix: entry.path }))).pipe(
        reduce<{ readonly name: string }, string[]>((names, { name }) => {
          names.push(name);
          return names;
        }, []),
        concatMap((names) => from(names)),
      );

const lengthOfName = ({ type, name }: Entry): number => name.length + (type === 'folder' ? 1 : 0);
