/** The store over S3 and PostgreSQL: bytes in objects that never change, names in a database, for as many nodes as there are. */

import { type Hash, randomUUID } from 'node:crypto';
import { hashFor } from '../content-check.ts';
import type {
  FileInfo,
  FileStore,
  Listing,
  ListOptions,
  Outcome,
  PutOptions,
  Removed,
  Renamed,
  Sink,
  Source,
} from '../contract.ts';
import { nameFault } from '../names.ts';
import { err, ok, type RefusedOutcome } from '../outcome.ts';
import { keyFault } from '../upload-limits.ts';
import { answerOf } from './engine-fault.ts';
import { type FaultAnswer, isFault, refusalOf } from './fault-answer.ts';
import { foldersOf } from './folders.ts';
import { upperBoundOf } from './prefix-range.ts';
import { createS3Sink } from './put/s3-sink.ts';
import { createS3Source, readerOf } from './s3-source.ts';
import type { SegmentRow } from './segments/segment-reader.ts';
import type { S3StoreState } from './store-state.ts';
import type { Turns } from './turns.ts';
import { createTurns } from './turns.ts';
import { beginUpload, cancelUpload, type Grant, releaseUpload, resumeUpload } from './uploads.ts';

/** @param release closes the engines, once all calls of the store are refused. */
export function createS3Store(state: S3StoreState, release: () => Promise<void>): FileStore {
  const uploadTurns = createKeyedTurns();
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
      return call(fault, () => put(state, name, options, uploadTurns));
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

/** Runs the work of one key at a time. It keeps an entry for each key in use, so the callers bound it. */
function createKeyedTurns() {
  const turns = new Map<string, Turns>();
  return <T>(key: string, work: () => Promise<T>): Promise<T> => {
    const mine = turns.get(key) ?? createTurns();
    turns.set(key, mine);
    return mine.run(work).finally(() => {
      if (turns.get(key) === mine && !mine.isBusy()) turns.delete(key);
    });
  };
}

async function put(
  state: S3StoreState,
  name: string,
  options: PutOptions,
  uploadTurns: ReturnType<typeof createKeyedTurns>,
): Promise<Outcome<Sink>> {
  const { upload, size } = options;
  const rules = await state.usage.rulesFor(name, state.quotas());
  if (state.isClosed) return err('shutting-down');
  const request = { name, options, rules };
  // It is begun when its bytes are there: one PUT and one transaction.
  if (upload === undefined && size <= state.segmentBytes)
    return ok(createS3Sink(state, { ...request, grant: null, hash: hashFor(options) }));
  const begin = async (): Promise<Outcome<Sink>> => {
    const begun = await beginUpload(state, { ...request, key: upload, file: randomUUID() });
    if (!begun.ok) return begun;
    const grant = begun.value;
    try {
      const hash = await hashOf(state, options, grant);
      if (!state.isClosed) return ok(createS3Sink(state, { ...request, grant, hash }));
    } catch (thrown) {
      await releaseUpload(state, grant, true).catch(() => {});
      throw thrown;
    }
    await releaseUpload(state, grant, true).catch(() => {});
    return err('shutting-down');
  };
  return upload === undefined ? await begin() : await uploadTurns(upload, begin);
}

/** A hash of what there is of an upload: its bytes are read again. */
async function hashOf(state: S3StoreState, options: PutOptions, grant: Grant): Promise<Hash | undefined> {
  const hash = hashFor(options);
  if (hash === undefined || grant.offset === 0) return hash;
  const rows = await state.database.rows<SegmentRow>(state.statements.segments, [grant.file, 0]);
  const reader = readerOf(state, grant.file, rows);
  const memory = new Uint8Array(HASHED_PIECE_BYTES);
  try {
    for (let at = 0; at < grant.offset; at += memory.length) {
      const length = Math.min(memory.length, grant.offset - at);
      hash.update(await reader.read(at, length, memory));
    }
  } finally {
    reader.close();
  }
  return hash;
}

const HASHED_PIECE_BYTES = 256 * 1024;

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

async function remove({ database, statements }: S3StoreState, name: string): Promise<Outcome<Removed>> {
  const row = await database.row<{ answer: Removed | FaultAnswer }>(statements.remove, [randomUUID(), name]);
  const answer = row?.answer ?? { fault: 'internal' };
  return isFault(answer) ? refusalOf(answer) : ok({ size: answer.size });
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
  const { size, mtime, replaced } = answer;
  return ok({ name: to, size, mtime, replaced });
}

async function close(state: S3StoreState, release: () => Promise<void>): Promise<void> {
  state.isClosed = true;
  for (const reader of [...state.readers]) reader.end();
  await Promise.all([...state.puts].map((put) => put.abort()));
  await release();
}
