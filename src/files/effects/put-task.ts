/**
 * Performs one put: its writes in order. Each write takes everything that was queued during the last one, or in this
 * turn of the event loop.
 *
 *   state      what is under way           then
 *   busy       waiting for a slot,         -> idle, or finished after a failure
 *              store.put, sink.write,
 *              sink.sync
 *   idle       nothing                     write the queue when it is long enough, when the turn is over, or when no more
 *                                          comes; else sync, commit or abort, if one of them is wanted
 *   ending     sink.commit, sink.abort     -> finished
 *   finished   nothing                     credit for what still comes is given back at once
 *
 * Another connection may take the upload over at any time. Then the task finishes without a further call of the sink,
 * but it awaits the call that is under way.
 *
 * The queue is bounded by the credit of its bytes, which returns when each write has settled.
 */

import type { PutOptions, Sink } from '../../store/contract.ts';
import { serviceFault } from '../protocol/errors.ts';
import { callStore } from './call-store.ts';
import {
  createPutState,
  dropQueue,
  fail,
  finish,
  type PutState,
  type PutTaskDeps,
  takeQueue,
} from './put-state.ts';

export interface PutTask {
  /** For those who look at it. */
  readonly put: Readonly<PutState>;
  /** Appends bytes. They must stay unchanged until `settled` is called: they are stored, or never will be. */
  readonly write: (bytes: Uint8Array, settled: () => void) => void;
  /**
   * Makes everything written so far durable, and reports how much that is. Several calls during one sync make one
   * more.
   */
  readonly sync: () => void;
  readonly commit: () => void;
  readonly abort: () => void;
  /** The connection is given up: aborts the put, unless all of it has come and it is wanted. */
  readonly abandon: () => void;
  /** The caller calls it at the end of a turn in which it has written: the task waits for no more bytes. */
  readonly flush: () => void;
}

/** The bytes that are written before the turn is over. They are few enough to be in the cache still. */
const WRITE_BYTES_MIN = 256 * 1024;

export function createPutTask(deps: PutTaskDeps, name: string, options: PutOptions): PutTask {
  const put = createPutState(deps, name, options);
  deps.acquireFile(() => {
    if (put.wanted === 'abort' && options.upload === undefined) finish(put, null);
    else begin(put);
  });
  return {
    put,
    write: (bytes, settled) => write(put, bytes, settled),
    flush: () => next(put),
    sync: () => {
      put.isSyncWanted = true;
      next(put);
    },
    commit: () => {
      put.wanted = 'commit';
      next(put);
    },
    abort: () => abort(put),
    abandon: () => {
      if (put.wanted !== 'commit') abort(put);
    },
  };
}

function begin(put: PutState): void {
  const { deps, name, options } = put;
  callStore(
    () =>
      deps.store.put(
        name,
        options.upload === undefined ? options : { ...options, taken: () => onTaken(put) },
      ),
    deps.onInternalError,
    (outcome) => {
      put.state = 'idle';
      if (!outcome.ok) return fail(put, 'openPut', outcome.error);
      put.sink = outcome.value;
      next(put);
    },
  );
}

/**
 * Another connection has the upload now. The answer to the call that is under way ends the task, and no other call
 * is made.
 */
function onTaken(put: PutState): void {
  put.isTakenOver = true;
  dropQueue(put);
  if (put.state === 'idle') fail(put, 'write', serviceFault('upload-taken'));
}

function write(put: PutState, bytes: Uint8Array, settled: () => void): void {
  if (put.state === 'finished' || put.wanted === 'abort' || put.isTakenOver) return settled();
  put.queued.push({ bytes, settled });
  put.queuedBytes += bytes.length;
  put.received += bytes.length;
  if (put.queuedBytes >= WRITE_BYTES_MIN) next(put);
}

function abort(put: PutState): void {
  put.wanted = 'abort';
  // What has arrived of an upload is kept, and that includes the queue.
  if (put.options.upload === undefined) dropQueue(put);
  next(put);
}

/** Makes the next call of the sink, when none is under way and one is wanted. */
function next(put: PutState): void {
  const { sink, wanted } = put;
  if (put.state !== 'idle' || sink === null) return;
  if (put.isTakenOver) return fail(put, 'write', serviceFault('upload-taken'));
  if (put.queued.length > 0) writeQueued(put, sink);
  else if (wanted === 'abort') abortSink(put, sink);
  else if (put.isSyncWanted && wanted !== 'commit') syncSink(put, sink);
  else if (wanted === 'commit') commitSink(put, sink);
}

function writeQueued(put: PutState, sink: Sink): void {
  const writes = takeQueue(put);
  put.state = 'busy';
  callStore(
    () => sink.write(writes.map(({ bytes }) => bytes)),
    put.deps.onInternalError,
    (outcome) => {
      // The task stays busy meanwhile: the credit that is given back may bring more bytes to write at once.
      for (const { settled } of writes) settled();
      put.state = 'idle';
      if (outcome.ok) next(put);
      else fail(put, 'write', outcome.error);
    },
  );
}

function syncSink(put: PutState, sink: Sink): void {
  put.isSyncWanted = false;
  put.state = 'busy';
  callStore(
    () => sink.sync(),
    put.deps.onInternalError,
    (outcome) => {
      put.state = 'idle';
      if (!outcome.ok) return fail(put, 'sync', outcome.error);
      // When a commit follows, its answer includes this one.
      if (put.wanted === 'more' && !put.isTakenOver) put.deps.synced(outcome.value);
      next(put);
    },
  );
}

function commitSink(put: PutState, sink: Sink): void {
  put.state = 'ending';
  callStore(
    () => sink.commit(),
    put.deps.onInternalError,
    (outcome) => {
      if (outcome.ok) finish(put, { of: 'commit', ok: true, value: outcome.value });
      else fail(put, 'commit', outcome.error);
    },
  );
}

function abortSink(put: PutState, sink: Sink): void {
  put.state = 'ending';
  const aborted = async () => {
    await sink.abort();
    return { ok: true, value: undefined } as const;
  };
  callStore(aborted, put.deps.onInternalError, () => finish(put, null));
}
