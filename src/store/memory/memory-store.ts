/**
 * The store that keeps everything in memory: for tests, demonstrations and apps that need no disk.
 *
 * It behaves as the disk store does, to the error codes, and one contract suite checks both. The only
 * difference: a folder exists only while a file is in it.
 */
import { checkOptions } from '../../wire/argument.ts';
import type {
  FileInfo,
  FileStore,
  Outcome,
  PutOptions,
  Removed,
  Renamed,
  Sink,
  Source,
} from '../contract.ts';
import { nameFault } from '../names.ts';
import { err, ok, type RefusedOutcome } from '../outcome.ts';
import { UPLOAD_RULES, type UploadOptions, uploadLimits } from '../upload-limits.ts';
import { createMemoryFiles, type MemoryFile, type MemoryFiles, pageOf } from './memory-files.ts';
import { createMemorySink, type MemorySink } from './memory-sink.ts';
import { createMemoryUploads, EMPTY_UPLOAD, type MemoryUploads } from './memory-uploads.ts';

/** A store in memory, and the way to look into it. */
export interface MemoryStore extends FileStore, AsyncDisposable {
  /** The stored files, by name. Not a copy: it changes as the store does. */
  readonly contents: ReadonlyMap<string, { readonly bytes: Uint8Array; readonly mtime: number }>;
  /** The number of puts that were begun and are neither committed nor aborted nor failed. */
  readonly sinks: number;
  /** The number of opened files that were not closed. */
  readonly sources: number;
}

interface MemoryState {
  readonly files: MemoryFiles;
  readonly uploads: MemoryUploads;
  /** The puts under way; the callers bound them. */
  readonly sinks: Set<MemorySink>;
  /** The opened files; the callers bound them. */
  readonly sources: Set<Source>;
  closed: boolean;
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
  checkOptions('memoryStore', options, UPLOAD_RULES);
  const files = createMemoryFiles();
  const uploads = createMemoryUploads(uploadLimits(options));
  const state: MemoryState = { files, uploads, sinks: new Set(), sources: new Set(), closed: false };
  return {
    durable: false,
    contents: files.byName,
    get sinks() {
      return state.sinks.size;
    },
    get sources() {
      return state.sources.size;
    },
    put: (name, options) => put(state, name, options),
    resume: (upload) => (state.closed ? err('shutting-down') : uploads.resume(upload)),
    cancel: (upload) => (state.closed ? err('shutting-down') : uploads.cancel(upload)),
    unfinished: uploads.unfinished,
    open: (name) => open(state, name),
    stat: (name) => stat(state, name),
    list: (options) =>
      state.closed ? err('shutting-down') : ok(pageOf(files.after(options), options.limit)),
    remove: (name) => remove(state, name),
    rename: (from, to, options) => rename(state, from, to, options?.ifAbsent),
    close: () => close(state),
    [Symbol.asyncDispose]: () => close(state),
  };
}

const callFault = ({ closed }: MemoryState, name: string): RefusedOutcome | undefined =>
  closed ? err('shutting-down') : nameFault(name);

const find = (state: MemoryState, name: string): Outcome<MemoryFile> =>
  callFault(state, name) ?? state.files.find(name);

function put(state: MemoryState, name: string, options: PutOptions): Outcome<Sink> {
  const { files, uploads, sinks } = state;
  const fault = callFault(state, name) ?? files.placementFault(name, options.ifAbsent);
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
}

function open(state: MemoryState, name: string): Outcome<Source> {
  const { sources } = state;
  const found = find(state, name);
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
}

function stat(state: MemoryState, name: string): Outcome<FileInfo> {
  const found = find(state, name);
  if (!found.ok) return found;
  const { bytes, mtime, crc32 } = found.value;
  return ok({ name, size: bytes.length, mtime, crc32 });
}

function remove(state: MemoryState, name: string): Outcome<Removed> {
  const found = find(state, name);
  if (!found.ok) return found;
  state.files.remove(name);
  return ok({ size: found.value.bytes.length });
}

function rename(
  state: MemoryState,
  from: string,
  to: string,
  ifAbsent: boolean | undefined,
): Outcome<Renamed> {
  const { files } = state;
  const found = callFault(state, from) ?? nameFault(to) ?? files.find(from);
  if (!found.ok) return found;
  const fault = files.placementFault(to, ifAbsent);
  if (fault !== undefined) return fault;
  const file = found.value;
  const replaced = from === to ? 0 : (files.byName.get(to)?.bytes.length ?? 0);
  files.remove(from);
  files.put(to, file);
  return ok({ name: to, size: file.bytes.length, mtime: file.mtime, replaced });
}

function close(state: MemoryState): Promise<void> {
  state.closed = true;
  for (const sink of state.sinks) void sink.abort();
  state.uploads.close();
  state.sources.clear();
  return Promise.resolve();
}
