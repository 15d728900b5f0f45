/**
 * One put, being performed: its writes in order, each gathering what queued up while the last was under way, or in
 * this turn of the event loop.
 *
 *   state     what is under way         then
 *   busy      its turn, store.put,      -> idle, or over when it failed
 *             sink.write, sink.sync
 *   idle      nothing                   write what is queued, when that is enough, the turn is over or no more comes;
 *                                       else sync, commit or abort, once asked to
 *   ending    sink.commit, sink.abort   -> over
 *   over      nothing                   what still comes is given back at once
 *
 * An upload may be taken over by another connection at any time: then it is over at once, though what was under way in
 * the sink is still awaited.
 *
 * The queue is bounded by the credit of what is in it.
 */
import { type ErrorInfo, errorInfo } from '../files/protocol/errors.ts';
import type { UploadOffset } from '../files/protocol/file.ts';
import type { EffectResult } from '../files/session/event.ts';
import type { PutOptions, Sink, Store } from '../store/contract.ts';
import { callStore } from './call-store.ts';

export interface PutTask {
  readonly write: (bytes: Uint8Array, credit: number) => void;
  /** Makes what was written so far durable, and says how much that is; those asked for meanwhile are one. */
  readonly sync: () => void;
  readonly commit: () => void;
  readonly abort: () => void;
  /** To be called at the end of a turn in which something was written: nothing more is waited for. */
  readonly flush: () => void;
}

/** Bytes worth a write of their own before the turn is over; few enough to be in the cache still. */
const WRITE_BYTES_MIN = 256 * 1024;

export interface PutTaskDeps {
  readonly store: Store;
  /** Calls back once it may have a file open. */
  readonly acquireFile: (go: () => void) => void;
  readonly creditBack: (credit: number) => void;
  /** These bytes are not looked at any more. */
  readonly recycle: (bytes: Uint8Array) => void;
  readonly onInternalError: (thrown: unknown) => void;
  readonly synced: (part: UploadOffset) => void;
  /** Nothing is under way any more. The one result: stored, or the first thing that failed; null after an abort. */
  readonly finished: (result: EffectResult | null) => void;
}

export function createPutTask(deps: PutTaskDeps, name: string, options: PutOptions): PutTask {
  const { store, creditBack, recycle, onInternalError } = deps;
  let state: 'busy' | 'idle' | 'ending' | 'finished' = 'busy';
  let sink: Sink | null = null;
  let queued: Uint8Array[] = [];
  let queuedCredit = 0;
  let wanted: 'more' | 'commit' | 'abort' = 'more';
  let syncWanted = false;
  let isTakenOver = false;

  const dropQueue = () => {
    const credit = queuedCredit;
    for (const bytes of queued) recycle(bytes);
    queued = [];
    queuedCredit = 0;
    if (credit > 0) creditBack(credit);
  };
  const finish = (result: EffectResult | null) => {
    if (state === 'finished') return;
    state = 'finished';
    dropQueue();
    deps.finished(wanted === 'abort' ? null : result);
  };
  const fail = (of: 'openPut' | 'write' | 'sync' | 'commit', error: ErrorInfo) =>
    finish({ of, ok: false, error });
  /** Another has the upload now. What is under way ends the task when it is answered, and nothing else is begun. */
  const onTaken = () => {
    isTakenOver = true;
    dropQueue();
    if (state === 'idle') fail('write', errorInfo('upload-taken'));
  };

  function next(): void {
    if (state !== 'idle' || sink === null) return;
    if (isTakenOver) return fail('write', errorInfo('upload-taken'));
    if (queued.length > 0) writeQueued(sink);
    else if (wanted === 'abort') abortSink(sink);
    else if (syncWanted && wanted !== 'commit') syncSink(sink);
    else if (wanted === 'commit') commitSink(sink);
  }

  function writeQueued(to: Sink): void {
    const chunks = queued;
    const credit = queuedCredit;
    queued = [];
    queuedCredit = 0;
    state = 'busy';
    callStore(
      () => to.write(chunks),
      onInternalError,
      (outcome) => {
        // Busy until it is known that the sink goes on: what comes back may bring more to be written at once.
        for (const bytes of chunks) recycle(bytes);
        creditBack(credit);
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
        // The commit will say more.
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

  return {
    write: (bytes, credit) => {
      if (state === 'finished' || wanted === 'abort' || isTakenOver) {
        recycle(bytes);
        return creditBack(credit);
      }
      queued.push(bytes);
      queuedCredit += credit;
      if (queuedCredit >= WRITE_BYTES_MIN) next();
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
    abort: () => {
      wanted = 'abort';
      // What has arrived of an upload is kept, and that is what the queue is.
      if (options.upload === undefined) dropQueue();
      next();
    },
  };
}
