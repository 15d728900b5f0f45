/** The keys of uploads, and what else is asked of the owner, as a store of one process sees them. */
import type { Calls } from '../../base/calls.ts';
import type { FileStore, Outcome } from '../contract.ts';
import type { SharedKeys, SharingStore } from '../disk/uploads/upload-keys.ts';
import { parseStoredFileName, storedFileName, type UploadRecord } from '../disk/uploads/upload-record.ts';
import { err, ok } from '../outcome.ts';
import { awaitOutcome } from '../task.ts';
import { withTimeout } from '../with-timeout.ts';
import type { AddedNames } from './added-names.ts';
import {
  type Acquire,
  type Granted,
  type KeyCall,
  ownerGone,
  type StoredUpload,
  type Totals,
} from './messages.ts';

/** A call on a key that runs here, or waits for the key. */
interface CallOnKey {
  readonly id: number;
  isWanted: boolean;
  /** What there is of the upload, once the key is granted. */
  stored: { readonly record: UploadRecord; readonly isTrusted: boolean } | undefined;
}

export interface MemberState {
  readonly calls: () => Calls;
  store: FileStore | undefined;
  sharing: SharingStore | undefined;
  /** The calls on keys, one for each key. The calls under way bound it. */
  readonly callsByKey: Map<string, CallOnKey>;
  lastCall: number;
  /** Ends the calls that wait for the owner. */
  readonly stops: Set<() => void>;
  isStopped: boolean;
  others: Totals;
  readonly added: AddedNames;
  /** When the owner began, in milliseconds since 1970: files that have not changed since are nobody's here. */
  since: number;
  reportedBytes: number;
  timer: NodeJS.Timeout | undefined;
}

export function keysOf(member: MemberState): SharedKeys {
  const { callsByKey } = member;
  const tell = (name: string, argument: unknown) => member.calls().tell(name, argument);
  return {
    index: {
      known: new Map(),
      remember(record, isTrusted) {
        const underWay = callsByKey.get(record.key);
        if (underWay !== undefined) underWay.stored = { record, isTrusted };
        tell('root.stored', { file: storedFileName(record), isTrusted } satisfies StoredUpload);
      },
      forget(key) {
        const underWay = callsByKey.get(key);
        if (underWay !== undefined && underWay.stored === undefined) return;
        if (underWay !== undefined) underWay.stored = undefined;
        tell('root.gone', key);
      },
      isTrusted(record) {
        const stored = callsByKey.get(record.key)?.stored;
        return stored?.isTrusted === true && storedFileName(stored.record) === storedFileName(record);
      },
      get: (key) => callsByKey.get(key)?.stored?.record,
      keys: function* () {
        const keys = yield* awaitOutcome(askOwner<readonly string[]>(member, 'root.storedKeys'));
        return keys.ok ? keys.value : [];
      },
    },
    *acquire(key, purpose) {
      const call: CallOnKey = { id: ++member.lastCall, isWanted: false, stored: undefined };
      callsByKey.set(key, call);
      const asked: Acquire = { key, purpose, call: call.id };
      const giveBack = () => tell('root.release', { key, call: call.id } satisfies KeyCall);
      const granted = yield* awaitOutcome(askInTurn<Granted>(member, 'root.acquire', asked, giveBack));
      if (granted.ok) call.stored = recordIn(granted.value.stored);
      else callsByKey.delete(key);
      return granted;
    },
    release(key) {
      const call = callsByKey.get(key)?.id;
      callsByKey.delete(key);
      if (call !== undefined) tell('root.release', { key, call } satisfies KeyCall);
    },
    isWanted: (key) => callsByKey.get(key)?.isWanted === true,
    noteBegun: (key) => tell('root.begun', key),
    noteEnded(key) {
      tell('root.ended', key);
      report(member);
    },
    *isKeeper() {
      const answer = yield* awaitOutcome(askOwner<boolean>(member, 'root.isKeeper'));
      return answer.ok && answer.value;
    },
    get others() {
      return member.others;
    },
  };
}

/** Milliseconds after which an owner that does not answer is taken to hang. */
const ANSWER_MS = 5000;
/** The same for what may wait for other processes: longer than the owner lets a call wait. */
const TURN_MS = 90_000;

/** Asks for what is answered at once. */
export async function askOwner<T>(
  member: MemberState,
  name: string,
  argument?: unknown,
): Promise<Outcome<T>> {
  try {
    const asked = member
      .calls()
      .call<T>(name, argument)
      .then(ok<T>);
    return await withTimeout<Outcome<T>>(ANSWER_MS, asked, ownerGone());
  } catch {
    return ownerGone();
  }
}

/**
 * Asks for what may have to wait for other processes.
 *
 * @param giveBack called when it is granted though nobody waits for it any more.
 */
export function askInTurn<T>(
  member: MemberState,
  name: string,
  argument: unknown,
  giveBack: () => void,
): Promise<Outcome<T>> {
  const { stops } = member;
  if (member.isStopped) return Promise.resolve(err('shutting-down'));
  return new Promise((resolve) => {
    const end = (outcome: Outcome<T>) => {
      clearTimeout(timer);
      stops.delete(stop);
      resolve(outcome);
    };
    const stop = () => end(err('shutting-down'));
    const timer = setTimeout(() => end(ownerGone()), TURN_MS).unref();
    stops.add(stop);
    member
      .calls()
      .call<Outcome<T>>(name, argument)
      .then(
        (answer) => {
          if (stops.has(stop)) end(answer);
          else if (answer.ok) giveBack();
        },
        () => end(ownerGone()),
      );
  });
}

function recordIn(stored: StoredUpload | null): CallOnKey['stored'] {
  const record = stored === null ? undefined : parseStoredFileName(stored.file);
  return record && { record, isTrusted: stored!.isTrusted };
}

/** Tells the owner how many bytes the puts of this process have by now. */
export function report(member: MemberState): void {
  const bytes = member.sharing?.activeBytes() ?? 0;
  if (bytes === member.reportedBytes) return;
  member.reportedBytes = bytes;
  member.calls().tell('root.active', bytes);
}
