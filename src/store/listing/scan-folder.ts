/** Scans of large folders: one scan serves all requests that wait for the folder, at whatever positions. */

import { yieldTurn } from '../semaphore.ts';
import { run, type Task, wait } from '../task.ts';
import {
  dropRanges,
  evictToBounds,
  type FolderState,
  fitSelection,
  folderState,
  installRanges,
  type ListingState,
  type Waiter,
} from './listing-state.ts';
import { createNameSelection, type NameSelection } from './name-selection.ts';
import { isListable, readFolder } from './read-folder.ts';
import { type FolderScan, startScan } from './scanned-ranges.ts';

/** Requests a scan of a folder, and waits for its end or until the signal is aborted. */
export const waitUntilRead = (
  state: ListingState,
  folder: string,
  from: string,
  signal: AbortSignal | undefined,
): Task<void> =>
  wait((callback) => {
    if (state.isStopped || signal?.aborted === true) return callback(null);
    const own = folderState(state, folder);
    own.isLarge = true;
    const finish = (error: Error | null) => {
      own.waiters.delete(waiter);
      forget?.();
      callback(error);
    };
    const waiter: Waiter = { from, callback: finish };
    const forget = signal && onAbort(signal, () => finish(null));
    own.waiters.add(waiter);
    if (!own.isBeingRead) void run(scanWhileAwaited(state, folder, own));
  });

/** Never throws: the waiting requests get the error. */
function* scanWhileAwaited(state: ListingState, folder: string, own: FolderState): Task<void> {
  state.foldersBeingRead += 1;
  own.isBeingRead = true;
  while (own.waiters.size > 0) {
    // Requests of the same turn share one scan.
    yield* yieldTurn();
    yield* state.scans.run(scanForWaiters(state, folder, own));
  }
  own.isBeingRead = false;
  // Nothing is stale, but the folder is forgotten if it has no cached names.
  dropRanges(state, () => false);
  state.foldersBeingRead -= 1;
  if (state.foldersBeingRead === 0) state.onIdle();
}

/** Scans a folder once, for the requests that wait now. */
function* scanForWaiters(state: ListingState, folder: string, own: FolderState): Task<void> {
  const { positions, served } = waitersToServe(own, state.bounds.positionsMax);
  if (served.size === 0) return;
  const selection = createNameSelection([...positions], state.bounds.blockNamesMax);
  own.selection = selection;
  state.selections.add(selection);
  let finished = served;
  try {
    const scan = yield* scanInto(state, folder, selection, () => {
      for (const waiter of served) if (own.waiters.has(waiter)) return true;
      return false;
    });
    if (scan === undefined) return;
    state.selections.delete(selection);
    installRanges(state, folder, selection.ranges(), scan);
    // The scan may also serve requests that came meanwhile.
    finished = own.waiters;
  } catch (error) {
    for (const waiter of served) if (own.waiters.has(waiter)) waiter.callback(error as Error);
    finished = new Set();
  } finally {
    state.selections.delete(selection);
    own.selection = undefined;
    for (const waiter of [...finished]) if (own.waiters.has(waiter)) waiter.callback(null);
  }
}

/** The waiting requests that one scan serves, with the positions from which they want names. */
function waitersToServe({ waiters }: FolderState, positionsMax: number) {
  const positions = new Set<string>();
  const served = new Set<Waiter>();
  for (const waiter of waiters) {
    if (positions.size === positionsMax && !positions.has(waiter.from)) continue;
    positions.add(waiter.from);
    served.add(waiter);
  }
  return { positions, served };
}

/** @returns undefined when no request waits any more, or the folder does not exist. */
function* scanInto(
  state: ListingState,
  folder: string,
  selection: NameSelection,
  isAwaited: () => boolean,
): Task<FolderScan | undefined> {
  const { io, directories, bounds, diskReads } = state;
  const entered = yield* directories.enter(folder);
  if (!entered.ok) return undefined;
  try {
    const endScan = startScan(io.fs.fstatSync(entered.value.fd));
    const path = directories.at(entered.value, '.');
    const isAll = yield* readFolder(io, path, bounds.batchEntries, diskReads, (keys) => {
      for (const key of keys) if (selection.wants(key) && isListable(folder, key)) selection.add(key);
      fitSelection(state, selection);
      evictToBounds(state);
      return isAwaited();
    });
    return isAll ? endScan() : undefined;
  } finally {
    directories.leave(entered.value);
  }
}

/** The requests that wait for an abort, by signal: Node warns when one signal has more than ten listeners. */
const listenersBySignal = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `listener` once when the signal is aborted. The signal must not be aborted yet.
 *
 * @returns a function that removes the listener.
 */
function onAbort(signal: AbortSignal, listener: () => void): () => void {
  let listeners = listenersBySignal.get(signal);
  if (listeners === undefined) {
    const all = new Set<() => void>();
    listenersBySignal.set(signal, all);
    const aborted = () => {
      for (const each of [...all]) each();
    };
    signal.addEventListener('abort', aborted, { once: true });
    listeners = all;
  }
  const own = () => listener();
  listeners.add(own);
  return () => listeners.delete(own);
}
