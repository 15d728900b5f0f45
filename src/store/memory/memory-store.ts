/**
 * The store that keeps everything in memory: for tests, demonstrations and apps that want no disk.
 *
 * It behaves as the disk store does, to the error codes, and the same contract suite holds both to it. The one
 * difference is that it has no folders of its own: they are there while a file is in them.
 */
import { concatBytes } from '../../base/bytes.ts';
import { hashFor, whyNotContent } from '../content-check.ts';
import type { Committed, Outcome, PutOptions, Sink, Source, Store, UploadOffset } from '../contract.ts';
import { crc32OfAll } from '../crc32.ts';
import { refusedName } from '../names.ts';
import { err, ok, okVoid } from '../outcome.ts';
import { pageOf } from '../page.ts';
import { type UploadOptions, uploadLimits } from '../upload-limits.ts';
import { memoryFiles } from './memory-files.ts';
import { type MemoryPart, memoryUploads } from './memory-uploads.ts';

/** A store in memory, and the way to look into it. */
export interface MemoryStore extends Store {
  /** What is stored now, by name. Not a copy: it changes as the store does. */
  readonly contents: ReadonlyMap<string, { readonly bytes: Uint8Array; readonly mtime: number }>;
  /** How many puts were begun and are neither committed nor aborted nor failed. */
  readonly sinks: number;
  /** How many opened files were not closed. */
  readonly sources: number;
}

/**
 * Makes an empty store in memory. Its answers are all given at once; `durable` is false. Nothing bounds it but the
 * memory of the process. Unfinished uploads are kept as `UploadOptions` says, while the store is open.
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
  const files = memoryFiles();
  const uploads = memoryUploads(uploadLimits(options));
  const sinks = new Set<MemorySink>();
  const sources = new Set<Source>();
  let closed = false;

  const unusable = (name: string) => (closed ? err('shutting-down') : refusedName(name));

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
      const refusal = unusable(name) ?? files.whyNotAt(name, options.ifAbsent);
      if (refusal !== undefined) return refusal;
      const { upload } = options;
      const begun = upload === undefined ? ok(nothing) : uploads.begin(upload, options);
      if (!begun.ok) return begun;
      const sink = memorySink(name, options, files, begun.value, (part) => {
        sinks.delete(sink);
        if (upload !== undefined) uploads.ended(upload, part);
      });
      sinks.add(sink);
      if (upload !== undefined) uploads.hold(upload, sink);
      return ok(sink);
    },

    resume: (upload) => (closed ? err('shutting-down') : uploads.resume(upload)),
    cancel: (upload) => (closed ? err('shutting-down') : uploads.cancel(upload)),
    unfinished: uploads.unfinished,

    open(name) {
      const found = unusable(name) ?? files.find(name);
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
      const found = unusable(name) ?? files.find(name);
      if (!found.ok) return found;
      const { bytes, mtime, crc32 } = found.value;
      return ok({ name, size: bytes.length, mtime, crc32 });
    },

    list: (options) => (closed ? err('shutting-down') : ok(pageOf(files.after(options), options.limit))),

    remove(name) {
      const found = unusable(name) ?? files.find(name);
      if (!found.ok) return found;
      files.remove(name);
      return ok({ size: found.value.bytes.length });
    },

    rename(from, to, options = {}) {
      const found = unusable(from) ?? refusedName(to) ?? files.find(from);
      if (!found.ok) return found;
      const refusal = files.whyNotAt(to, options.ifAbsent);
      if (refusal !== undefined) return refusal;
      const file = found.value;
      const replaced = from === to ? 0 : (files.byName.get(to)?.bytes.length ?? 0);
      files.remove(from);
      files.place(to, file);
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

const nothing: MemoryPart = { chunks: [], offset: 0, crc32: 0 };

interface MemorySink extends Sink {
  /** Takes the upload from it; what it has of it is given to `ended` first. */
  take(): void;
  readonly written: number;
}

/** @param ended is called once, when there is nothing of it any more; with what is to be kept if it is an upload. */
function memorySink(
  name: string,
  options: PutOptions,
  files: ReturnType<typeof memoryFiles>,
  begun: MemoryPart,
  ended: (part: MemoryPart | undefined) => void,
): MemorySink {
  const { size, mtime, ifAbsent } = options;
  const chunks = [...begun.chunks];
  let written = begun.offset;
  let crc32 = begun.crc32;
  let over = false;
  let isTaken = false;

  const end = (keep: boolean): void => {
    if (over) return;
    over = true;
    ended(keep && written > 0 ? { chunks, offset: written, crc32 } : undefined);
  };
  const fail = <T>(outcome: Outcome<T>): Outcome<T> => {
    end(false);
    return outcome;
  };
  const mismatch = () => fail<never>(err('size-mismatch', undefined, { expected: size, actual: written }));
  const refused = () => err(isTaken ? 'upload-taken' : 'shutting-down');

  return {
    get written() {
      return written;
    },
    write(lent) {
      if (over) return refused();
      for (const chunk of lent) {
        if (written + chunk.length > size) return mismatch();
        written += chunk.length;
        // Not `chunk.slice()`: of a Buffer that is no copy.
        chunks.push(new Uint8Array(chunk));
      }
      crc32 = crc32OfAll(lent, crc32);
      return okVoid;
    },
    sync: () => (over ? refused() : ok<UploadOffset>({ offset: written, crc32 })),
    commit() {
      if (over) return refused();
      if (written !== size) return mismatch();
      const hash = hashFor(options);
      for (const chunk of chunks) hash?.update(chunk);
      const refusal = whyNotContent(options, crc32, hash) ?? files.whyNotAt(name, ifAbsent);
      if (refusal !== undefined) return fail<never>(refusal);
      const file = { bytes: concatBytes(chunks, size), mtime: mtime ?? Date.now(), crc32 };
      const replaced = files.byName.get(name)?.bytes.length ?? 0;
      files.place(name, file);
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
