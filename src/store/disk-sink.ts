/** A put to the disk: bytes go to a file of the private folder, and a commit brings it to its name. */
import type { Stats } from 'node:fs';
import type { Answer, Committed, Outcome, PutOptions, Sink } from './contract.ts';
import { bytesOf } from './disk-io.ts';
import { tried } from './errno.ts';
import { allDone, done, failed } from './outcome.ts';
import { type Disk, placeFile } from './place-file.ts';
import type { Temporary } from './private-folder.ts';
import { type Task, wait } from './task.ts';

/** How a call is carried out: errors of the system become values, and the store knows that it is busy. */
export type Perform = <T>(task: Task<Outcome<T>>) => Answer<T>;

export interface DiskSink extends Sink {
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
}

/** @param ended is called once, when there is nothing of it any more. */
export function diskSink(
  disk: Disk,
  perform: Perform,
  temporary: Temporary,
  name: string,
  options: PutOptions,
  ended: () => void,
): DiskSink {
  const put: Put = {
    disk,
    temporary,
    name,
    options,
    ended,
    made: [],
    written: 0,
    crc32: 0,
    isOpen: true,
    busy: false,
    over: false,
  };
  return {
    discard: () => discard(put),
    write: (chunks) => (put.over ? failed('shutting-down') : perform(alone(put, append(put, chunks)))),
    sync: () => failed('internal', 'uploads are not kept'),
    commit: () => (put.over ? failed('shutting-down') : perform(alone(put, commit(put)))),
    abort() {
      const outcome = perform(alone(put, abort(put)));
      return outcome instanceof Promise ? outcome.then(() => undefined) : undefined;
    },
  };
}

/** To close a file below a write that is under way would let it go to whichever file is next given the number. */
function* alone<T>(put: Put, task: Task<Outcome<T>>): Task<Outcome<T>> {
  if (put.busy) throw new Error('a call to a sink was made before the last one was answered');
  put.busy = true;
  try {
    return yield* task;
  } finally {
    put.busy = false;
  }
}

function* abort(put: Put): Task<Outcome<void>> {
  yield* discard(put);
  return allDone;
}

/** Never throws what the system throws: what cannot be removed now is removed with the store's own folder. */
function* discard(put: Put): Task<void> {
  if (put.over) return;
  put.over = true;
  put.ended();
  const { io, directories } = put.disk;
  if (put.isOpen) yield* tried(io.close(put.temporary.fd));
  yield* tried(io.unlink(put.temporary.path, put.written));
  yield* directories.unmake(put.made);
}

function* append(put: Put, chunks: readonly Uint8Array[]): Task<Outcome<void>> {
  const { disk, temporary, options, written } = put;
  put.written += bytesOf(chunks);
  if (put.written > options.size) {
    yield* discard(put);
    return failed('size-mismatch', 'more came than was said', { expected: options.size });
  }
  try {
    put.crc32 = yield* disk.io.write(temporary.fd, chunks, written, put.crc32);
    return allDone;
  } catch (error) {
    yield* discard(put);
    throw error;
  }
}

function* commit(put: Put): Task<Outcome<Committed>> {
  const { written, options } = put;
  if (written !== options.size) {
    yield* discard(put);
    return failed('size-mismatch', undefined, { expected: options.size, actual: written });
  }
  try {
    const file = yield* settle(put);
    const stored = yield* place(put, file);
    if (!stored.ok) yield* discard(put);
    return stored;
  } catch (error) {
    yield* discard(put);
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
  const placed = yield* placeFile(disk, { from: temporary.path, to: name, ifAbsent: options.ifAbsent, made });
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
  return done({ name, size: options.size, mtime, crc32, durable, replaced });
}
