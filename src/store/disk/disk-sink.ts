/** A put to the disk: bytes go to a file of the private folder, and a commit brings it to its name. */
import type { Hash } from 'node:crypto';
import type { Stats } from 'node:fs';
import { whyNotContent } from '../content-check.ts';
import type { Committed, MaybeAsync, Outcome, PutOptions, Sink, UploadOffset } from '../contract.ts';
import { err, ok, okVoid, type RefusedOutcome } from '../outcome.ts';
import { type Task, wait } from '../task.ts';
import { bytesOf } from './disk-io.ts';
import { systemFailure, tried } from './errno.ts';
import { type Disk, publishFile } from './publish-file.ts';
import type { Temporary } from './staging-folder.ts';
import type { ActiveUpload } from './uploads/active-upload.ts';
import type { Holder } from './uploads/disk-uploads.ts';

/** How a call is carried out: errors of the system become values, and the store knows that it is busy. */
export type Perform = <T>(task: Task<Outcome<T>>) => MaybeAsync<T>;

export interface DiskSink extends Sink, Holder {
  /** What `abort` does, as steps; for the store to close. */
  discard(): Task<void>;
}

/** A put under way. */
interface Put {
  readonly disk: Disk;
  readonly temporary: Temporary;
  readonly name: string;
  readonly options: PutOptions;
  readonly ended: () => void;
  /** What it is, when it is an upload: the same file as `temporary`. */
  readonly part: ActiveUpload | undefined;
  /** Fed all that was written, when its SHA-256 was asked for. */
  readonly hash: Hash | undefined;
  /** The folders that were made for it. */
  readonly made: string[];
  /** Bytes so far. */
  written: number;
  /** Of those bytes. */
  crc32: number;
  /** Whether the unfinished file's descriptor is open. */
  isOpen: boolean;
  /** Whether a call was not answered yet. */
  busy: boolean;
  /** Whether it was committed, aborted or has failed. */
  over: boolean;
  /** Whether another call has taken the upload from it. */
  isTaken: boolean;
  /** Whether it is being committed or aborted: then it ends by itself, and is not to be told that it was taken. */
  isEnding: boolean;
  /** Who waits for the call that is under way: one at the most, as one call at a time is at work on an upload. */
  idle: (() => void) | undefined;
}

/** @param ended is called once, when it has let go of everything. */
export function diskSink(
  disk: Disk,
  perform: Perform,
  temporary: Temporary,
  name: string,
  options: PutOptions,
  ended: () => void,
  hash: Hash | undefined,
  part?: ActiveUpload,
): DiskSink {
  const put: Put = {
    disk,
    temporary,
    name,
    options,
    ended,
    part,
    hash,
    made: [],
    written: part?.start.offset ?? 0,
    crc32: part?.start.crc32 ?? 0,
    isOpen: true,
    busy: false,
    over: false,
    isTaken: false,
    isEnding: false,
    idle: undefined,
  };
  return {
    get written() {
      return put.written;
    },
    discard: () => discard(put, true),
    take: (keep) => take(put, keep),
    write: (chunks) => (isOver(put) ? refusal(put) : perform(alone(put, append(put, chunks)))),
    sync: () => (isOver(put) ? refusal(put) : perform(alone(put, sync(put)))),
    commit: () => (isOver(put) ? refusal(put) : perform(alone(put, commit(put)))),
    abort() {
      if (isOver(put)) return undefined;
      const outcome = perform(alone(put, abort(put)));
      return outcome instanceof Promise ? outcome.then(() => undefined) : undefined;
    },
  };
}

const isOver = (put: Put): boolean => put.over || put.isTaken;
const refusal = (put: Put): RefusedOutcome => err(put.isTaken ? 'upload-taken' : 'shutting-down');

/** To close a file below a write that is under way would let it go to whichever file is next given the number. */
function* alone<T>(put: Put, task: Task<Outcome<T>>): Task<Outcome<T>> {
  if (put.busy) throw new Error('a call to a sink was made before the last one was answered');
  put.busy = true;
  try {
    return yield* task;
  } finally {
    put.busy = false;
    // Whoever takes it makes sure that no call follows, so there is nothing to wait for a second time.
    put.idle?.();
  }
}

function* abort(put: Put): Task<Outcome<void>> {
  put.isEnding = true;
  yield* discard(put, true);
  return okVoid;
}

function* take(put: Put, keep: boolean): Task<boolean> {
  if (!put.over && !put.isEnding) {
    put.isTaken = true;
    put.options.taken?.();
  }
  if (put.busy) {
    yield* wait((back) => {
      put.idle = () => back(null);
    });
  }
  if (put.over) return false;
  yield* discard(put, keep);
  return true;
}

/**
 * Lets go of everything. Never throws what the system throws: what cannot be removed now is removed with the store's own
 * folder.
 *
 * @param keep whether what was written is kept, if it is an upload.
 */
function* discard(put: Put, keep: boolean): Task<void> {
  if (put.over) return;
  put.over = true;
  const { part, written, crc32 } = put;
  const { io, directories } = put.disk;
  if (part === undefined) {
    put.ended();
    if (put.isOpen) yield* tried(io.close(put.temporary.fd));
    yield* tried(io.unlink(put.temporary.path, written));
  } else {
    const redate = put.isEnding && put.options.mtime !== undefined;
    if (keep) yield* part.keep({ offset: written, crc32 }, put.isOpen, redate);
    else yield* part.drop(put.isOpen);
    put.ended();
  }
  yield* directories.unmake(put.made);
}

/** After a throw: what may pass without anything of the upload being wrong is no reason to lose it. */
function* giveUp(put: Put, error: unknown): Task<void> {
  const code = systemFailure(error)?.error.code;
  yield* discard(put, code === 'io-error' || code === 'too-many-open-files');
}

function* append(put: Put, chunks: readonly Uint8Array[]): Task<Outcome<void>> {
  const { disk, temporary, options, written, part, hash } = put;
  const after = written + bytesOf(chunks);
  if (after > options.size) {
    yield* discard(put, false);
    return err('size-mismatch', 'more came than was said', { expected: options.size });
  }
  try {
    put.crc32 = yield* disk.io.write(temporary.fd, chunks, written, put.crc32);
    put.written = after;
    if (hash !== undefined) for (const chunk of chunks) hash.update(chunk);
    part?.wrote({ offset: after, crc32: put.crc32 });
    return okVoid;
  } catch (error) {
    yield* giveUp(put, error);
    throw error;
  }
}

function* sync(put: Put): Task<Outcome<UploadOffset>> {
  const { disk, temporary, part, written, crc32 } = put;
  const so = { offset: written, crc32 };
  try {
    if (part !== undefined) return yield* part.sync(so);
    if (disk.durable) yield* disk.io.syncFile(temporary.fd, false);
    return ok(so);
  } catch (error) {
    yield* giveUp(put, error);
    throw error;
  }
}

function* commit(put: Put): Task<Outcome<Committed>> {
  const { written, options, part } = put;
  put.isEnding = true;
  const wrong =
    written === options.size
      ? whyNotContent(options, put.crc32, put.hash)
      : err('size-mismatch', undefined, { expected: options.size, actual: written });
  if (wrong !== undefined) {
    yield* discard(put, false);
    return wrong;
  }
  try {
    if (part !== undefined) yield* part.quiet();
    const file = yield* settle(put);
    const stored = yield* place(put, file);
    if (!stored.ok) yield* discard(put, false);
    return stored;
  } catch (error) {
    if (put.isOpen) part?.doubt(error);
    yield* giveUp(put, error);
    throw error;
  }
}

/** Makes the content durable and closes the file. Gives what it is then. */
function* settle(put: Put): Task<Stats> {
  const { io, durable } = put.disk;
  const { fd } = put.temporary;
  const { mtime } = put.options;
  if (mtime !== undefined) yield* io.setTimes(fd, mtime / 1000);
  if (durable) yield* io.syncFile(fd, mtime !== undefined);
  const file = io.fs.fstatSync(fd);
  put.isOpen = false;
  // It has a name, so nothing is freed, and it was synced if it was to be: nothing here waits for the disk.
  io.fs.closeSync(fd);
  return file;
}

function* place(put: Put, file: Stats): Task<Outcome<Committed>> {
  const { disk, temporary, name, made, crc32, options } = put;
  const { io, directories, durable } = disk;
  const placing = publishFile(disk, { from: temporary.path, to: name, ifAbsent: options.ifAbsent, made });
  const placed = yield* disk.entrance.run(placing);
  if (!placed.ok) return placed;
  const { directory, how, replaced } = placed.value;
  // From here on the file is there, whole. Should the sync fail, it stays, but nobody was told that it would.
  put.over = true;
  try {
    if (how === 'linked') yield* tried(io.unlink(temporary.path));
    disk.sums.keep(name, file, crc32);
    if (durable) yield* wait(directory.sync);
  } finally {
    directories.leave(directory);
    put.ended();
  }
  const mtime = options.mtime ?? Math.round(file.mtimeMs);
  return ok({ name, size: options.size, mtime, crc32, durable, replaced });
}
