/** One file on its way: claimed among the tabs, told from others by its ends, hashed if that is wanted, and sent. */
import {
  catchError,
  concat,
  concatMap,
  defer,
  EMPTY,
  from,
  ignoreElements,
  map,
  mergeMap,
  type Observable,
  of,
  switchMap,
  takeWhile,
} from 'rxjs';
import { describeFault } from '../../client/client-fault.ts';
import { blobContent } from '../../client/content/content.ts';
import { ContentError } from '../../client/content/content-error.ts';
import { clientFault } from '../../client/content/read-content.ts';
import { isRefused } from '../../client/pool/retry.ts';
import type { Uploads } from '../../client/transfers/uploads.ts';
import type { FileInfo } from '../../files/protocol/file.ts';
import type { Claims } from './claims.ts';
import { type Entry, isLarge } from './entry.ts';
import { endsOf, uploadIdOf } from './fingerprint.ts';
import type { Moved, QueueEvent } from './queue-state.ts';
import type { Records } from './records.ts';

export interface SendDeps {
  /** For small files and short requests, which would wait for the end of a large file on the same connection. */
  readonly small: Uploads;
  readonly large: Uploads;
  readonly records: Records;
  readonly claims: Claims;
  /** Asks the server about a file. */
  readonly stat: (name: string) => Observable<FileInfo>;
  /** Emits the SHA-256 of a file, computed without holding up the page. */
  readonly hash: (file: Blob) => Observable<string>;
}

/** What becomes of a file on its way. */
export type FileEvent =
  | Extract<
      QueueEvent,
      { readonly type: 'identified' | 'hashed' | 'stored' | 'exists' | 'taken' | 'free' | 'failed' }
    >
  | ({ readonly type: 'moved' } & Moved);

/** Emits what becomes of it, and completes. Never errors. Unsubscribing stops it; the server keeps what it has. */
export function sendFile(deps: SendDeps, entry: Entry, file: File): Observable<FileEvent> {
  const { id } = entry;
  return deps.claims.claim(entry).pipe(
    switchMap((claimed): Observable<FileEvent | null> => {
      if (claimed === 'taken') return of({ type: 'taken', id });
      // What the other tab has finished, or given up, is remembered no more.
      if (claimed === 'free')
        return from(deps.records.has(entry)).pipe(
          map((has) => ({ type: 'free', id, isDone: !has }) as const),
        );
      return concat(
        transfer(deps, entry, file).pipe(concatMap((event) => recorded(deps, entry, event))),
        of(null),
      );
    }),
    takeWhile((event) => event !== null),
    catchError((thrown: unknown) => failure(deps, entry, thrown)),
  );
}

/** What is stored is remembered no more when the claim is given up: another tab that waits for it looks then. */
const recorded = (deps: SendDeps, entry: Entry, event: FileEvent): Observable<FileEvent> => {
  if (event.type !== 'stored') return of(event);
  const forgotten = defer(() => deps.records.remove([entry])).pipe(catchError(() => EMPTY));
  return concat(of(event), forgotten.pipe(ignoreElements()));
};

function transfer(deps: SendDeps, entry: Entry, file: File): Observable<FileEvent> {
  const { id, verify, onExists, name } = entry;
  return defer(async () => (isLarge(entry) ? await endsOf(file) : null)).pipe(
    mergeMap((ends) => {
      const sha256$: Observable<string | undefined> = verify ? deps.hash(file) : of(undefined);
      const send = (sha256: string | undefined): Observable<FileEvent> =>
        (ends === null ? deps.small : deps.large)
          .upload(name, blobContent(file), {
            ...(ends === null ? { resume: false } : { upload: uploadIdOf(entry, ends) }),
            ...(sha256 === undefined ? {} : { sha256 }),
            ifAbsent: onExists !== 'replace',
          })
          .pipe(
            map((event): FileEvent => {
              if (event.type === 'stored') return { type: 'stored', id };
              const { sent, durable, rate } = event;
              return { type: 'moved', id, sent, durable, rate };
            }),
          );
      const hashed: readonly FileEvent[] = verify ? [{ type: 'hashed', id }] : [];
      const identified: readonly FileEvent[] = ends === null ? [] : [{ type: 'identified', id, ends }];
      return concat(identified, sha256$.pipe(mergeMap((sha256) => concat(hashed, send(sha256)))));
    }),
  );
}

function failure(deps: SendDeps, entry: Entry, thrown: unknown): Observable<FileEvent> {
  const { id } = entry;
  const fault = clientFault(thrown);
  if (isRefused(fault, 'exists'))
    return entry.isAgain ? compareExisting(deps, entry) : of({ type: 'exists', id });
  const isChanged = fault.code === 'content' && fault.cause instanceof ContentError;
  const why = isChanged ? 'the file has changed, or is gone: pick it again' : describeFault(fault);
  return of({ type: 'failed', id, why });
}

/** What a file system may make of a time, in milliseconds. */
const ROUNDED_MS = 2_000;

/** The file that exists may be the one that an earlier page has sent: it left before it was told. */
const compareExisting = (deps: SendDeps, entry: Entry): Observable<FileEvent> =>
  deps.stat(entry.name).pipe(
    map(({ size, mtime }) => size === entry.size && Math.abs(mtime - entry.modified) < ROUNDED_MS),
    catchError(() => of(false)),
    concatMap((isOurs) =>
      recorded(
        deps,
        entry,
        isOurs ? { type: 'stored', id: entry.id, isFound: true } : { type: 'exists', id: entry.id },
      ),
    ),
  );

/** Has the server drop what it has of a content. */
export const dropUpload = (
  uploads: Uploads,
  entry: Pick<Entry, 'source' | 'size' | 'modified'>,
  ends: string,
) =>
  uploads.cancel(uploadIdOf(entry, ends)).pipe(
    ignoreElements(),
    // It is dropped by the server itself after a while.
    catchError(() => EMPTY),
  );
