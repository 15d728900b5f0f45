/**
 * Stores small files by a worker thread, while the event loop goes on.
 *
 * The worker is a help and no more: the loop stores a file itself when there is no worker, when no slot is free, or when
 * the worker answers that something is unusual. So the two share the work, and nobody waits for a worker that is slow.
 *
 * ```text
 *  state      when                                              small files are stored by
 *  idle       no turn of the loop had a burst of them           the loop
 *  starting   one had                                           the loop
 *  ready      the worker runs                                   the loop: the first of a turn, and those without a slot;
 *                                                               the worker: all others
 *  over       closed, or the worker could not run or has ended  the loop
 * ```
 *
 * A file that comes alone is faster without a worker: to wake it takes as long as to store the file.
 */
import { OPEN_FLAGS } from '../disk-io.ts';
import { SYNC_FREE_BYTES_MAX } from '../io/io-state.ts';
import { CONTROL, LAYOUT, NUMBERS, newMemory, type SharedSlots, viewSlots } from './slot-layout.ts';
import { type RunningWorker, type StartWorker, startThread } from './worker-thread.ts';

/** A file that the worker is to store. */
export interface SmallFile {
  readonly size: number;
  /** Paths, by which the system finds the staged file and the name. */
  readonly staged: string;
  readonly target: string;
  /** Seconds since 1970; undefined for now. */
  readonly time: number | undefined;
  readonly ifAbsent: boolean;
}

/** What the worker has stored: stats from before the file got its name, and when it got it. */
export interface StoredSmallFile {
  readonly size: number;
  readonly ino: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  /** Bytes of the file that had the name before. */
  readonly replaced: number;
  /** Milliseconds since 1970. */
  readonly storedAt: number;
}

/** Called once: with null when nothing is stored and the loop is to do it, with an error when the worker is gone. */
export type SmallFileCallback = (error: Error | null, stored?: StoredSmallFile | null) => void;

/** Memory of one file, until it is stored or given up. */
export interface Slot {
  readonly index: number;
  readonly content: Uint8Array;
}

export interface SmallFiles {
  /** A slot for a file that begins to come; undefined when the loop is to store it. The caller releases it. */
  acquire(size: number): Slot | undefined;
  release(slot: Slot): void;
  /**
   * Notes that the worker is to store a file in this folder, which stays open until `leave`. Returns false when it
   * stores into many others now: then the loop is to do it.
   */
  enter(folder: string): boolean;
  leave(folder: string): void;
  /** Has the worker store a file, whose content is in the slot. */
  store(slot: Slot, file: SmallFile, callback: SmallFileCallback): void;
  /** Ends the worker. No call may be under way. */
  close(): void;
}

/** When the worker is used. Tests use it at once, and for every file. */
export interface SmallFilesPolicy {
  /** Small files of one turn of the event loop for which a worker is started; default 8. */
  readonly burst?: number;
  /** The first small files of a turn, which the loop stores itself; default 1. */
  readonly ofTheLoop?: number;
}

interface SmallFilesState {
  readonly startWorker: StartWorker;
  readonly policy: Required<SmallFilesPolicy>;
  phase: 'idle' | 'starting' | 'ready' | 'over';
  /** Null until a worker was started. */
  slots: SharedSlots | null;
  worker: RunningWorker | null;
  /** The slots that no file has. */
  readonly free: Slot[];
  /** The folders of the files that the worker is to store, with the number of files. Bounded by `FOLDERS_MAX`. */
  readonly folders: Map<string, number>;
  /** The calls that are not done, oldest first. Bounded by the slots. */
  readonly pending: { readonly slot: number; readonly size: number; readonly callback: SmallFileCallback }[];
  /** The calls that the worker may see, and those whose answers were taken; both are counted in 32 bits. */
  published: number;
  done: number;
  /** The newest calls, which are not published yet. */
  unpublished: number;
  /** Small files that have begun in this turn. */
  inTurn: number;
  /** Whether `endTurn` is due. */
  isInTurn: boolean;
  /** Made once, so that a turn makes nothing. */
  readonly endTurn: () => void;
}

/** Calls that are published together: to wake the worker takes a third of the time of a file. */
const CALLS_AT_ONCE = 8;

/** The most folders into which the worker stores at once: each has a descriptor. */
const FOLDERS_MAX = 16;

/** The loop stores all files. */
export const NO_SMALL_FILES: SmallFiles = {
  acquire: () => undefined,
  release: () => {},
  enter: () => false,
  leave: () => {},
  store: (_slot, _file, callback) => callback(null, null),
  close: () => {},
};

export function createSmallFiles(
  { burst = 8, ofTheLoop = 1 }: SmallFilesPolicy = {},
  startWorker: StartWorker = startThread,
): SmallFiles {
  const state: SmallFilesState = {
    startWorker,
    policy: { burst, ofTheLoop },
    phase: 'idle',
    slots: null,
    worker: null,
    free: [],
    folders: new Map(),
    pending: [],
    published: 0,
    done: 0,
    unpublished: 0,
    inTurn: 0,
    isInTurn: false,
    endTurn: () => {
      state.isInTurn = false;
      state.inTurn = 0;
      publish(state);
    },
  };
  return {
    acquire: (size) => acquire(state, size),
    release: (slot) => void state.free.push(slot),
    enter: (folder) => enter(state, folder),
    leave: (folder) => leave(state, folder),
    store: (slot, file, callback) => store(state, slot, file, callback),
    close: () => close(state),
  };
}

function acquire(state: SmallFilesState, size: number): Slot | undefined {
  const { policy, free } = state;
  if (size > LAYOUT.contentBytes || state.phase === 'over') return undefined;
  beginTurn(state);
  state.inTurn++;
  if (state.phase === 'idle' && state.inTurn >= policy.burst) start(state);
  if (state.phase !== 'ready' || state.inTurn <= policy.ofTheLoop) return undefined;
  if (free.length === 0) takeAnswers(state);
  return free.pop();
}

/** Has what is still unpublished at the end of this turn of the event loop published then. */
function beginTurn(state: SmallFilesState): void {
  if (state.isInTurn) return;
  state.isInTurn = true;
  setImmediate(state.endTurn);
}

function start(state: SmallFilesState): void {
  state.phase = 'starting';
  const slots = viewSlots(newMemory());
  state.slots = slots;
  const duty = { slots, layout: LAYOUT, createFlags: OPEN_FLAGS.create, replacedMax: SYNC_FREE_BYTES_MAX };
  try {
    state.worker = state.startWorker(duty, {
      ready: () => {
        if (state.phase !== 'starting') return;
        state.phase = 'ready';
        for (const [index, content] of slots.contents.entries()) state.free.push({ index, content });
      },
      told: () => takeAnswers(state),
      ended: (error) => workerEnded(state, error),
    });
  } catch {
    // The process may have no threads, or no more of them.
    state.phase = 'over';
  }
}

function enter({ folders }: SmallFilesState, folder: string): boolean {
  const files = folders.get(folder) ?? 0;
  if (files === 0 && folders.size === FOLDERS_MAX) return false;
  folders.set(folder, files + 1);
  return true;
}

function leave({ folders }: SmallFilesState, folder: string): void {
  const files = folders.get(folder)!;
  if (files > 1) folders.set(folder, files - 1);
  else folders.delete(folder);
}

function store(state: SmallFilesState, { index }: Slot, file: SmallFile, callback: SmallFileCallback): void {
  const { slots, worker, pending } = state;
  if (slots === null || state.phase !== 'ready') return callback(null, null);
  const [text, values] = [slots.texts[index]!, slots.numbers[index]!];
  const stagedLength = text.write(file.staged);
  values[NUMBERS.size] = file.size;
  values[NUMBERS.stagedLength] = stagedLength;
  values[NUMBERS.targetLength] = text.write(file.target, stagedLength);
  values[NUMBERS.time] = file.time ?? Number.NaN;
  values[NUMBERS.ifAbsent] = file.ifAbsent ? 1 : 0;
  // The process must not end before the answer.
  if (pending.length === 0) worker?.keepsAlive(true);
  pending.push({ slot: index, size: file.size, callback });
  slots.order[(state.published + state.unpublished) & (LAYOUT.slots - 1)] = index;
  state.unpublished++;
  beginTurn(state);
  if (state.unpublished === CALLS_AT_ONCE) publish(state);
}

function publish(state: SmallFilesState): void {
  const { slots, worker, unpublished } = state;
  if (slots === null || unpublished === 0) return;
  state.published = (state.published + unpublished) | 0;
  state.unpublished = 0;
  Atomics.store(slots.control, CONTROL.published, state.published);
  worker?.wake();
}

function takeAnswers(state: SmallFilesState): void {
  const { slots, pending } = state;
  if (slots === null) return;
  // What is done from here on is told again.
  Atomics.store(slots.control, CONTROL.told, 0);
  while (state.done !== Atomics.load(slots.control, CONTROL.done)) {
    state.done = (state.done + 1) | 0;
    const { slot, size, callback } = pending.shift()!;
    if (pending.length === 0) state.worker?.keepsAlive(false);
    callback(null, answerOf(slots.numbers[slot]!, size));
  }
}

const answerOf = (values: Float64Array, size: number): StoredSmallFile | null =>
  values[NUMBERS.isStored] === 0
    ? null
    : {
        size,
        ino: values[NUMBERS.ino]!,
        mtimeMs: values[NUMBERS.mtimeMs]!,
        ctimeMs: values[NUMBERS.ctimeMs]!,
        replaced: values[NUMBERS.replaced]!,
        storedAt: values[NUMBERS.storedAt]!,
      };

/** What the worker was to do has failed; nobody knows how far it came. From now on the loop stores all files. */
function workerEnded(state: SmallFilesState, error: Error): void {
  if (state.phase === 'over') return;
  takeAnswers(state);
  state.phase = 'over';
  for (const { callback } of state.pending.splice(0)) callback(error);
}

function close(state: SmallFilesState): void {
  const { slots, worker } = state;
  state.phase = 'over';
  if (slots === null) return;
  Atomics.store(slots.control, CONTROL.stop, 1);
  worker?.wake();
}
