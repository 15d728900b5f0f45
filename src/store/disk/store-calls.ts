/** The calls of an open disk store: it counts them, and lets them end before it closes anything. */
import { hashFor } from '../content-check.ts';
import type {
  FileInfo,
  FileStore,
  MaybeAsync,
  Outcome,
  PutOptions,
  Removed,
  Renamed,
  Sink,
  Source,
} from '../contract.ts';
import { nameFault } from '../names.ts';
import { err, ok } from '../outcome.ts';
import { createSemaphore, type Semaphore } from '../semaphore.ts';
import type { RootMember } from '../shared/root-member.ts';
import { run, type Task } from '../task.ts';
import type { UploadLimits } from '../upload-limits.ts';
import type { ChecksumJournal } from './checksums/checksum-journal.ts';
import { openAndSum, SUMS_AT_ONCE } from './checksums/sum-file.ts';
import type { Disk } from './disk.ts';
import { createDiskSink, type DiskSink, type RunCall } from './disk-sink.ts';
import { type DiskSource, openSource } from './disk-source.ts';
import { systemFault } from './errno.ts';
import { describeFile, inFolderOf, moveFile, putFault, removeFile, statFile } from './file-operations.ts';
import type { StagingFolder } from './opening/staging-folder.ts';
import { type ChangeTurn, changeInTurn } from './recorded-change.ts';
import { SPACE_CHECK_BYTES_MIN, spaceFault } from './space.ts';
import { createDiskUploads, type DiskUploads } from './uploads/disk-uploads.ts';
import type { StoredUploads } from './uploads/stored-uploads.ts';
import type { SharingStore } from './uploads/upload-keys.ts';
import { createSmallFileSink, type SmallFileSink } from './worker/small-file-sink.ts';
import type { Slot, SmallFiles } from './worker/small-files.ts';

/** A put of at least this many bytes is refused before its content is sent if its commit would be refused. */
const EARLY_CHECK_BYTES_MIN = 64 * 1024;

/** The parts of a store, as `openDiskStore` made them. `close` of the store closes them. */
export interface OpenDisk {
  readonly disk: Disk;
  readonly staging: StagingFolder;
  readonly stored: StoredUploads;
  readonly journal: ChecksumJournal;
  readonly smallFiles: SmallFiles;
}

/** The calls under way, as far as `close` has to know of them. */
interface CallState {
  /** The number of calls under way. */
  running: number;
  /** Set once `close` was called. From then on every call is refused. */
  closing: Promise<void> | undefined;
  /** Called when the last call under way has ended. */
  onIdle: () => void;
}

interface StoreState extends OpenDisk {
  readonly owner: RootMember | undefined;
  readonly uploads: DiskUploads;
  readonly calls: CallState;
  readonly runCall: RunCall;
  /** Limits the files that are read for their checksums. */
  readonly summing: Semaphore;
  /** The puts under way. The callers bound them. */
  readonly sinks: Set<DiskSink | SmallFileSink>;
  /** The files that are open for reading. The callers bound them. */
  readonly sources: Set<DiskSource>;
}

/** An open store, and what it does for the others on its root, if it has an owner in common with them. */
export interface OpenedDiskStore {
  readonly store: FileStore & AsyncDisposable;
  readonly sharing: SharingStore | undefined;
}

/** @param owner the way to the owner of what the stores on this root share; undefined: it shares nothing. */
export function createDiskStore(
  opened: OpenDisk,
  limits: UploadLimits,
  owner: RootMember | undefined,
): OpenedDiskStore {
  const { disk, staging, stored } = opened;
  const calls: CallState = { running: 0, closing: undefined, onIdle: () => {} };
  const runCall: RunCall = (task) => startCall(calls, task);
  const isClosing = () => calls.closing !== undefined;
  const uploads = createDiskUploads(disk, staging, stored, limits, runCall, isClosing, owner?.keys);
  const store: StoreState = {
    ...{ ...opened, owner, uploads, calls, runCall, summing: createSemaphore(SUMS_AT_ONCE) },
    ...{ sinks: new Set(), sources: new Set() },
  };
  const closeOnce = (): Promise<void> => {
    calls.closing ??= close(store);
    return calls.closing;
  };
  const sharing: SharingStore | undefined = owner && {
    giveUp: (key, keep) => runCall(uploads.giveUp(key, keep)),
    rescue: (folder) => runCall(rescue(store, folder)),
    sweep: () => runCall(uploads.sweep()),
    activeBytes: uploads.activeBytes,
    describe: (name) => nameFault(name) ?? runInFolder(store, describeFile(disk, name)),
    sumOf: disk.checksums.get,
  };
  return { store: storeOf(store, closeOnce), sharing };
}

function storeOf(store: StoreState, close: () => Promise<void>): FileStore & AsyncDisposable {
  const { disk, uploads, runCall } = store;
  return {
    durable: disk.durable,
    put: (name, options) => nameFault(name) ?? runCall(beginPut(store, name, options)),
    resume: (upload) => runCall(uploads.resume(upload)),
    cancel: (upload) => runCall(uploads.cancel(upload)),
    unfinished: uploads.unfinished,
    open: (name) => nameFault(name) ?? runInFolder(store, openFile(store, name)),
    stat: (name, options) =>
      nameFault(name) ??
      (options?.checksum
        ? runCall(statSummed(store, name, options.signal))
        : runInFolder(store, statFile(disk, name))),
    list: (options) => runCall(disk.listings.list(options)),
    remove: (name) => nameFault(name) ?? remove(store, name),
    rename: (from, to, options) =>
      nameFault(from) ?? nameFault(to) ?? rename(store, from, to, options?.ifAbsent),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function* rescue({ staging }: StoreState, folder: string): Task<Outcome<boolean>> {
  return ok(yield* staging.rescue(folder));
}

const startCall = <T>(calls: CallState, task: Task<Outcome<T>>): MaybeAsync<T> =>
  calls.closing === undefined ? run(trackCall(calls, task)) : err('shutting-down');

function* trackCall<T>(calls: CallState, steps: Task<Outcome<T>>): Task<Outcome<T>> {
  calls.running += 1;
  try {
    return yield* steps;
  } catch (error) {
    const fault = systemFault(error);
    if (fault === undefined) throw error;
    return fault;
  } finally {
    calls.running -= 1;
    if (calls.running === 0) calls.onIdle();
  }
}

/** Runs a call that opens folders. */
const runInFolder = <T>({ disk, runCall }: StoreState, task: Task<Outcome<T>>): MaybeAsync<T> =>
  runCall(disk.folderCalls.run(task));

function remove(store: StoreState, name: string): MaybeAsync<Removed> {
  const { disk } = store;
  const { changes, folderCalls } = disk;
  if (changes === undefined) return runInFolder(store, removeFile(disk, name));
  return store.runCall(
    changeInTurn(changes, [name], (turn) => folderCalls.run(removeFile(disk, name, turn))),
  );
}

function rename(store: StoreState, from: string, to: string, ifAbsent?: boolean): MaybeAsync<Renamed> {
  const { disk } = store;
  const { changes, folderCalls } = disk;
  if (changes === undefined) return runInFolder(store, moveFile(disk, from, to, ifAbsent));
  const move = (turn: ChangeTurn) => folderCalls.run(moveFile(disk, from, to, ifAbsent, turn));
  return store.runCall(changeInTurn(changes, [from, to], move));
}

function* beginPut(store: StoreState, name: string, options: PutOptions): Task<Outcome<Sink>> {
  const { disk } = store;
  const earlyFault =
    options.size >= EARLY_CHECK_BYTES_MIN
      ? yield* disk.folderCalls.run(putFault(disk, name, options.ifAbsent))
      : undefined;
  if (earlyFault !== undefined) return earlyFault;
  const { upload } = options;
  if (upload !== undefined) return yield* beginUpload(store, upload, name, options);
  const noSpace =
    options.size >= SPACE_CHECK_BYTES_MIN
      ? yield* spaceFault(disk.io, disk.directories, options.size)
      : undefined;
  if (noSpace !== undefined) return noSpace;
  // Who is asked whether to accept a content may have to read it as a file.
  const slot = options.accept === undefined ? store.smallFiles.acquire(options.size) : undefined;
  return slot === undefined
    ? yield* beginStaged(store, name, options)
    : ok(gatherIn(store, slot, name, options));
}

function* beginStaged(
  store: StoreState,
  name: string,
  options: PutOptions,
  runCall: RunCall = store.runCall,
): Task<Outcome<Sink>> {
  const { disk, sinks } = store;
  const staged = yield* store.staging.create();
  const onEnd = () => sinks.delete(sink);
  const sink = createDiskSink(disk, runCall, staged, name, options, onEnd, hashFor(options));
  sinks.add(sink);
  return ok(sink);
}

/** Begins a put that a worker stores. */
function gatherIn(store: StoreState, slot: Slot, name: string, options: PutOptions): Sink {
  const { disk, smallFiles, staging, runCall, sinks } = store;
  const deps = {
    disk,
    smallFiles,
    runCall,
    newStagedPath: staging.newPath,
    // Within a commit, which is a call of its own: it goes on though the store is being closed.
    beginOrdinary: () => beginStaged(store, name, options, run),
  };
  const sink = createSmallFileSink(deps, slot, name, options, () => sinks.delete(sink), hashFor(options));
  sinks.add(sink);
  return sink;
}

function beginUpload(
  { disk, uploads, runCall, sinks }: StoreState,
  upload: string,
  name: string,
  options: PutOptions,
): Task<Outcome<Sink>> {
  return uploads.begin(upload, options, (uploadFile, hash) => {
    const onEnd = () => {
      sinks.delete(sink);
      uploads.detach(upload);
    };
    const sink = createDiskSink(disk, runCall, uploadFile, name, options, onEnd, hash, uploadFile);
    sinks.add(sink);
    return sink;
  });
}

const openFile = (store: StoreState, name: string): Task<Outcome<Source>> =>
  inFolderOf(store.disk, name, (path) => openSource(store, path, name));

function* statSummed(store: StoreState, name: string, signal?: AbortSignal): Task<Outcome<FileInfo>> {
  const { disk, calls, summing } = store;
  const found = yield* disk.folderCalls.run(statFile(disk, name));
  if (!found.ok || found.value.crc32 !== undefined) return found;
  const end = () => (calls.closing !== undefined ? 'closing' : signal?.aborted ? 'unwanted' : undefined);
  return yield* summing.run(openAndSum(disk, name, end));
}

/** Closes descriptors only after all calls have ended: other files soon get the same numbers. */
async function close(store: StoreState): Promise<void> {
  const { disk, owner, uploads, staging, journal, smallFiles, calls } = store;
  uploads.close();
  owner?.stop();
  disk.listings.stop();
  if (calls.running > 0) await new Promise<void>((resolve) => (calls.onIdle = resolve));
  for (const sink of store.sinks) await run(sink.discard());
  for (const source of store.sources) await run(source.release());
  smallFiles.close();
  await journal.close();
  await run(disk.listings.close());
  await run(staging.close());
  disk.directories.close();
  owner?.close();
}
