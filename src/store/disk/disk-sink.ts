/** A put to the disk: it writes to a file of the staging folder, and a commit moves that file to its name. */
import type { Hash } from 'node:crypto';
import type { Stats } from 'node:fs';
import { totalBytes } from '../../base/bytes.ts';
import type { ErrorCode } from '../../files/protocol/errors.ts';
import { contentFault } from '../content-check.ts';
import type { Committed, MaybeAsync, Outcome, PutOptions, Sink, UploadOffset } from '../contract.ts';
import { err, ok, okVoid, type RefusedOutcome } from '../outcome.ts';
import { type Task, wait } from '../task.ts';
import type { Disk } from './disk.ts';
import { ignoreSystemErrors, systemFault } from './errno.ts';
import type { StagedFile } from './opening/staging-folder.ts';
import { publishFile } from './publish-file.ts';
import { changeBegun } from './recorded-change.ts';
import type { ActiveUpload } from './uploads/active-upload.ts';
import type { UploadWriter } from './uploads/upload-writers.ts';

/** Runs a call: system errors become outcomes, and the store counts the call as running. */
export type RunCall = <T>(task: Task<Outcome<T>>) => MaybeAsync<T>;

export interface DiskSink extends Sink, UploadWriter {
  /** The steps of `abort`, for `close` of the store. */
  discard(): Task<void>;
}

/** A put under way. */
interface PutState {
  readonly disk: Disk;
  readonly staged: StagedFile;
  readonly name: string;
  readonly options: PutOptions;
  readonly onEnd: () => void;
  /** The upload, when the put is one: the same file as `staged`. */
  readonly upload: ActiveUpload | undefined;
  /** Updated with all written bytes, when the put has a SHA-256. */
  readonly hash: Hash | undefined;
  /** The folders that were made for the file. */
  readonly created: string[];
  /** Bytes written so far. */
  written: number;
  /** The CRC-32 of those bytes. */
  crc32: number;
  /** Whether the descriptor of the staged file is open. */
  isOpen: boolean;
  /** Whether a call is under way. */
  isBusy: boolean;
  /** Whether it was committed, aborted or has failed. */
  isOver: boolean;
  /** Whether another call has taken the upload from it. */
  isTaken: boolean;
  /** Whether a commit or an abort is under way. Then the put ends by itself, and `taken` is not called. */
  isEnding: boolean;
  /**
   * Continues the takeover that waits for the call under way. There is at most one, as calls on an upload run
   * one at a time.
   */
  onIdle: (() => void) | undefined;
}

/** @param onEnd called once, when the sink has released everything. */
export function createDiskSink(
  disk: Disk,
  runCall: RunCall,
  staged: StagedFile,
  name: string,
  options: PutOptions,
  onEnd: () => void,
  hash: Hash | undefined,
  upload?: ActiveUpload,
): DiskSink {
  const put: PutState = {
    disk,
    staged,
    name,
    options,
    onEnd,
    upload,
    hash,
    created: [],
    written: upload?.start.offset ?? 0,
    crc32: upload?.start.crc32 ?? 0,
    isOpen: true,
    isBusy: false,
    isOver: false,
    isTaken: false,
    isEnding: false,
    onIdle: undefined,
  };
  return {
    get written() {
      return put.written;
    },
    discard: () => discard(put, true),
    take: (keep) => take(put, keep),
    write: (chunks) => (isClosed(put) ? closedFault(put) : runCall(runExclusive(put, append(put, chunks)))),
    sync: () => (isClosed(put) ? closedFault(put) : runCall(runExclusive(put, sync(put)))),
    commit: () => (isClosed(put) ? closedFault(put) : runCall(runExclusive(put, commit(put)))),
    abort() {
      if (isClosed(put)) return undefined;
      const outcome = runCall(runExclusive(put, abort(put)));
      return outcome instanceof Promise ? outcome.then(() => undefined) : undefined;
    },
  };
}

const isClosed = (put: PutState): boolean => put.isOver || put.isTaken;
const closedFault = (put: PutState): RefusedOutcome => err(put.isTaken ? 'upload-taken' : 'shutting-down');

/**
 * Runs one call at a time. If a file were closed during a write, the write could go to another file that gets
 * the same descriptor.
 */
function* runExclusive<T>(put: PutState, task: Task<Outcome<T>>): Task<Outcome<T>> {
  if (put.isBusy) throw new Error('a call to a sink was made before the last one was answered');
  put.isBusy = true;
  try {
    return yield* task;
  } finally {
    put.isBusy = false;
    // After a takeover no call follows, so `onIdle` is called once.
    put.onIdle?.();
  }
}

function* abort(put: PutState): Task<Outcome<void>> {
  put.isEnding = true;
  yield* discard(put, true);
  return okVoid;
}

function* take(put: PutState, keep: boolean): Task<boolean> {
  if (!put.isOver && !put.isEnding) {
    put.isTaken = true;
    put.options.taken?.();
  }
  if (put.isBusy) {
    yield* wait((callback) => {
      put.onIdle = () => callback(null);
    });
  }
  if (put.isOver) return false;
  yield* discard(put, keep);
  return true;
}

/**
 * Releases everything. Never throws system errors: a file that cannot be removed now is removed with the
 * staging folder.
 *
 * @param keep whether the written bytes are kept, if the put is an upload.
 */
function* discard(put: PutState, keep: boolean): Task<void> {
  if (put.isOver) return;
  put.isOver = true;
  const { upload, written, crc32 } = put;
  const { io, directories } = put.disk;
  if (upload === undefined) {
    put.onEnd();
    if (put.isOpen) yield* ignoreSystemErrors(io.close(put.staged.fd));
    yield* ignoreSystemErrors(io.unlink(put.staged.path, written));
  } else {
    const redate = put.isEnding && put.options.mtime !== undefined;
    if (keep) yield* upload.store({ offset: written, crc32 }, put.isOpen, redate);
    else yield* upload.drop(put.isOpen);
    put.onEnd();
  }
  yield* directories.removeCreated(put.created);
}

/**
 * Ends the put after an exception. Errors that may pass, and do not mean that the upload is damaged, keep it.
 */
function* discardAfterError(put: PutState, error: unknown): Task<void> {
  const code = systemFault(error)?.error.code;
  yield* discard(put, code === 'io-error' || code === 'too-many-open-files');
}

function* append(put: PutState, chunks: readonly Uint8Array[]): Task<Outcome<void>> {
  const { disk, staged, options, written, upload, hash } = put;
  const after = written + totalBytes(chunks);
  if (after > options.size) {
    yield* discard(put, false);
    return err('size-mismatch', 'more came than was said', { expected: options.size });
  }
  try {
    put.crc32 = yield* disk.io.write(staged.fd, chunks, written, put.crc32);
    put.written = after;
    if (hash !== undefined) for (const chunk of chunks) hash.update(chunk);
    upload?.noteWritten({ offset: after, crc32: put.crc32 });
    return okVoid;
  } catch (error) {
    yield* discardAfterError(put, error);
    throw error;
  }
}

function* sync(put: PutState): Task<Outcome<UploadOffset>> {
  const { disk, staged, upload, written, crc32 } = put;
  const position = { offset: written, crc32 };
  try {
    if (upload !== undefined) return yield* upload.sync(position);
    if (disk.durable) yield* disk.io.syncFile(staged.fd, false);
    return ok(position);
  } catch (error) {
    yield* discardAfterError(put, error);
    throw error;
  }
}

function* commit(put: PutState): Task<Outcome<Committed>> {
  const { written, options, upload } = put;
  put.isEnding = true;
  const fault =
    written === options.size
      ? contentFault(options, put.crc32, put.hash)
      : err('size-mismatch', undefined, { expected: options.size, actual: written });
  if (fault !== undefined) {
    yield* discard(put, false);
    return fault;
  }
  try {
    if (upload !== undefined) yield* upload.waitForRecording();
    const stored = yield* store(put);
    if (!stored.ok) yield* discard(put, PASSING_CODES.has(stored.error.code));
    return stored;
  } catch (error) {
    if (put.isOpen) upload?.distrust(error);
    yield* discardAfterError(put, error);
    throw error;
  }
}

/** Refusals of the log of changes that are about the moment: what has arrived of an upload is kept. */
const PASSING_CODES: ReadonlySet<string> = new Set<ErrorCode>([
  'events-full',
  'unavailable',
  'io-error',
  'too-many-open-files',
  'shutting-down',
]);

function* store(put: PutState): Task<Outcome<Committed>> {
  const { disk, name, options, crc32, staged } = put;
  if (disk.changes === undefined) return yield* publish(put, yield* syncAndClose(put));
  const { ino } = disk.io.fs.fstatSync(staged.fd);
  const beginning = disk.changes.begin({ type: 'stored', name, size: options.size, crc32, ino });
  return yield* changeBegun(disk.changes, beginning, syncAndClose(put), (file) => publish(put, file));
}

/** Makes the content durable and closes the file; returns its stats. */
function* syncAndClose(put: PutState): Task<Stats> {
  const { io, durable } = put.disk;
  const { fd } = put.staged;
  const { mtime } = put.options;
  if (mtime !== undefined) yield* io.setTimes(fd, mtime / 1000);
  if (durable) yield* io.syncFile(fd, mtime !== undefined);
  const file = io.fs.fstatSync(fd);
  put.isOpen = false;
  // The file has a name, so closing frees nothing, and it was synced if necessary: this close does not wait
  // for the disk.
  io.fs.closeSync(fd);
  return file;
}

function* publish(put: PutState, file: Stats): Task<Outcome<Committed>> {
  const { disk, staged, name, created, crc32, options } = put;
  const { io, directories, durable } = disk;
  const placing = publishFile(disk, { from: staged.path, to: name, ifAbsent: options.ifAbsent, created });
  const placed = yield* disk.folderCalls.run(placing);
  if (!placed.ok) return placed;
  const { directory, how, replaced } = placed.value;
  // From here on the whole file is visible. If the sync fails, the file stays, although no success was
  // reported.
  put.isOver = true;
  try {
    if (how === 'linked') yield* ignoreSystemErrors(io.unlink(staged.path));
    disk.checksums.add(name, file, crc32);
    if (durable) yield* wait(directory.sync);
  } finally {
    directories.leave(directory);
    put.onEnd();
  }
  const mtime = options.mtime ?? Math.round(file.mtimeMs);
  return ok({ name, size: options.size, mtime, crc32, durable, replaced });
}
