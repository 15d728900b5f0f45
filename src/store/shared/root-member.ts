/**
 * One of the processes that have a disk store open on one root: its side of the calls to their owner.
 *
 * ```text
 *  this process                     the owner                        the process that has a put of the upload
 *  root.acquire {key} ────────────▶ waits for earlier calls
 *                                   root.giveUp {key} ─────────────▶ stores what it has; its put is told
 *                                   ◀──────────────────────────────── done
 *  ◀──────────────────────── granted
 *  acts on the file system
 *  root.begun {key}, root.release ▶ the next call on the key may come
 * ```
 *
 * Messages of one process arrive in their order, so what it tells of a key comes before its release.
 */
import type { CallHandlers, Calls } from '../../base/calls.ts';
import type { FileInfo, FileStore, MaybeAsync, Outcome } from '../contract.ts';
import type { Checksum } from '../disk/checksums/checksum-cache.ts';
import type { OtherSums } from '../disk/checksums/other-sums.ts';
import type { SharedKeys, SharingStore } from '../disk/uploads/upload-keys.ts';
import type { OtherNames } from '../listing/other-names.ts';
import { err, ok } from '../outcome.ts';
import { awaitOutcome } from '../task.ts';
import { commonTime, createAddedNames } from './added-names.ts';
import { askInTurn, askOwner, keysOf, type MemberState, report } from './member-keys.ts';
import type { AskedNames, GiveUp, KeyCall, Totals } from './messages.ts';

export interface RootMember {
  /** What the owner asks of this process. */
  readonly handlers: CallHandlers;
  /**
   * Asks the owner for what may have to wait for other processes.
   *
   * @param giveBack called when it is granted though nobody waits for it any more.
   */
  askInTurn(name: string, argument: unknown, giveBack: () => void): Promise<Outcome<void>>;
  tell(name: string, argument: unknown): void;
  readonly keys: SharedKeys;
  /** The names that the other processes publish. */
  readonly names: OtherNames;
  /** The checksums that the other processes know. */
  readonly sums: OtherSums;
  /** Called with the store when it is open. @param folder the name of its staging folder. */
  open(store: FileStore, sharing: SharingStore, folder: string): Promise<void>;
  /** From now on no call waits for the owner. */
  stop(): void;
  /** Called when the store is closed. */
  close(): void;
  /** Tells the owner what the puts of this process have by now. It is done from time to time anyway. */
  report(): void;
}

/** Milliseconds between two reports of the bytes that have arrived of uploads. */
const REPORT_MS = 250;

/** @param calls gives the calls to the owner. They are not asked for before a store is opened. */
export function createRootMember(calls: () => Calls): RootMember {
  const member: MemberState = {
    calls,
    store: undefined,
    sharing: undefined,
    callsByKey: new Map(),
    lastCall: 0,
    stops: new Set(),
    isStopped: false,
    others: { count: 0, bytes: 0 },
    added: createAddedNames(),
    since: Number.POSITIVE_INFINITY,
    reportedBytes: 0,
    timer: undefined,
  };
  return {
    handlers: handlersOf(member),
    askInTurn: (name, argument, giveBack) => askInTurn(member, name, argument, giveBack),
    tell: (name, argument) => member.calls().tell(name, argument),
    keys: keysOf(member),
    names: {
      note: member.added.note,
      *since(folder, time) {
        const asked: AskedNames = { folder, since: commonTime(time) };
        const names = yield* awaitOutcome(
          askOwner<readonly string[] | null>(member, 'root.othersAdded', asked),
        );
        return names.ok && names.value !== null ? names.value : undefined;
      },
    },
    sums: {
      *ask(name, { ctimeMs }) {
        // What was there before is known to all or to none.
        if (ctimeMs < member.since) return [];
        const sums = yield* awaitOutcome(askOwner<readonly Checksum[]>(member, 'root.sums', name));
        return sums.ok ? sums.value : [];
      },
    },
    open: (store, sharing, folder) => open(member, store, sharing, folder),
    stop: () => stop(member),
    close: () => close(member),
    report: () => report(member),
  };
}

const handlersOf = (member: MemberState): CallHandlers => ({
  'root.giveUp': ({ key, keep }: GiveUp): MaybeAsync<boolean> =>
    member.sharing?.giveUp(key, keep) ?? ok(false),
  'root.rescue': (folder: string): MaybeAsync<boolean> =>
    member.sharing?.rescue(folder) ?? err('shutting-down'),
  'root.wanted'({ key, call }: KeyCall) {
    const underWay = member.callsByKey.get(key);
    if (underWay?.id === call) underWay.isWanted = true;
  },
  'root.totals'(totals: Totals) {
    member.others = totals;
  },
  'root.added': ({ folder, since }: AskedNames): Outcome<readonly string[] | null> =>
    ok(member.added.since(folder, since)),
  'root.sum': (name: string): Outcome<Checksum | null> => ok(member.sharing?.sumOf(name) ?? null),
  'root.stat': (name: string): MaybeAsync<FileInfo> => member.sharing?.describe(name) ?? err('shutting-down'),
  'root.list': (options: Parameters<FileStore['list']>[0]) =>
    member.store?.list(options) ?? err('shutting-down'),
});

async function open(
  member: MemberState,
  store: FileStore,
  sharing: SharingStore,
  folder: string,
): Promise<void> {
  Object.assign(member, { store, sharing });
  member.timer = setInterval(report, REPORT_MS, member).unref();
  const since = await askOwner<number>(member, 'root.opened', folder);
  if (since.ok) member.since = since.value;
  await sharing.sweep();
}

function stop(member: MemberState): void {
  member.isStopped = true;
  for (const stopWaiting of member.stops) stopWaiting();
}

function close(member: MemberState): void {
  clearInterval(member.timer);
  Object.assign(member, { store: undefined, sharing: undefined });
  member.calls().tell('root.closed');
}
