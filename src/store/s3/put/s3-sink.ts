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
import { randomUUID } from 'node:crypto';
import { totalBytes } from '../../../base/bytes.ts';
import { contentFault, keepsContent } from '../../content-check.ts';
import type { Committed, MaybeAsync, Outcome, PutOptions, Sink, UploadOffset } from '../../contract.ts';
import { err, ok, okVoid, type RefusedOutcome } from '../../outcome.ts';
import { type FaultAnswer, isFault, refusalOf } from '../fault-answer.ts';
import { foldersOf } from '../folders.ts';
import { createSegmentWriter } from '../segments/segment-writer.ts';
import type { S3StoreState } from '../store-state.ts';
import { createTurns } from '../turns.ts';
import { abort, drop, end, failWith, keep, take } from './end-put.ts';
import { type PutRequest, type PutState, Refused } from './put-state.ts';
import { appendPending, forget, putObject, record } from './record-segment.ts';

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

async function commit(state: PutState): Promise<Outcome<Committed>> {
  const { store, name, options, writer, hash, file, rules } = state;
  if (writer.written() !== options.size) return await drop(state, sizeFault(options, writer.written()));
  state.isCommitting = true;
  await writer.flush();
  const { crc32 } = writer.recorded();
  const fault = contentFault(options, crc32, hash);
  if (fault !== undefined) return await drop(state, fault);
  const accepted = await options.accept?.({ name, size: options.size, crc32 });
  if (accepted?.ok === false)
    return keepsContent(accepted) ? await keep(state, accepted) : await drop(state, accepted);
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
      state.grant?.key ?? null,
      state.grant?.epoch ?? null,
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
    // Nothing has become of an upload: it is committed again when there is room.
    if (row.answer.fault === 'events-full') return await keep(state, refusalOf(row.answer));
    for (const segment of state.pending.splice(0)) forget(store, segment);
    end(state);
    await writer.end();
    if (row.answer.fault === 'upload-taken') options.taken?.();
    return refusalOf(row.answer);
  }
  store.changed();
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
