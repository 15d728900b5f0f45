/**
 * One put, being performed: its writes in order, each gathering what queued up while the last was under way, or in
 * this turn of the event loop.
 *
 *   state     what is under way         then
 *   busy      store.put, sink.write     -> idle, or over when it failed
 *   idle      nothing                   write what is queued, when that is enough, the turn is over or no more comes;
 *                                       else commit, once asked to
 *   ending    sink.commit, sink.abort   -> over
 *   over      nothing                   what still comes is given back at once
 *
 * The queue is bounded by the credit of what is in it.
 */
import type { ErrorInfo } from '../protocol/errors.ts';
import type { Result } from '../session/event.ts';
import type { PutOptions, Sink, Store } from '../store/contract.ts';
import { settle } from './settle.ts';

export interface PutTask {
  readonly write: (bytes: Uint8Array, credit: number) => void;
  readonly commit: () => void;
  readonly abort: () => void;
  /** To be called at the end of a turn in which something was written: nothing more is waited for. */
  readonly flush: () => void;
}

/** Bytes worth a write of their own before the turn is over; few enough to be in the cache still. */
const enough = 256 * 1024;

export interface PutWorld {
  readonly store: Store;
  readonly give: (credit: number) => void;
  /** These bytes are not looked at any more. */
  readonly giveBack: (bytes: Uint8Array) => void;
  readonly bug: (thrown: unknown) => void;
  /** Nothing is under way any more. The one result: stored, or the first thing that failed; null after an abort. */
  readonly over: (result: Result | null) => void;
}

export function putTask(world: PutWorld, name: string, options: PutOptions): PutTask {
  const { store, give, giveBack, bug } = world;
  let state: 'busy' | 'idle' | 'ending' | 'over' = 'busy';
  let sink: Sink | null = null;
  let queued: Uint8Array[] = [];
  let queuedCredit = 0;
  let wanted: 'more' | 'commit' | 'abort' = 'more';

  const drop = () => {
    const credit = queuedCredit;
    for (const bytes of queued) giveBack(bytes);
    queued = [];
    queuedCredit = 0;
    if (credit > 0) give(credit);
  };
  const finish = (result: Result | null) => {
    state = 'over';
    drop();
    world.over(wanted === 'abort' ? null : result);
  };
  const fail = (of: 'begin' | 'write' | 'commit', error: ErrorInfo) => finish({ of, ok: false, error });

  function next(): void {
    if (state !== 'idle' || sink === null) return;
    if (wanted === 'abort') abortSink(sink);
    else if (queued.length > 0) writeQueued(sink);
    else if (wanted === 'commit') commitSink(sink);
  }

  function writeQueued(to: Sink): void {
    const chunks = queued;
    const credit = queuedCredit;
    queued = [];
    queuedCredit = 0;
    state = 'busy';
    settle(
      () => to.write(chunks),
      bug,
      (outcome) => {
        state = 'idle';
        for (const bytes of chunks) giveBack(bytes);
        give(credit);
        if (outcome.ok) next();
        else fail('write', outcome.error);
      },
    );
  }

  function commitSink(to: Sink): void {
    state = 'ending';
    settle(
      () => to.commit(),
      bug,
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
    settle(aborted, bug, () => finish(null));
  }

  settle(
    () => store.put(name, options),
    bug,
    (outcome) => {
      state = 'idle';
      if (!outcome.ok) return fail('begin', outcome.error);
      sink = outcome.value;
      next();
    },
  );

  return {
    write: (bytes, credit) => {
      if (state === 'over' || wanted === 'abort') {
        giveBack(bytes);
        return give(credit);
      }
      queued.push(bytes);
      queuedCredit += credit;
      if (queuedCredit >= enough) next();
    },
    flush: next,
    commit: () => {
      wanted = 'commit';
      next();
    },
    abort: () => {
      wanted = 'abort';
      drop();
      next();
    },
  };
}
