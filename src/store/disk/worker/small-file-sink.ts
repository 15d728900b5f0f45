/**
 * A put of a small file. Its content is gathered in a slot, and a worker stores it in one go; or the event loop does,
 * where the worker could not.
 */
import type { Hash } from 'node:crypto';
import { totalBytes } from '../../../base/bytes.ts';
import { contentFault } from '../../content-check.ts';
import type { Committed, Outcome, PutOptions, Sink, UploadOffset } from '../../contract.ts';
import { crc32OfAll } from '../../crc32.ts';
import { folderOf, lastSegmentOf } from '../../names.ts';
import { err, ok, okVoid } from '../../outcome.ts';
import { awaitOutcome, type Task, wait } from '../../task.ts';
import type { Directory } from '../directories/directory.ts';
import type { Disk } from '../disk.ts';
import type { RunCall } from '../disk-sink.ts';
import { LAYOUT } from './slot-layout.ts';
import type { Slot, SmallFiles, StoredSmallFile } from './small-files.ts';

export interface SmallFileDeps {
  readonly disk: Disk;
  readonly smallFiles: SmallFiles;
  readonly runCall: RunCall;
  /** The path of a staged file that is not made yet. */
  readonly newStagedPath: () => string;
  /** Begins the same put as the event loop does it. */
  readonly beginOrdinary: () => Task<Outcome<Sink>>;
}

/** What is released when the store is closed before the put has ended. */
export interface SmallFileSink extends Sink {
  discard(): Task<void>;
}

interface SmallPut {
  readonly deps: SmallFileDeps;
  readonly name: string;
  readonly options: PutOptions;
  readonly onEnd: () => void;
  readonly slot: Slot;
  readonly hash: Hash | undefined;
  written: number;
  crc32: number;
  isOver: boolean;
}

/** @param onEnd called once, when the slot is released. */
export function createSmallFileSink(
  deps: SmallFileDeps,
  slot: Slot,
  name: string,
  options: PutOptions,
  onEnd: () => void,
  hash: Hash | undefined,
): SmallFileSink {
  const put: SmallPut = { deps, name, options, onEnd, slot, hash, written: 0, crc32: 0, isOver: false };
  return {
    write: (chunks) => (put.isOver ? err('shutting-down') : append(put, chunks)),
    sync: () =>
      put.isOver ? err('shutting-down') : ok<UploadOffset>({ offset: put.written, crc32: put.crc32 }),
    commit: () => (put.isOver ? err('shutting-down') : deps.runCall(commit(put))),
    abort: () => release(put),
    discard: () =>
      wait((callback) => {
        release(put);
        callback(null);
      }),
  };
}

/** Ends the put. */
function release(put: SmallPut): void {
  if (put.isOver) return;
  put.isOver = true;
  put.deps.smallFiles.release(put.slot);
  put.onEnd();
}

function append(put: SmallPut, chunks: readonly Uint8Array[]): Outcome<void> {
  const { options, slot, hash } = put;
  if (put.written + totalBytes(chunks) > options.size) {
    release(put);
    return err('size-mismatch', 'more came than was said', { expected: options.size });
  }
  put.crc32 = crc32OfAll(chunks, put.crc32);
  for (const chunk of chunks) {
    slot.content.set(chunk, put.written);
    put.written += chunk.length;
    hash?.update(chunk);
  }
  return okVoid;
}

function* commit(put: SmallPut): Task<Outcome<Committed>> {
  try {
    const { options, written, crc32, hash } = put;
    const fault =
      written === options.size
        ? contentFault(options, crc32, hash)
        : err('size-mismatch', undefined, { expected: options.size, actual: written });
    if (fault !== undefined) return fault;
    return (yield* storeByWorker(put)) ?? (yield* storeByLoop(put));
  } finally {
    release(put);
  }
}

/** Undefined when the worker has stored nothing. */
function* storeByWorker(put: SmallPut): Task<Outcome<Committed> | undefined> {
  const { name, deps } = put;
  const { smallFiles } = deps;
  const folder = folderOf(name);
  if (!smallFiles.enter(folder)) return undefined;
  try {
    return yield* storeInFolder(put, folder);
  } finally {
    smallFiles.leave(folder);
  }
}

function* storeInFolder(put: SmallPut, folder: string): Task<Outcome<Committed> | undefined> {
  const { directories } = put.deps.disk;
  const entered = yield* directories.enter(folder);
  // A folder that is to be made, or something that is in the way.
  if (!entered.ok) return undefined;
  try {
    return yield* storeIn(put, entered.value);
  } finally {
    directories.leave(entered.value);
  }
}

function* storeIn(put: SmallPut, directory: Directory): Task<Outcome<Committed> | undefined> {
  const { name, options, crc32, slot, deps } = put;
  const { disk, smallFiles } = deps;
  const staged = deps.newStagedPath();
  const target = disk.directories.at(directory, lastSegmentOf(name));
  if (!fitInSlot(staged, target)) return undefined;
  const { size, mtime, ifAbsent = false } = options;
  const time = mtime === undefined ? undefined : mtime / 1000;
  const stored = yield* wait<StoredSmallFile | null>((callback) =>
    smallFiles.store(slot, { size, staged, target, time, ifAbsent }, callback),
  );
  if (stored === null) return undefined;
  disk.checksums.add(name, stored, crc32, stored.storedAt);
  disk.listings.noteAdded(name);
  const { replaced, mtimeMs } = stored;
  return ok({ name, size, mtime: mtime ?? Math.round(mtimeMs), crc32, durable: false, replaced });
}

/** A UTF-16 unit is at most 3 bytes of UTF-8, so most paths are measured without being encoded. */
const fitInSlot = (staged: string, target: string): boolean =>
  3 * (staged.length + target.length) <= LAYOUT.textBytes ||
  Buffer.byteLength(staged) + Buffer.byteLength(target) <= LAYOUT.textBytes;

function* storeByLoop(put: SmallPut): Task<Outcome<Committed>> {
  const begun = yield* put.deps.beginOrdinary();
  if (!begun.ok) return begun;
  const { value: sink } = begun;
  const written = yield* awaitOutcome(sink.write([put.slot.content.slice(0, put.written)]));
  if (!written.ok) return written;
  return yield* awaitOutcome(sink.commit());
}
