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

import type { PutOptions, Sink, Store } from '../../store/contract.ts';
import { type ServiceFault, serviceFault } from '../protocol/errors.ts';
import type { UploadOffset } from '../protocol/file.ts';
import type { EffectResult } from '../session/event.ts';
import { callStore } from './call-store.ts';

export interface PutTask {
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

interface QueuedWrite {
  readonly bytes: Uint8Array;
  readonly settled: () => void;
}

export interface PutTaskDeps {
  readonly store: Store;
  /** Calls back once the put may have a file open. */
  readonly acquireFile: (go: () => void) => void;
  readonly onInternalError: (thrown: unknown) => void;
  readonly synced: (part: UploadOffset) => void;
  /**
   * Called when nothing is under way any more, with the one result: the stored file, or the first failure; null after
   * an abort.
   */
  readonly finished: (result: EffectResult | null) => void;
}

export function createPutTask(deps: PutTaskDeps, name: string, options: PutOptions): PutTask {
  const { store, onInternalError } = deps;
  let state: 'busy' | 'idle' | 'ending' | 'finished' = 'busy';
  let sink: Sink | null = null;
  let queued: QueuedWrite[] = [];
  let queuedBytes = 0;
  let wanted: 'more' | 'commit' | 'abort' = 'more';
  let syncWanted = false;
  let isTakenOver = false;

  const takeQueue = () => {
    const taken = queued;
    queued = [];
    queuedBytes = 0;
    return taken;
  };
  const dropQueue = () => {
    for (const { settled } of takeQueue()) settled();
  };
  const finish = (result: EffectResult | null) => {
    if (state === 'finished') return;
    state = 'finished';
    dropQueue();
    deps.finished(wanted === 'abort' ? null : result);
  };
  const fail = (of: 'openPut' | 'write' | 'sync' | 'commit', error: ServiceFault) =>
    finish({ of, ok: false, error });
  /**
   * Another connection has the upload now. The answer to the call that is under way ends the task, and no other call
   * is made.
   */
  const onTaken = () => {
    isTakenOver = true;
    dropQueue();
    if (state === 'idle') fail('write', serviceFault('upload-taken'));
  };

  function next(): void {
    if (state !== 'idle' || sink === null) return;
    if (isTakenOver) return fail('write', serviceFault('upload-taken'));
    if (queued.length > 0) writeQueued(sink);
    else if (wanted === 'abort') abortSink(sink);
    else if (syncWanted && wanted !== 'commit') syncSink(sink);
    else if (wanted === 'commit') commitSink(sink);
  }

  function writeQueued(to: Sink): void {
    const writes = takeQueue();
    state = 'busy';
    callStore(
      () => to.write(writes.map(({ bytes }) => bytes)),
      onInternalError,
      (outcome) => {
        // The task stays busy meanwhile: the credit that is given back may bring more bytes to write at once.
        for (const { settled } of writes) settled();
        state = 'idle';
        if (outcome.ok) next();
        else fail('write', outcome.error);
      },
    );
  }

  function syncSink(to: Sink): void {
    syncWanted = false;
    state = 'busy';
    callStore(
      () => to.sync(),
      onInternalError,
      (outcome) => {
        state = 'idle';
        if (!outcome.ok) return fail('sync', outcome.error);
        // When a commit follows, its answer includes this one.
        if (wanted === 'more' && !isTakenOver) deps.synced(outcome.value);
        next();
      },
    );
  }

  function commitSink(to: Sink): void {
    state = 'ending';
    callStore(
      () => to.commit(),
      onInternalError,
      (outcome) => {
        if (outcome.ok) finish({ of: 'commit', ok: true, value: outcome.value });
        else fail('commit', outcome.error);
      },
    );
  }

  function abortSink(to: Sink): void {
    state = 'ending';
    const aborted = async () => {
      await to.abort();
      return { ok: true, value: undefined } as const;
    };
    callStore(aborted, onInternalError, () => finish(null));
  }

  const begin = () =>
    callStore(
      () => store.put(name, options.upload === undefined ? options : { ...options, taken: onTaken }),
      onInternalError,
      (outcome) => {
        state = 'idle';
        if (!outcome.ok) return fail('openPut', outcome.error);
        sink = outcome.value;
        next();
      },
    );
  deps.acquireFile(() => {
    if (wanted === 'abort' && options.upload === undefined) finish(null);
    else begin();
  });

  const abort = () => {
    wanted = 'abort';
    // What has arrived of an upload is kept, and that includes the queue.
    if (options.upload === undefined) dropQueue();
    next();
  };

  return {
    write: (bytes, settled) => {
      if (state === 'finished' || wanted === 'abort' || isTakenOver) return settled();
      queued.push({ bytes, settled });
      queuedBytes += bytes.length;
      if (queuedBytes >= WRITE_BYTES_MIN) next();
    },
    flush: next,
    sync: () => {
      syncWanted = true;
      next();
    },
    commit: () => {
      wanted = 'commit';
      next();
    },
    abort,
    abandon: () => {
      if (wanted !== 'commit') abort();
    },
  };
}
