/** The store over S3 and PostgreSQL: bytes in objects that never change, names in a database, for as many nodes as there are. */

import { randomUUID } from 'node:crypto';
import type {
  FileInfo,
  FileStore,
  Listing,
  ListOptions,
  Outcome,
  Removed,
  Renamed,
  Source,
} from '../contract.ts';
import { createKeyedLock } from '../keyed-lock.ts';
import { nameFault } from '../names.ts';
import { err, ok, type RefusedOutcome } from '../outcome.ts';
import { awaitOutcome, run, type Task } from '../task.ts';
import { keyFault } from '../upload-limits.ts';
import { answerOf } from './engine-fault.ts';
import { type FaultAnswer, isFault, refusalOf } from './fault-answer.ts';
import { foldersOf } from './folders.ts';
import { upperBoundOf } from './prefix-range.ts';
import { beginPut, type UploadTurns } from './put/begin-put.ts';
import { createS3Source } from './s3-source.ts';
import type { SegmentRow } from './segments/segment-reader.ts';
import type { S3StoreState } from './store-state.ts';
import { cancelUpload, resumeUpload } from './uploads.ts';

/** @param release closes the engines, once all calls of the store are refused. */
export function createS3Store(state: S3StoreState, release: () => Promise<void>): FileStore {
  const lock = createKeyedLock();
  /** Runs the calls for one upload one at a time. */
  const uploadTurns: UploadTurns = async (key, work) => await run(lock.run(key, answer(work)));
  let closing: Promise<void> | null = null;
  /** A call that is refused once the store is closed, and whose engines may fail. */
  const call = <T>(fault: RefusedOutcome | undefined, work: () => Promise<Outcome<T>>) => {
    if (state.isClosed) return err('shutting-down');
    return fault ?? answerOf(work);
  };
  const ofUpload = <T>(key: string, work: () => Promise<Outcome<T>>) =>
    call(keyFault(key), () => uploadTurns(key, work));
  return {
    durable: state.durable,
    put: (name, options) => {
      const fault = nameFault(name) ?? (options.upload === undefined ? undefined : keyFault(options.upload));
      return call(fault, () => beginPut(state, name, options, uploadTurns));
    },
    resume: (key) => ofUpload(key, () => resumeUpload(state, key)),
    cancel: (key) => ofUpload(key, () => cancelUpload(state, key)),
    unfinished: () => unfinished(state),
    open: (name) => call(nameFault(name), () => open(state, name)),
    stat: (name) => call(nameFault(name), () => stat(state, name)),
    list: (options) => call(undefined, () => list(state, options)),
    remove: (name) => call(nameFault(name), () => remove(state, name)),
    rename: (from, to, options) =>
      call(nameFault(from) ?? nameFault(to), () => rename(state, from, to, options?.ifAbsent === true)),
    close: () => {
      closing ??= close(state, release);
      return closing;
    },
  };
}

function* answer<T>(work: () => Promise<Outcome<T>>): Task<Outcome<T>> {
  return yield* awaitOutcome(work());
}

function unfinished({ holders, others }: S3StoreState): { readonly count: number; readonly bytes: number } {
  let { count, bytes } = others;
  for (const [key, holder] of holders) {
    if (key.startsWith('~')) continue;
    count += 1;
    bytes += holder.written();
  }
  return { count, bytes };
}

interface FileRow {
  readonly size: number | null;
  readonly mtime: number;
  readonly crc32: number;
  readonly missing: FaultAnswer | null;
}

async function stat({ database, statements }: S3StoreState, name: string): Promise<Outcome<FileInfo>> {
  const row = await database.row<FileRow>(statements.stat, [name]);
  return row === undefined || row.size === null ? missing(row) : ok(infoOf(name, row, row.size));
}

async function open(state: S3StoreState, name: string): Promise<Outcome<Source>> {
  const { database, statements } = state;
  type Row = FileRow & { file: string; at: string; segments: readonly SegmentRow[] };
  const row = await database.row<Row>(statements.open, [name]);
  if (row === undefined || row.size === null) return missing(row);
  if (state.isClosed) return err('shutting-down');
  const { file, at, segments } = row;
  return ok(
    createS3Source(state, { info: infoOf(name, row, row.size), file, openedAt: Number(at), segments }),
  );
}

const missing = (row: FileRow | undefined): RefusedOutcome =>
  refusalOf(row?.missing ?? { fault: 'not-found' });

const infoOf = (name: string, { mtime, crc32 }: FileRow, size: number): FileInfo => ({
  name,
  size,
  mtime,
  crc32,
});

async function list(
  state: S3StoreState,
  { prefix = '', after = '', limit }: ListOptions,
): Promise<Outcome<Listing>> {
  const { database, statements } = state;
  if (!isStorable(prefix)) return ok({ files: [] });
  const end = upperBoundOf(prefix);
  const from = [prefix, startOf(after), limit + 1];
  const rows =
    end === undefined
      ? await database.rows<FileInfo>(statements.list, from)
      : await database.rows<FileInfo>(statements.listPrefix, [...from, end]);
  const files = rows.slice(0, limit).map(({ name, size, mtime }) => ({ name, size, mtime }));
  const last = files.at(-1);
  return ok(rows.length > limit && last !== undefined ? { files, next: last.name } : { files });
}

/** Whether a text can be part of a name: the database knows no NUL and no half of a surrogate pair. */
const isStorable = (text: string): boolean => !/[\0\p{Surrogate}]/u.test(text);

/** The place of `after` in the order of names. No name has what cannot be stored, and what is before that decides. */
const startOf = (after: string): string => after.replace(/[\0\p{Surrogate}].*$/su, '');

async function remove(
  { database, statements, changed }: S3StoreState,
  name: string,
): Promise<Outcome<Removed>> {
  const row = await database.row<{ answer: Removed | FaultAnswer }>(statements.remove, [randomUUID(), name]);
  const answer = row?.answer ?? { fault: 'internal' };
  if (isFault(answer)) return refusalOf(answer);
  changed();
  return ok({ size: answer.size });
}

async function rename(
  state: S3StoreState,
  from: string,
  to: string,
  ifAbsent: boolean,
): Promise<Outcome<Renamed>> {
  const { database, statements } = state;
  const { prefixes, limits } = await state.usage.rulesFor(to, state.quotas());
  type Answer = Omit<Renamed, 'name'> | FaultAnswer;
  const row = await database.row<{ answer: Answer }>(statements.rename, [
    randomUUID(),
    from,
    foldersOf(from),
    to,
    foldersOf(to),
    ifAbsent,
    prefixes,
    limits,
  ]);
  const answer = row?.answer ?? { fault: 'internal' };
  if (isFault(answer)) return refusalOf(answer);
  state.changed();
  const { size, mtime, replaced } = answer;
  return ok({ name: to, size, mtime, replaced });
}

async function close(state: S3StoreState, release: () => Promise<void>): Promise<void> {
  state.isClosed = true;
  for (const reader of [...state.readers]) reader.end();
  await Promise.all([...state.puts].map((put) => put.abort()));
  await release();
}
