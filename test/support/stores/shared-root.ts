/** Disk stores of several processes on one root under one owner, as far as one process can show it. */
import { Subject } from 'rxjs';
import { type CallHandlers, type Calls, type Channel, connectCalls } from '../../../src/base/calls.ts';
import type { OpenedStore } from '../../../src/store/conformance/suite.ts';
import type { FileStore, MaybeAsync, Sink } from '../../../src/store/contract.ts';
import { type DiskStoreOptions, openDiskStore } from '../../../src/store/disk/disk-store.ts';
import { REGISTRY_TIMES } from '../../../src/store/shared/key-states.ts';
import { createRootMember, type RootMember } from '../../../src/store/shared/root-member.ts';
import {
  createRootOwner,
  type JoinedProcess,
  type RootOwner,
  type RootOwnerOptions,
} from '../../../src/store/shared/root-owner.ts';
import { sharedQuotas } from '../../../src/store/shared/shared-quotas.ts';
import { newRoot, removeRoot } from './store-roots.ts';

/** A process with a store. */
export interface SharingProcess {
  readonly store: FileStore;
  readonly member: RootMember;
  readonly joined: JoinedProcess;
  /** The name of its staging folder. */
  readonly folder: string;
  /** What the other side is asked by each of both, for tests that stand in between. */
  readonly calls: { readonly toOwner: Calls; readonly toMember: Calls };
  /** Closes the channel, and nothing else. */
  readonly cut: () => void;
}

export interface SharedRoot {
  readonly owner: RootOwner;
  readonly processes: SharingProcess[];
  /** Opens one more store. */
  readonly add: (options?: DiskStoreOptions) => Promise<SharingProcess>;
  /** Waits until all have been told what the others have. */
  readonly settle: () => Promise<void>;
  /** Closes all stores, then all channels. */
  readonly close: () => Promise<void>;
}

/** The messages under way in the channels of a root. */
interface Traffic {
  count: number;
}

/** Two ends of a channel, as processes would have them: each message is copied, and arrives in a later turn. */
function channelPair(traffic: Traffic) {
  const [toOne, toOther] = [new Subject<unknown>(), new Subject<unknown>()];
  const end = (out: Subject<unknown>, messages$: Subject<unknown>): Channel => ({
    messages$,
    send(message) {
      const copy = JSON.parse(JSON.stringify(message)) as unknown;
      traffic.count += 1;
      setImmediate(() => {
        traffic.count -= 1;
        out.next(copy);
      });
    },
  });
  const cut = () => {
    toOne.complete();
    toOther.complete();
  };
  return { one: end(toOther, toOne), other: end(toOne, toOther), cut };
}

/** Turns of the event loop after which the stores are taken never to agree. */
const TURNS_MAX = 20_000;

/** @param stand makes other handlers of those that a process has, for a test that stands in between. */
export async function openSharedRoot(
  root: string,
  count: number,
  options: DiskStoreOptions = {},
  ofOwner: RootOwnerOptions = {},
  stand: (handlers: CallHandlers) => CallHandlers = (handlers) => handlers,
): Promise<SharedRoot> {
  const { maxUploads } = options;
  const times = { ...REGISTRY_TIMES, tellMs: 0 };
  const owner = createRootOwner({ times, ...(maxUploads === undefined ? {} : { maxUploads }), ...ofOwner });
  const traffic: Traffic = { count: 0 };
  const processes: SharingProcess[] = [];

  async function add(own: DiskStoreOptions = {}): Promise<SharingProcess> {
    const { one, other, cut } = channelPair(traffic);
    const joined = owner.join({ calls: () => toMember });
    const member = createRootMember(() => toOwner);
    let folder = '';
    const noteOpened = joined.handlers['root.opened']!;
    const noting: CallHandlers = {
      ...joined.handlers,
      'root.opened': (name: string) => {
        folder = name;
        return noteOpened(name as never);
      },
    };
    const toMember = connectCalls(one, noting);
    const toOwner = connectCalls(other, stand(member.handlers));
    const opened = await openDiskStore(root, { ...options, ...own, owner: member });
    if (!opened.ok) throw new Error(opened.error.message);
    while (folder === '') await new Promise(setImmediate);
    const process = { store: opened.value, member, joined, folder, calls: { toOwner, toMember }, cut };
    processes.push(process);
    return process;
  }

  async function settle(): Promise<void> {
    for (const { member } of processes) member.report();
    for (let turns = 0; ; turns++) {
      await new Promise(setImmediate);
      const expected = JSON.stringify(owner.unfinished());
      const agree = processes.every(({ store }) => JSON.stringify(store.unfinished()) === expected);
      if (traffic.count === 0 && agree) return;
      if (turns === TURNS_MAX) throw new Error(`the owner says ${expected}, and others do not agree`);
    }
  }

  async function close(): Promise<void> {
    for (const { store } of processes) await store.close();
    for (const { cut, joined } of processes) {
      cut();
      joined.left();
    }
    owner.close();
  }

  for (let i = 0; i < count; i++) await add();
  return { owner, processes, add, settle, close };
}

/** One store made of several: each call goes to the next one in turn. A put stays with the one that has begun it. */
export function storeInTurns(
  stores: readonly FileStore[],
  settle: () => Promise<void>,
  close: () => Promise<void>,
): FileStore {
  let calls = 0;
  let isClosed = false;
  const next = () => stores[calls++ % stores.length]!;
  const settled = async <T>(answer: MaybeAsync<T>) => {
    const outcome = await answer;
    if (!isClosed) await settle();
    return outcome;
  };
  const sinkOf = (sink: Sink): Sink => ({
    write: (chunks) => settled(sink.write(chunks)),
    commit: () => settled(sink.commit()),
    sync: () => settled(sink.sync()),
    async abort() {
      await sink.abort();
      if (!isClosed) await settle();
    },
  });
  return {
    durable: stores[0]!.durable,
    async put(name, options) {
      const sink = await settled(next().put(name, options));
      return sink.ok ? { ok: true, value: sinkOf(sink.value) } : sink;
    },
    resume: (upload) => settled(next().resume(upload)),
    cancel: (upload) => settled(next().cancel(upload)),
    unfinished: () => next().unfinished(),
    open: (name) => next().open(name),
    stat: (name, options) => next().stat(name, options),
    list: (options) => next().list(options),
    remove: (name) => next().remove(name),
    rename: (from, to, options) => next().rename(from, to, options),
    close() {
      isClosed = true;
      return close();
    },
  };
}

/** One store made of three on a new root. With quotas, when `ofOwner` has some. */
export async function newSharedStore(
  options: DiskStoreOptions = {},
  ofOwner: RootOwnerOptions = {},
): Promise<OpenedStore & { readonly root: string }> {
  const root = newRoot();
  const { processes, settle, close } = await openSharedRoot(root, 3, options, ofOwner);
  const stores = processes.map(({ store, member }) =>
    ofOwner.quotas === undefined ? store : sharedQuotas(store, member),
  );
  const closeAll = async () => {
    await Promise.all(stores.map((store) => store.close()));
    await close();
  };
  return { store: storeInTurns(stores, settle, closeAll), root, dispose: () => removeRoot(root) };
}
