/** The state of a put under way, its queue, and how it ends. */
import type { FileStore, PutOptions, Sink } from '../../store/contract.ts';
import type { ServiceFault } from '../protocol/errors.ts';
import type { UploadOffset } from '../protocol/file.ts';
import type { EffectResult } from '../session/event.ts';

export interface PutTaskDeps {
  readonly store: FileStore;
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

export interface QueuedWrite {
  readonly bytes: Uint8Array;
  readonly settled: () => void;
}

export interface PutState {
  readonly deps: PutTaskDeps;
  readonly name: string;
  readonly options: PutOptions;
  /** Bytes that have come for it. */
  received: number;
  /** What is under way; the table in `put-task.ts` says what follows. */
  state: 'busy' | 'idle' | 'ending' | 'finished';
  /** The sink of the store; null until `store.put` has answered. */
  sink: Sink | null;
  /** What the next write takes. Bounded by the credit of its bytes, which returns when each write has settled. */
  queued: QueuedWrite[];
  queuedBytes: number;
  /** What follows when the queue is empty. */
  wanted: 'more' | 'commit' | 'abort';
  /** Whether a sync was asked for and has not begun. */
  isSyncWanted: boolean;
  /** Whether another connection has the upload now. */
  isTakenOver: boolean;
}

export const createPutState = (deps: PutTaskDeps, name: string, options: PutOptions): PutState => ({
  deps,
  name,
  options,
  received: 0,
  state: 'busy',
  sink: null,
  queued: [],
  queuedBytes: 0,
  wanted: 'more',
  isSyncWanted: false,
  isTakenOver: false,
});

export function takeQueue(put: PutState): QueuedWrite[] {
  const taken = put.queued;
  put.queued = [];
  put.queuedBytes = 0;
  return taken;
}

/** Gives the credit of the queue back; its bytes are not written. */
export function dropQueue(put: PutState): void {
  for (const { settled } of takeQueue(put)) settled();
}

export function fail(put: PutState, of: 'openPut' | 'write' | 'sync' | 'commit', error: ServiceFault): void {
  finish(put, { of, ok: false, error });
}

/** Ends the put with its first result. After an abort there is none. */
export function finish(put: PutState, result: EffectResult | null): void {
  if (put.state === 'finished') return;
  put.state = 'finished';
  dropQueue(put);
  put.deps.finished(put.wanted === 'abort' ? null : result);
}
