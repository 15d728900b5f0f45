/**
 * The store that keeps everything in memory: for tests, demonstrations and apps that want no disk.
 *
 * It behaves as the disk store does, to the error codes, and the same contract suite holds both to it. The one
 * difference is that it has no folders of its own: they are there while a file is in them.
 */
import type { Committed, Outcome, PutOptions, Sink, Source, Store } from './contract.ts';
import { crc32 } from './crc32.ts';
import { memoryFiles } from './memory-files.ts';
import { refusedName } from './names.ts';
import { allDone, done, failed } from './outcome.ts';
import { pageOf } from './page.ts';

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
 * memory of the process.
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
export function memoryStore(): MemoryStore {
  const files = memoryFiles();
  const sinks = new Set<Sink>();
  const sources = new Set<Source>();
  let closed = false;

  const unusable = (name: string) => (closed ? failed('shutting-down') : refusedName(name));

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
      const sink = memorySink(name, options, files, () => sinks.delete(sink));
      sinks.add(sink);
      return done(sink);
    },

    resume: () => done({ offset: 0, crc32: 0 }),
    cancel: () => failed('not-found'),

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
          sources.has(source) ? done(bytes.slice(offset, offset + length)) : failed('shutting-down'),
        close: () => void sources.delete(source),
      };
      sources.add(source);
      return done(source);
    },

    stat(name) {
      const found = unusable(name) ?? files.find(name);
      if (!found.ok) return found;
      const { bytes, mtime, crc32 } = found.value;
      return done({ name, size: bytes.length, mtime, crc32 });
    },

    list: (options) => (closed ? failed('shutting-down') : done(pageOf(files.after(options), options.limit))),

    remove(name) {
      const found = unusable(name) ?? files.find(name);
      if (!found.ok) return found;
      files.remove(name);
      return done({ size: found.value.bytes.length });
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
      return done({ name: to, size: file.bytes.length, mtime: file.mtime, replaced });
    },

    close() {
      closed = true;
      for (const sink of sinks) void sink.abort();
      sources.clear();
      return Promise.resolve();
    },
  };
}

function memorySink(
  name: string,
  { size, mtime, ifAbsent }: PutOptions,
  files: ReturnType<typeof memoryFiles>,
  ended: () => void,
): Sink {
  let chunks: Uint8Array[] = [];
  let written = 0;
  let over = false;

  const end = <T>(outcome: Outcome<T>): Outcome<T> => {
    over = true;
    chunks = [];
    ended();
    return outcome;
  };
  const mismatch = () => end<never>(failed('size-mismatch', undefined, { expected: size, actual: written }));

  return {
    write(lent) {
      if (over) return failed('shutting-down');
      for (const chunk of lent) {
        written += chunk.length;
        if (written > size) return mismatch();
        // Not `chunk.slice()`: of a Buffer that is no copy.
        chunks.push(new Uint8Array(chunk));
      }
      return allDone;
    },
    sync: () => failed('internal', 'uploads are not kept'),
    commit() {
      if (over) return failed('shutting-down');
      if (written !== size) return mismatch();
      const refusal = files.whyNotAt(name, ifAbsent);
      if (refusal !== undefined) return end<never>(refusal);
      const bytes = joined(chunks, size);
      const file = { bytes, mtime: mtime ?? Date.now(), crc32: crc32(bytes) };
      const replaced = files.byName.get(name)?.bytes.length ?? 0;
      files.place(name, file);
      const { mtime: changed, crc32: sum } = file;
      const stored: Committed = { name, size, mtime: changed, crc32: sum, durable: false, replaced };
      return end(done(stored));
    },
    abort: () => void end(allDone),
  };
}

function joined(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
