/**
 * A put to the store: its bytes go to S3 in segments, and its commit is one transaction.
 *
 * ```text
 *  content            what is done before the commit              the commit
 *  one segment        PUT                                         names the segment and the file
 *  more, or a key     PUT and append, a segment at a time         names the last segment and the file
 * ```
 *
 * A put that is longer than a segment has the right to append (a `Grant`) even when it has no key: so what it has sent is
 * somebody's, and not swept.
 */
import { type Hash, randomUUID } from 'node:crypto';
import { totalBytes } from '../../base/bytes.ts';
import { contentFault } from '../content-check.ts';
import type { Committed, MaybeAsync, Outcome, PutOptions, Sink, UploadOffset } from '../contract.ts';
import { err, ok, okVoid, type RefusedOutcome } from '../outcome.ts';
import { EngineFault } from './engine-fault.ts';
import { type FaultAnswer, isFault, refusalOf } from './fault-answer.ts';
import { foldersOf } from './folders.ts';
import { newObjectName } from './segments/object-names.ts';
import { createSegmentWriter, type Segment, type SegmentWriter } from './segments/segment-writer.ts';
import type { S3StoreState, UploadHolder } from './store-state.ts';
import { createTurns, type Turns } from './turns.ts';
import { appendSegment, beginUpload, type Grant, releaseUpload } from './uploads.ts';
import type { RulesFor } from './usage.ts';

/** Thrown when somebody else has the upload by now. */
class Fenced extends Error {}

export interface PutRequest {
  readonly name: string;
  readonly options: PutOptions;
  readonly rules: RulesFor;
  /** Null as long as the put needs none. */
  readonly grant: Grant | null;
  /** What hashes the content, with what there is of it; undefined when nobody asks for it. */
  readonly hash: Hash | undefined;
}

interface PutState extends PutRequest {
  readonly store: S3StoreState;
  readonly file: string;
  readonly writer: SegmentWriter;
  readonly holder: UploadHolder;
  grant: Grant | null;
  /** Segments that no row names yet: one at most. */
  readonly pending: Segment[];
  /** A take-over waits for the call under way. */
  readonly turns: Turns;
  isCommitting: boolean;
  /** Whether the database was asked to commit, and has not answered: then what it names is not known. */
  isUncertain: boolean;
  isOver: boolean;
  isTaken: boolean;
}

/** A put that has a key is found under it, so that it can be asked to let its upload go. */
export function createS3Sink(store: S3StoreState, request: PutRequest): Sink {
  const { grant } = request;
  const file = grant?.file ?? randomUUID();
  const state: PutState = {
    ...request,
    store,
    file,
    writer: createSegmentWriter(
      {
        budget: store.budget,
        segmentBytes: store.segmentBytes,
        put: (start, pieces) => putObject(store, file, start, pieces),
        record: (segment) => record(state, segment),
      },
      grant ?? { offset: 0, crc32: 0 },
    ),
    holder: {
      take: () => take(state),
      written: () => state.writer.written(),
      abort: () => abort(state),
    },
    pending: [],
    turns: createTurns(),
    isCommitting: false,
    isUncertain: false,
    isOver: false,
    isTaken: false,
  };
  store.puts.add(state.holder);
  if (grant !== null) store.holders.set(grant.key, state.holder);
  return {
    write: (chunks) => write(state, chunks),
    sync: () => inTurn(state, () => sync(state)),
    commit: () => inTurn(state, () => commit(state)),
    abort: () => abort(state),
  };
}

async function putObject(store: S3StoreState, file: string, start: number, pieces: readonly Uint8Array[]) {
  let began = store.node.now();
  const object = await store.bucket.put(() => {
    began = store.node.now();
    return newObjectName(store.folder, { file, start });
  }, pieces);
  return { object, began: new Date(began) };
}

/** The last segment is named by the commit. */
async function record(state: PutState, segment: Segment): Promise<void> {
  const isLast = segment.start + segment.length === state.options.size;
  if (isLast || state.isCommitting) state.pending.push(segment);
  else await append(state, segment);
}

async function append(state: PutState, segment: Segment): Promise<void> {
  const { store, file, name, options, rules } = state;
  if (state.grant === null) {
    const begun = await beginUpload(store, { key: undefined, file, name, options, rules });
    if (!begun.ok) throw new Refused(begun);
    state.grant = begun.value;
    store.holders.set(state.grant.key, state.holder);
  }
  // The object is left to the sweep: an earlier try, whose answer was lost, may have named it.
  if (!(await appendSegment(store, state.grant, segment))) throw new Fenced('somebody else has the upload');
}

/** Carries an error of the catalogue out of the writer. */
class Refused extends Error {
  readonly outcome: RefusedOutcome;
  constructor(outcome: RefusedOutcome) {
    super(outcome.error.message);
    this.outcome = outcome;
  }
}

/** Deletes an object that no row names, nor ever will. If that fails, the sweep does it. */
function forget({ bucket }: S3StoreState, { object }: Segment): void {
  if (object !== '') bucket.delete(object).catch(() => {});
}

/** Runs one call at a time, and makes an outcome of what it throws. */
const inTurn = <T>(state: PutState, call: () => Promise<Outcome<T>>): Promise<Outcome<T>> =>
  state.turns.run(async () => {
    if (state.isOver) return closedFault(state);
    try {
      return await call();
    } catch (thrown) {
      return await failWith(state, thrown);
    }
  });

const closedFault = ({ isTaken, store }: PutState): RefusedOutcome =>
  err(isTaken && !store.isClosed ? 'upload-taken' : 'shutting-down');

/** Answers at once, unless the bytes have to wait for memory or the put is being taken over. */
function write(state: PutState, chunks: readonly Uint8Array[]): MaybeAsync<void> {
  const isFree = !state.turns.isBusy() && !state.isOver;
  const waits = isFree ? takeBytes(state, chunks) : undefined;
  if (isFree && waits === undefined) return okVoid;
  return inTurn(state, async () => {
    await (isFree ? waits : takeBytes(state, chunks));
    return okVoid;
  });
}

/** Never throws: a promise that rejects, when the bytes cannot be taken. */
function takeBytes(
  { writer, options, hash }: PutState,
  chunks: readonly Uint8Array[],
): Promise<void> | undefined {
  const written = writer.written() + totalBytes(chunks);
  if (written > options.size) return Promise.reject(new Refused(sizeFault(options, written)));
  for (const chunk of chunks) hash?.update(chunk);
  try {
    return writer.write(chunks);
  } catch (thrown) {
    return Promise.reject(thrown);
  }
}

async function sync(state: PutState): Promise<Outcome<UploadOffset>> {
  await state.writer.flush();
  await appendPending(state);
  return ok({ ...state.writer.recorded() });
}

/** Names what is in S3 and waits for the commit, if somebody may ask for it later. */
async function appendPending(state: PutState): Promise<void> {
  if (state.options.upload === undefined) return;
  for (let segment = state.pending.shift(); segment !== undefined; segment = state.pending.shift())
    await append(state, segment);
}

async function commit(state: PutState): Promise<Outcome<Committed>> {
  const { store, name, options, writer, hash, file, grant, rules } = state;
  if (writer.written() !== options.size) return await drop(state, sizeFault(options, writer.written()));
  state.isCommitting = true;
  await writer.flush();
  const { crc32 } = writer.recorded();
  const fault = contentFault(options, crc32, hash);
  if (fault !== undefined) return await drop(state, fault);
  const mtime = options.mtime ?? Date.now();
  const segments = options.size === 0 ? [EMPTY_SEGMENT] : state.pending;
  const began = state.pending[0]?.began ?? null;
  state.isUncertain = true;
  const row = await store.database.row<{ answer: { replaced: number } | FaultAnswer }>(
    store.statements.commit,
    [
      name,
      foldersOf(name),
      options.size,
      mtime,
      crc32,
      options.ifAbsent === true,
      file,
      (state.grant ?? grant)?.key ?? null,
      (state.grant ?? grant)?.epoch ?? null,
      began,
      segments.map(({ start }) => start),
      segments.map(({ length }) => length),
      segments.map(({ object }) => object),
      segments.map(({ crc32 }) => crc32),
      rules.prefixes,
      rules.limits,
    ],
  );
  if (row === undefined) throw new Error('the commit has answered nothing');
  state.isUncertain = false;
  if (isFault(row.answer)) {
    for (const segment of state.pending.splice(0)) forget(store, segment);
    end(state);
    if (row.answer.fault === 'upload-taken') options.taken?.();
    return refusalOf(row.answer);
  }
  end(state);
  await writer.end();
  return ok({
    name,
    size: options.size,
    mtime,
    crc32,
    durable: store.durable,
    replaced: row.answer.replaced,
  });
}

const EMPTY_SEGMENT = { start: 0, length: 0, object: '', crc32: 0 };

const sizeFault = ({ size }: PutOptions, actual: number): RefusedOutcome =>
  err('size-mismatch', undefined, { expected: size, actual });

/** Ends the put because of what was thrown; the bytes of an upload are kept if an engine failed. */
async function failWith(state: PutState, thrown: unknown): Promise<RefusedOutcome> {
  if (thrown instanceof Refused) return await drop(state, thrown.outcome);
  if (thrown instanceof Fenced) {
    end(state);
    state.options.taken?.();
    await state.writer.end();
    return err('upload-taken');
  }
  if (!(thrown instanceof EngineFault)) {
    await drop(state, err('internal'));
    throw thrown;
  }
  const keep = thrown.code !== 'disk-full';
  await letGo(state, keep);
  return thrown.refusal;
}

/** Ends the put and keeps nothing of it. */
async function drop(state: PutState, outcome: RefusedOutcome): Promise<RefusedOutcome> {
  await letGo(state, false);
  return outcome;
}

function end(state: PutState): void {
  const { store, holder, grant } = state;
  state.isOver = true;
  store.puts.delete(holder);
  if (grant !== null && store.holders.get(grant.key) === holder) store.holders.delete(grant.key);
}

/** Ends the put; whatever fails in it is done by the sweep. @param keep whether an upload keeps what it has. */
async function letGo(state: PutState, keep: boolean): Promise<void> {
  if (state.isOver) return;
  const { store, writer, pending, options, isUncertain } = state;
  state.isOver = true;
  const isKept = keep && options.upload !== undefined;
  try {
    if (isKept && !isUncertain) {
      await writer.flush();
      await appendPending(state);
    }
  } catch {
    // What is recorded is kept.
  }
  await writer.end();
  if (!isUncertain) for (const segment of pending.splice(0)) forget(store, segment);
  if (state.grant !== null) await releaseUpload(store, state.grant, isKept).catch(() => {});
  end(state);
}

const abort = (state: PutState): Promise<void> => state.turns.run(() => letGo(state, true));

/** Lets an upload go for somebody else. A call under way is answered first, and may end the put. */
const take = (state: PutState): Promise<void> =>
  state.turns.run(async () => {
    if (state.isOver) return;
    state.isTaken = true;
    state.options.taken?.();
    await letGo(state, true);
  });
