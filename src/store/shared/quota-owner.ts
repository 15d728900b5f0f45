/**
 * The quotas of a root that several processes share: reservations, locks and counts are here, once, and what is counted
 * and changed is in the processes.
 *
 * ```text
 *  the process                    the owner
 *  quota.put {name, size} ──────▶ reserves; asks the process for the size of the file that is there
 *  ◀─────────────────────── begin
 *  receives the content
 *  quota.commit ────────────────▶ waits for other changes of the name, and for counts
 *  ◀─────────────────────── go on
 *  gives the file its name
 *  quota.done {size, replaced} ─▶ counts it; the reservation ends
 * ```
 *
 * A process that dies gives back what it had reserved. If a change of it was under way, its prefixes are counted again.
 */
import type { CallHandlers } from '../../base/calls.ts';
import type {
  Committed,
  FileInfo,
  Listing,
  MaybeAsync,
  Outcome,
  Removed,
  Renamed,
  Sink,
} from '../contract.ts';
import { err, ok, okVoid, type RefusedOutcome } from '../outcome.ts';
import { putWithinQuotas } from '../quota/quota-put.ts';
import {
  createQuotaState,
  type Quota,
  type QuotaBase,
  type QuotaState,
  refreshRules,
} from '../quota/quota-state.ts';
import { type QuotaUse, removeCounted, renameWithinQuotas, usageOf } from '../quota/quotas.ts';
import { run } from '../task.ts';
import { ask, type Member, type Members, memberGone } from './members.ts';
import type { AskedCommit, AskedPut, AskedRemove, AskedRename, DoneChange } from './quota-messages.ts';
import type { UploadRegistry } from './upload-registry.ts';

export interface QuotaOwner {
  handlersFor(member: Member): CallHandlers;
  /** Called when a member can be asked what there is: counts what could not be counted before. */
  opened(): void;
  /** Called when the process of a member has ended. */
  leave(member: Member): void;
  usage(): readonly QuotaUse[];
}

/** A put of a process. */
interface HeldPut {
  /** What the quotas know of it. */
  readonly sink: Sink;
  readonly end: PutEnd;
}

interface PutEnd {
  /** Makes the commit, when its turn has come. */
  commit: () => MaybeAsync<Committed>;
}

/** What a process has begun. */
interface ProcessState {
  readonly member: Member;
  /** Its puts under way, by their number. Who puts bounds them. */
  readonly puts: Map<number, HeldPut>;
  /** Ends the changes that have their turn, by their number. */
  readonly changes: Map<number, (outcome: Outcome<never>) => void>;
}

export function createQuotaOwner(
  members: Members,
  uploads: UploadRegistry,
  quotas: () => readonly Quota[],
): QuotaOwner {
  const state: QuotaState = createQuotaState(
    baseOf(members, () => unfinished(state, uploads)),
    quotas,
  );
  const processes = new Map<Member, ProcessState>();
  refreshRules(state);
  return {
    handlersFor(member) {
      const own: ProcessState = { member, puts: new Map(), changes: new Map() };
      processes.set(member, own);
      return handlersOf(state, own);
    },
    opened() {
      for (const tally of state.ledger.tallies.values()) if (!tally.counted) void state.counts.count(tally);
    },
    leave(member) {
      const own = processes.get(member);
      processes.delete(member);
      for (const end of own?.changes.values() ?? []) end(memberGone());
      for (const { sink } of own?.puts.values() ?? []) void sink.abort();
    },
    usage: () => usageOf(state),
  };
}

/** The store as the quotas see it. What there is any process can say; changes are those of one. */
function baseOf(members: Members, unfinished: QuotaBase['unfinished']): QuotaBase {
  const askAny = async <T>(name: string, argument: unknown): Promise<Outcome<T>> => {
    for (const member of members) {
      if (!member.isOpen) continue;
      const answer = await ask<T>(member, name, argument);
      if (answer.ok || !member.hasLeft) return answer;
    }
    return memberGone();
  };
  return {
    list: (options) => askAny<Listing>('root.list', options),
    stat: (name) => askAny<FileInfo>('root.stat', name),
    unfinished,
    put: memberGone,
    remove: memberGone,
    rename: memberGone,
  };
}

/** The stored uploads, and those of puts as far as their puts have them: the quotas leave these out again. */
function unfinished({ activeUploads }: QuotaState, uploads: UploadRegistry): { readonly bytes: number } {
  let bytes = uploads.storedBytes((key) => activeUploads.has(key));
  for (const active of activeUploads.values()) bytes += active.bytes;
  return { bytes };
}

/** The same quotas over the store of one process, whose changes are made as `changes` says. */
const through = ({ member }: ProcessState, state: QuotaState, changes: Partial<QuotaBase>): QuotaState => ({
  ...state,
  store: { ...state.store, stat: (name) => ask(member, 'root.stat', name), ...changes },
});

const handlersOf = (state: QuotaState, own: ProcessState): CallHandlers => ({
  'quota.put': (asked: AskedPut) => put(state, own, asked),
  'quota.commit': ({ id }: AskedCommit) => commit(own, id),
  'quota.remove': ({ id, name }: AskedRemove) =>
    takeTurn<Removed>(own, id, (remove) => run(removeCounted(through(own, state, { remove }), name))),
  'quota.rename': ({ id, from, to }: AskedRename) =>
    takeTurn<Renamed>(own, id, (rename) =>
      run(renameWithinQuotas(through(own, state, { rename }), from, to, undefined)),
    ),
  'quota.done'({ id, outcome }: DoneChange) {
    own.changes.get(id)?.(outcome as Outcome<never>);
    own.changes.delete(id);
  },
  async 'quota.ended'(id: number) {
    const put = own.puts.get(id);
    own.puts.delete(id);
    await put?.sink.abort();
  },
});

async function put(
  state: QuotaState,
  own: ProcessState,
  { id, name, options }: AskedPut,
): Promise<Outcome<void>> {
  // Of the put of a process only its end concerns the quotas.
  const end: PutEnd = { commit: memberGone };
  const inner: Sink = {
    write: () => okVoid,
    sync: () => ok({ offset: 0, crc32: 0 }),
    abort: () => {},
    commit: () => end.commit(),
  };
  const within = through(own, state, { put: () => ok(inner) });
  const begun = await run(putWithinQuotas(within, name, options));
  if (!begun.ok) return begun;
  own.puts.set(id, { sink: begun.value, end });
  if (!own.member.hasLeft) return okVoid;
  await begun.value.abort();
  return memberGone();
}

function commit(own: ProcessState, id: number): Promise<Outcome<void>> | RefusedOutcome {
  const put = own.puts.get(id);
  if (put === undefined) return err('upload-taken');
  own.puts.delete(id);
  return takeTurn<Committed>(own, id, (change) => {
    put.end.commit = change;
    return put.sink.commit();
  });
}

/**
 * Lets a process make a change when it is its turn.
 *
 * @param steps what the quotas do about it; they call `change` when it may be made.
 * @returns an answer when it may be made, or an error when it may not.
 */
function takeTurn<T>(
  { member, changes }: ProcessState,
  id: number,
  steps: (change: () => MaybeAsync<T>) => MaybeAsync<T>,
): Promise<Outcome<void>> {
  return new Promise((goOn, fail) => {
    const change = (): MaybeAsync<T> => {
      if (member.hasLeft) return memberGone();
      return new Promise<Outcome<T>>((resolve) => {
        changes.set(id, resolve);
        goOn(okVoid);
      });
    };
    Promise.resolve(steps(change)).then((outcome) => goOn(outcome.ok ? okVoid : outcome), fail);
  });
}
