/**
 * The store that keeps everything in memory: for tests, demonstrations and apps that need no disk.
 *
 * It behaves as the disk store does, to the error codes, and one contract suite checks both. The only
 * difference: a folder exists only while a file is in it.
 */
import { concatBytes } from '../../base/bytes.ts';
import { contentFault, hashFor } from '../content-check.ts';
import type { Committed, Outcome, PutOptions, Sink, Source, Store, UploadOffset } from '../contract.ts';
import { crc32OfAll } from '../crc32.ts';
import { nameFault } from '../names.ts';
import { err, ok, okVoid } from '../outcome.ts';
import { type UploadOptions, uploadLimits } from '../upload-limits.ts';
import { createMemoryFiles, pageOf } from './memory-files.ts';
import { createMemoryUploads, type MemoryUpload } from './memory-uploads.ts';

/** A store in memory, and the way to look into it. */
export interface MemoryStore extends Store {
  /** The stored files, by name. Not a copy: it changes as the store does. */
  readonly contents: ReadonlyMap<string, { readonly bytes: Uint8Array; readonly mtime: number }>;
  /** The number of puts that were begun and are neither committed nor aborted nor failed. */
  readonly sinks: number;
  /** The number of opened files that were not closed. */
  readonly sources: number;
}

/**
 * Makes an empty store in memory. It answers every call at once; `durable` is false. Only the memory of the
 * process bounds it. It keeps unfinished uploads as `UploadOptions` says, while it is open.
 *
 * @example
 * const store = memoryStore();
 * const sink = await store.put('a.txt', { size: 2 });
 * if (sink.ok) {
 *   await sink.value.write([new TextEncoder().encode('hi')]);
 *   await sink.value.commit();
 * }
 * store.contents.get('a.txt')?.bytes; // 'hi'
 */
export function memoryStore(options: UploadOptions = {}): MemoryStore {
  const files = createMemoryFiles();
  const uploads = createMemoryUploads(uploadLimits(options));
  const sinks = new Set<MemorySink>();
  const sources = new Set<Source>();
  let closed = false;

  const callFault = (name: string) => (closed ? err('shutting-down') : nameFault(name));

  return {
    durable: false,
    contents: files.byName,
    get sinks() {
      return sinks.size;
    },
    get sources() {
      return sources.size;
    },

    put(name, options) {
      const fault = callFault(name) ?? files.placementFault(name, options.ifAbsent);
      if (fault !== undefined) return fault;
      const { upload } = options;
      const initial = upload === undefined ? ok(EMPTY_UPLOAD) : uploads.begin(upload, options);
      if (!initial.ok) return initial;
      const sink = createMemorySink(name, options, files, initial.value, (kept) => {
        sinks.delete(sink);
        if (upload !== undefined) uploads.detach(upload, kept);
      });
      sinks.add(sink);
      if (upload !== undefined) uploads.attach(upload, sink);
      return ok(sink);
    },

    resume: (upload) => (closed ? err('shutting-down') : uploads.resume(upload)),
    cancel: (upload) => (closed ? err('shutting-down') : uploads.cancel(upload)),
    unfinished: uploads.unfinished,

    open(name) {
      const found = callFault(name) ?? files.find(name);
      if (!found.ok) return found;
      const { bytes, mtime, crc32 } = found.value;
      const source: Source = {
        name,
        size: bytes.length,
        mtime,
        crc32,
        read: (offset, length) =>
          sources.has(source) ? ok(bytes.slice(offset, offset + length)) : err('shutting-down'),
        close: () => void sources.delete(source),
      };
      sources.add(source);
      return ok(source);
    },

    stat(name) {
      const found = callFault(name) ?? files.find(name);
      if (!found.ok) return found;
      const { bytes, mtime, crc32 } = found.value;
      return ok({ name, size: bytes.length, mtime, crc32 });
    },

    list: (options) => (closed ? err('shutting-down') : ok(pageOf(files.after(options), options.limit))),

    remove(name) {
      const found = callFault(name) ?? files.find(name);
      if (!found.ok) return found;
      files.remove(name);
      return ok({ size: found.value.bytes.length });
    },

    rename(from, to, options = {}) {
      const found = callFault(from) ?? nameFault(to) ?? files.find(from);
      if (!found.ok) return found;
      const fault = files.placementFault(to, options.ifAbsent);
      if (fault !== undefined) return fault;
      const file = found.value;
      const replaced = from === to ? 0 : (files.byName.get(to)?.bytes.length ?? 0);
      files.remove(from);
      files.put(to, file);
      return ok({ name: to, size: file.bytes.length, mtime: file.mtime, replaced });
    },

    close() {
      closed = true;
      for (const sink of sinks) void sink.abort();
      uploads.close();
      sources.clear();
      return Promise.resolve();
    },
  };
}

const EMPTY_UPLOAD: MemoryUpload = { chunks: [], offset: 0, crc32: 0 };

interface MemorySink extends Sink {
  /** Takes the upload from the sink, after `onEnd` got the bytes that it has. */
  take(): void;
  readonly written: number;
}

/** @param onEnd called once, when the sink has ended; with the bytes to keep if it is an upload. */
function createMemorySink(
  name: string,
  options: PutOptions,
  files: ReturnType<typeof createMemoryFiles>,
  initial: MemoryUpload,
  onEnd: (kept: MemoryUpload | undefined) => void,
): MemorySink {
  const { size, mtime, ifAbsent } = options;
  const chunks = [...initial.chunks];
  let written = initial.offset;
  let crc32 = initial.crc32;
  let isOver = false;
  let isTaken = false;

  const end = (keepUpload: boolean): void => {
    if (isOver) return;
    isOver = true;
    onEnd(keepUpload && written > 0 ? { chunks, offset: written, crc32 } : undefined);
  };
  const fail = <T>(outcome: Outcome<T>): Outcome<T> => {
    end(false);
    return outcome;
  };
  const mismatch = () => fail<never>(err('size-mismatch', undefined, { expected: size, actual: written }));
  const sinkFault = () => err(isTaken ? 'upload-taken' : 'shutting-down');

  return {
    get written() {
      return written;
    },
    write(lent) {
      if (isOver) return sinkFault();
      for (const chunk of lent) {
        if (written + chunk.length > size) return mismatch();
        written += chunk.length;
        // Not `chunk.slice()`: for a Buffer that does not copy.
        chunks.push(new Uint8Array(chunk));
      }
      crc32 = crc32OfAll(lent, crc32);
      return okVoid;
    },
    sync: () => (isOver ? sinkFault() : ok<UploadOffset>({ offset: written, crc32 })),
    commit() {
      if (isOver) return sinkFault();
      if (written !== size) return mismatch();
      const hash = hashFor(options);
      for (const chunk of chunks) hash?.update(chunk);
      const fault = contentFault(options, crc32, hash) ?? files.placementFault(name, ifAbsent);
      if (fault !== undefined) return fail<never>(fault);
      const file = { bytes: concatBytes(chunks, size), mtime: mtime ?? Date.now(), crc32 };
      const replaced = files.byName.get(name)?.bytes.length ?? 0;
      files.put(name, file);
      const stored: Committed = { name, size, mtime: file.mtime, crc32, durable: false, replaced };
      end(false);
      return ok(stored);
    },
    abort: () => end(true),
    take() {
      isTaken = true;
      options.taken?.();
      end(true);
    },
  };
}
