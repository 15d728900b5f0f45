/** A store that takes only so many bytes until it is told to go on: whatever is sent meanwhile waits. */
import { BehaviorSubject, filter, firstValueFrom } from 'rxjs';
import type { FileStore, PutOptions, Sink } from '../../../src/store/contract.ts';
import { type MemoryStore, memoryStore } from '../../../src/store/memory/memory-store.ts';

export interface GatedStore extends FileStore {
  readonly contents: MemoryStore['contents'];
  /** The bytes that were written, also those that were written twice. */
  readonly written: () => number;
  /** Takes so many in all, from now on. */
  readonly takeUpTo: (bytes: number) => void;
  /** Resolves when that many were written, and more wait. */
  readonly full: () => Promise<void>;
  /** How each put was begun. */
  readonly puts: readonly (PutOptions & { readonly name: string })[];
}

export function gatedStore(): GatedStore {
  const store = memoryStore();
  const bytes$ = new BehaviorSubject({ written: 0, most: Number.POSITIVE_INFINITY, isFull: false });
  const change = (by: Partial<(typeof bytes$)['value']>): void => bytes$.next({ ...bytes$.value, ...by });
  const puts: (PutOptions & { readonly name: string })[] = [];

  const gated = (sink: Sink): Sink => ({
    ...sink,
    write: async (chunks) => {
      const { written, most } = bytes$.value;
      if (written >= most) change({ isFull: true });
      await firstValueFrom(bytes$.pipe(filter((now) => now.written < now.most)));
      change({ written: bytes$.value.written + chunks.reduce((sum, { length }) => sum + length, 0) });
      return sink.write(chunks);
    },
    commit: () => sink.commit(),
    sync: () => sink.sync(),
    abort: () => sink.abort(),
  });

  return {
    durable: false,
    contents: store.contents,
    written: () => bytes$.value.written,
    takeUpTo: (most) => change({ most, isFull: false }),
    full: async () => {
      await firstValueFrom(bytes$.pipe(filter(({ isFull }) => isFull)));
    },
    puts,
    put: async (name, options) => {
      puts.push({ ...options, name });
      const opened = await store.put(name, options);
      return opened.ok ? { ...opened, value: gated(opened.value) } : opened;
    },
    resume: (upload) => store.resume(upload),
    cancel: (upload) => store.cancel(upload),
    unfinished: () => store.unfinished(),
    open: (name) => store.open(name),
    stat: (name) => store.stat(name),
    list: (options) => store.list(options),
    remove: (name) => store.remove(name),
    rename: (from, to, options) => store.rename(from, to, options),
    close: () => store.close(),
  };
}
