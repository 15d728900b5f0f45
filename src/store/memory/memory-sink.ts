/** A put to the memory store: it collects chunks, and a commit makes one file of them. */
import { concatBytes } from '../../base/bytes.ts';
import { contentFault, hashFor, keepsContent } from '../content-check.ts';
import type { Committed, MaybeAsync, Outcome, PutOptions, Sink } from '../contract.ts';
import { crc32OfAll } from '../crc32.ts';
import { err, ok, okVoid, type RefusedOutcome } from '../outcome.ts';
import type { MemoryFiles } from './memory-files.ts';
import type { MemoryUpload, MemoryUploadWriter } from './memory-uploads.ts';

/** When its upload is taken, it calls `onEnd` first, with the bytes that it has. */
export interface MemorySink extends Sink, MemoryUploadWriter {}

/** A put under way. */
interface MemoryPut {
  readonly name: string;
  readonly options: PutOptions;
  readonly files: MemoryFiles;
  readonly onEnd: (kept: MemoryUpload | undefined) => void;
  /** Copies of the written bytes; `size` bounds them. */
  readonly chunks: Uint8Array[];
  /** Bytes written so far. */
  written: number;
  /** The CRC-32 of those bytes. */
  crc32: number;
  /** Whether it was committed, aborted or has failed. */
  isOver: boolean;
  /** Whether another call has taken the upload from it. */
  isTaken: boolean;
  /** Whether the commit waits for who decides: it is not taken over, and what comes meanwhile finds nothing. */
  isAsking: boolean;
  /** Whether `onEnd` was called. */
  isReleased: boolean;
}

/** @param onEnd called once, when the sink has ended; with the bytes to keep if it is an upload. */
export function createMemorySink(
  name: string,
  options: PutOptions,
  files: MemoryFiles,
  initial: MemoryUpload,
  onEnd: (kept: MemoryUpload | undefined) => void,
): MemorySink {
  const put: MemoryPut = {
    name,
    options,
    files,
    onEnd,
    chunks: [...initial.chunks],
    written: initial.offset,
    crc32: initial.crc32,
    isOver: false,
    isTaken: false,
    isAsking: false,
    isReleased: false,
  };
  return {
    get written() {
      return put.written;
    },
    write: (lent) => (put.isOver ? closedFault(put) : write(put, lent)),
    sync: () => (put.isOver ? closedFault(put) : ok({ offset: put.written, crc32: put.crc32 })),
    commit: () => (put.isOver ? closedFault(put) : commit(put)),
    abort: () => end(put, true),
    take: () => take(put),
  };
}

const closedFault = ({ isTaken }: MemoryPut): RefusedOutcome =>
  err(isTaken ? 'upload-taken' : 'shutting-down');

function write(put: MemoryPut, lent: readonly Uint8Array[]): Outcome<void> {
  for (const chunk of lent) {
    if (put.written + chunk.length > put.options.size) return failSize(put);
    put.written += chunk.length;
    // Not `chunk.slice()`: for a Buffer that does not copy.
    put.chunks.push(new Uint8Array(chunk));
  }
  put.crc32 = crc32OfAll(lent, put.crc32);
  return okVoid;
}

function commit(put: MemoryPut): MaybeAsync<Committed> {
  const { name, options, chunks, crc32 } = put;
  const { size, accept } = options;
  if (put.written !== size) return failSize(put);
  const hash = hashFor(options);
  for (const chunk of chunks) hash?.update(chunk);
  const fault = contentFault(options, crc32, hash);
  if (fault !== undefined) return fail(put, fault);
  if (accept === undefined) return publish(put);
  put.isAsking = true;
  return accept({ name, size, crc32 }).then((answer) => {
    if (put.isOver) return closedFault(put);
    if (answer.ok) return publish(put);
    end(put, keepsContent(answer));
    return answer;
  });
}

function publish(put: MemoryPut): Outcome<Committed> {
  const { name, options, files, chunks, crc32 } = put;
  const { size, ifAbsent } = options;
  const fault = files.placementFault(name, ifAbsent);
  if (fault !== undefined) return fail(put, fault);
  const mtime = options.mtime ?? Date.now();
  const replaced = files.byName.get(name)?.bytes.length ?? 0;
  files.put(name, { bytes: concatBytes(chunks, size), mtime, crc32 });
  end(put, false);
  return ok({ name, size, mtime, crc32, durable: false, replaced });
}

const failSize = (put: MemoryPut): RefusedOutcome =>
  fail(put, err('size-mismatch', undefined, { expected: put.options.size, actual: put.written }));

function fail(put: MemoryPut, fault: RefusedOutcome): RefusedOutcome {
  end(put, false);
  return fault;
}

function take(put: MemoryPut): void {
  if (put.isAsking) return release(put, undefined);
  put.isTaken = true;
  put.options.taken?.();
  end(put, true);
}

function end(put: MemoryPut, keepUpload: boolean): void {
  if (put.isOver) return;
  put.isOver = true;
  const { chunks, written, crc32 } = put;
  release(put, keepUpload && written > 0 ? { chunks, offset: written, crc32 } : undefined);
}

function release(put: MemoryPut, kept: MemoryUpload | undefined): void {
  if (put.isReleased) return;
  put.isReleased = true;
  put.onEnd(kept);
}
