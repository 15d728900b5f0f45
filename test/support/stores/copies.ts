/** Copies between stores, and stores that change, lie or are counted on the way, at exact places. */
import { type CopyRun, copyAll } from '../../../src/cli/copy/copy-all.ts';
import { PIECE_BYTES } from '../../../src/cli/copy/copy-file.ts';
import type { Report } from '../../../src/cli/transfer/report/report.ts';
import type { FileStore, Sink, Source } from '../../../src/store/contract.ts';
import { ok } from '../../../src/store/outcome.ts';

/** What was reported of each file. */
function noted() {
  const said: Record<string, string> = {};
  const resumed: Record<string, number> = {};
  const report: Report = {
    expect: () => {},
    resumed: ({ filename }, from) => {
      resumed[filename] = from;
    },
    progress: () => {},
    done: ({ filename }) => {
      said[filename] = 'copied';
    },
    failed: ({ filename }, { message }) => {
      said[filename] = message;
    },
    retry: () => {},
    warn: (path, why) => {
      said[path] = why;
    },
    abandon: () => {},
    end: () => {},
  };
  return { said, resumed, report };
}

export async function copy(from: FileStore, to: FileStore, options: Partial<CopyRun> = {}) {
  const { said, resumed, report } = noted();
  const result = await copyAll({
    from: { store: from, place: 'from' },
    to: { store: to, place: 'to' },
    ...{ prefix: '', clobber: true, signal: new AbortController().signal, parallel: 3, report },
    ...options,
  });
  return { result, said, resumed };
}

/** The store, whose opened files are others. */
export const opening = (store: FileStore, change: (source: Source) => Source): FileStore => ({
  ...store,
  open: async (name) => {
    const opened = await store.open(name);
    return opened.ok ? ok(change(opened.value)) : opened;
  },
});

/** The store, whose puts are others. */
export const putting = (store: FileStore, change: (sink: Sink) => Partial<Sink>): FileStore => ({
  ...store,
  put: async (name, options) => {
    const begun = await store.put(name, options);
    if (!begun.ok) return begun;
    const sink = begun.value;
    const own: Sink = {
      write: (chunks) => sink.write(chunks),
      commit: () => sink.commit(),
      sync: () => sink.sync(),
      abort: () => sink.abort(),
    };
    return ok({ ...own, ...change(own) });
  },
});

/** Calls `at` before a piece that begins at that offset is read. */
export const reading = (store: FileStore, offset: number, at: (name: string) => unknown): FileStore =>
  opening(store, (source) => ({
    ...source,
    read: async (from, length, memory) => {
      if (from === offset) await at(source.name);
      return await source.read(from, length, memory);
    },
  }));

/** The store, and how many bytes were written to it. */
export function counted(store: FileStore) {
  const written = { bytes: 0 };
  const to = putting(store, (sink) => ({
    write: (chunks) => {
      for (const { length } of chunks) written.bytes += length;
      return sink.write(chunks);
    },
  }));
  return { to, written };
}

/** Interrupts a copy of a large file when so many bytes are there: a multiple of 256 KiB. */
export async function interrupted(from: FileStore, to: FileStore, at: number) {
  const ending = new AbortController();
  return await copy(
    reading(from, at - PIECE_BYTES, () => ending.abort()),
    to,
    { signal: ending.signal },
  );
}
