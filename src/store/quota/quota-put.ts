/** A put to a store with quotas: it reserves its bytes before it begins, and frees the reservation when it ends. */
import { totalBytes } from '../../base/bytes.ts';
import type { Committed, MaybeAsync, Outcome, PutOptions, Sink } from '../contract.ts';
import { ok, okVoid } from '../outcome.ts';
import { awaitOutcome, run, type Task } from '../task.ts';
import { createLateTurn, type LateTurn } from './late-turn.ts';
import {
  type ActiveBytes,
  currentSize,
  type QuotaState,
  quotaFault,
  refreshRules,
  rulesFor,
} from './quota-state.ts';

/** A put under way. */
interface QuotaPut {
  readonly state: QuotaState;
  readonly name: string;
  readonly options: PutOptions;
  readonly isReserved: boolean;
  /** The bytes that it has of its upload, if it is one. */
  readonly active: ActiveBytes;
  hasEnded: boolean;
}

export function* putWithinQuotas(state: QuotaState, name: string, options: PutOptions): Task<Outcome<Sink>> {
  refreshRules(state);
  const isReserved = rulesFor(state, name).length > 0;
  if (isReserved) {
    const reserved = yield* state.lock.run(name, reserve(state, name, options));
    if (!reserved.ok) return reserved;
  }
  const active = { bytes: options.offset ?? 0 };
  const put: QuotaPut = { state, name, options, isReserved, active, hasEnded: false };
  const { upload, accept } = options;
  const taken = () => {
    end(put);
    options.taken?.();
  };
  const late = accept && createLateTurn(accept, (change) => run(changeInTurn(put, change)));
  const isPlain = upload === undefined && late === undefined;
  const inner = isPlain ? options : { ...options, taken, accept: late?.accept };
  const sink = yield* endOnError(put, () => state.store.put(name, inner));
  if (!sink.ok) return sink;
  if (upload !== undefined && !put.hasEnded) state.activeUploads.set(upload, active);
  return ok(quotaSink(put, sink.value, late));
}

/** Reserves the bytes that a put may add. The name must not change meanwhile. */
function* reserve(state: QuotaState, name: string, options: PutOptions): Task<Outcome<void>> {
  const { ledger, counts } = state;
  const current = yield* currentSize(state, name);
  if (!current.ok) return current;
  const uncounted = yield* counts.countFault(name);
  if (uncounted !== undefined) return uncounted;
  const needed = options.size - ledger.maxSizeOf(name, current.value);
  for (const rule of rulesFor(state, name)) {
    const fault = quotaFault(state, rule, needed, options);
    if (fault !== undefined) return fault;
  }
  ledger.addPut(name, current.value, options.size);
  return okVoid;
}

function quotaSink(put: QuotaPut, sink: Sink, late: LateTurn | undefined): Sink {
  return {
    write(chunks) {
      put.active.bytes += totalBytes(chunks);
      return run(endOnError(put, () => sink.write(chunks)));
    },
    sync: () => run(endOnError(put, () => sink.sync())),
    commit: () => run(commit(put, sink, late)),
    abort() {
      const aborted = sink.abort();
      if (aborted instanceof Promise) return aborted.finally(() => end(put));
      return end(put);
    },
  };
}

function* commit(put: QuotaPut, sink: Sink, late: LateTurn | undefined): Task<Outcome<Committed>> {
  try {
    if (late === undefined) return yield* changeInTurn(put, () => sink.commit());
    return yield* awaitOutcome(late.commit(sink));
  } finally {
    end(put);
  }
}

const changeInTurn = (
  { state: { lock, counts, ledger }, name }: QuotaPut,
  change: () => MaybeAsync<Committed>,
): Task<Outcome<Committed>> =>
  lock.run(
    name,
    counts.runChange([name], change, ({ size, replaced }, tallies) => {
      for (const tally of tallies) tally.used += size - replaced;
      ledger.setSize(name, size);
    }),
  );

/** Frees the reservation, once. */
function end(put: QuotaPut): void {
  if (put.hasEnded) return;
  put.hasEnded = true;
  const { state, name, options, isReserved, active } = put;
  const { upload } = options;
  if (isReserved) state.ledger.removePut(name, options.size);
  if (upload !== undefined && state.activeUploads.get(upload) === active) state.activeUploads.delete(upload);
}

/** Makes a call, and ends the put when the answer is an error or an exception. */
function* endOnError<T>(put: QuotaPut, call: () => MaybeAsync<T>): Task<Outcome<T>> {
  let isOk = false;
  try {
    const outcome = yield* awaitOutcome(call());
    isOk = outcome.ok;
    return outcome;
  } finally {
    if (!isOk) end(put);
  }
}
