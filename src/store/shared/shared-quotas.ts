/**
 * A store around the store of one process of several, with quotas that their owner keeps: it asks before each change, and
 * tells what came of it.
 */
import type { Committed, FileStore, MaybeAsync, Outcome, PutOptions, Sink } from '../contract.ts';
import { err, ok } from '../outcome.ts';
import { createLateTurn, type LateTurn } from '../quota/late-turn.ts';
import { awaitOutcome, run, type Task } from '../task.ts';
import type { AskedPut, AskedRemove, AskedRename, DoneChange } from './quota-messages.ts';
import type { RootMember } from './root-member.ts';

interface SharedQuotas {
  readonly store: FileStore;
  readonly member: RootMember;
  /** The number of the last put or call. */
  last: number;
}

/** A put under way. */
interface SharedPut {
  readonly id: number;
  readonly shared: SharedQuotas;
  /** Whether the owner knows, or will know, that it has ended. */
  hasEnded: boolean;
}

/** @param member that of the store, whose owner was made with `quotas`. */
export function sharedQuotas(store: FileStore, member: RootMember): FileStore {
  const shared: SharedQuotas = { store, member, last: 0 };
  return {
    durable: store.durable,
    resume: (upload) => store.resume(upload),
    cancel: (upload) => store.cancel(upload),
    unfinished: () => store.unfinished(),
    open: (name) => store.open(name),
    stat: (name, options) => store.stat(name, options),
    list: (options) => store.list(options),
    close: () => store.close(),
    put: (name, options) => put(shared, name, options),
    remove(name) {
      const asked: AskedRemove = { id: ++shared.last, name };
      return changeInTurn(shared, 'quota.remove', asked, () => store.remove(name));
    },
    rename(from, to, options) {
      if (from === to) return store.rename(from, to, options);
      const asked: AskedRename = { id: ++shared.last, from, to };
      return changeInTurn(shared, 'quota.rename', asked, () => store.rename(from, to, options));
    },
  };
}

async function put(shared: SharedQuotas, name: string, options: PutOptions): Promise<Outcome<Sink>> {
  const { store, member } = shared;
  const { size, upload, offset, accept } = options;
  const id = ++shared.last;
  const about = {
    size,
    ...(upload === undefined ? {} : { upload }),
    ...(offset === undefined ? {} : { offset }),
  };
  const asked: AskedPut = { id, name, options: about };
  const begun = await member.askInTurn('quota.put', asked, () => member.tell('quota.ended', id));
  if (!begun.ok) return begun;
  const put: SharedPut = { id, shared, hasEnded: false };
  const taken = () => {
    end(put);
    options.taken?.();
  };
  const late = accept && createLateTurn(accept, (change) => commitInTurn(put, change));
  const isPlain = upload === undefined && late === undefined;
  const inner = isPlain ? options : { ...options, taken, accept: late?.accept };
  const sink = await run(endOnError(put, () => store.put(name, inner)));
  return sink.ok ? ok(sharedSink(put, sink.value, late)) : sink;
}

const sharedSink = (put: SharedPut, sink: Sink, late: LateTurn | undefined): Sink => ({
  write: (chunks) => run(endOnError(put, () => sink.write(chunks))),
  sync: () => run(endOnError(put, () => sink.sync())),
  commit: () => (late === undefined ? commit(put, sink) : commitLate(put, sink, late)),
  abort() {
    const aborted = sink.abort();
    if (aborted instanceof Promise) return aborted.finally(() => end(put));
    return end(put);
  },
});

async function commit(put: SharedPut, sink: Sink): Promise<Outcome<Committed>> {
  // It was taken over, which the sink says.
  if (put.hasEnded) return sink.commit();
  const committed = await commitInTurn(put, () => sink.commit());
  if (!put.hasEnded) {
    put.hasEnded = true;
    await sink.abort();
  }
  return committed;
}

/** A sink whose turn is refused cleans up by itself, as whoever is asked about the file has refused it. */
async function commitLate(put: SharedPut, sink: Sink, late: LateTurn): Promise<Outcome<Committed>> {
  try {
    return await (put.hasEnded ? sink.commit() : late.commit(sink));
  } finally {
    end(put);
  }
}

const commitInTurn = (put: SharedPut, change: () => MaybeAsync<Committed>): Promise<Outcome<Committed>> =>
  changeInTurn(put.shared, 'quota.commit', { id: put.id }, () => {
    put.hasEnded = true;
    return change();
  });

/** Makes a change when the owner says that it may be made, and tells the owner what came of it. */
async function changeInTurn<T>(
  shared: SharedQuotas,
  name: string,
  asked: { readonly id: number },
  change: () => MaybeAsync<T>,
): Promise<Outcome<T>> {
  const { member } = shared;
  const { id } = asked;
  const done = (outcome: Outcome<T>) => member.tell('quota.done', { id, outcome } satisfies DoneChange);
  const turn = await member.askInTurn(name, asked, () => done(err('timed-out')));
  if (!turn.ok) return turn;
  let outcome: Outcome<T> = err('internal');
  try {
    outcome = await change();
    return outcome;
  } finally {
    done(outcome);
  }
}

function end(put: SharedPut): void {
  if (put.hasEnded) return;
  put.hasEnded = true;
  put.shared.member.tell('quota.ended', put.id);
}

/** Makes a call, and ends the put when the answer is an error or an exception. */
function* endOnError<T>(put: SharedPut, call: () => MaybeAsync<T>): Task<Outcome<T>> {
  let isOk = false;
  try {
    const outcome = yield* awaitOutcome(call());
    isOk = outcome.ok;
    return outcome;
  } finally {
    if (!isOk) end(put);
  }
}
