/** The ways in which a disk store works, for tests that hold in each of them. */
import type { DiskStoreOptions } from '../../../src/store/disk/disk-store.ts';
import { type FileSystem, nodeFileSystem } from '../../../src/store/disk/file-system.ts';
import { createSmallFiles, type SmallFiles } from '../../../src/store/disk/worker/small-files.ts';
import { workerCalls } from '../../../src/store/disk/worker/worker-calls.ts';
import { type StartWorker, startThread } from '../../../src/store/disk/worker/worker-thread.ts';

export const DISK_MODES = ['fsync', 'os', 'os, small files by a worker'] as const;
export type DiskMode = (typeof DISK_MODES)[number];

/**
 * The options for a store that works in this way. The worker is one of this thread, so that the test's file system is
 * underneath it too.
 */
export function optionsOf(mode: DiskMode, fs?: FileSystem): DiskStoreOptions {
  const below = fs === undefined ? {} : { fs };
  if (mode === 'fsync' || mode === 'os') return { durability: mode, ...below };
  return { durability: 'os', ...below, smallFiles: everySmallFile(workerOfThisThread(fs)) };
}

const everySmallFile = (start: StartWorker): SmallFiles =>
  createSmallFiles({ burst: 0, ofTheLoop: 0 }, start);

/** A worker that does its calls between two turns of the event loop. */
export const workerOfThisThread =
  (fs: FileSystem = nodeFileSystem): StartWorker =>
  (duty, { ready, told }) => {
    const doNext = workerCalls(duty, fs, () => setImmediate(told));
    ready();
    return {
      wake: () =>
        setImmediate(() => {
          while (doNext());
        }),
      keepsAlive: () => {},
    };
  };

/** Has a thread store every small file from the first on. */
export async function smallFilesByThread(start: StartWorker = startThread): Promise<SmallFiles> {
  let smallFiles: SmallFiles | undefined;
  await new Promise<void>((resolve) => {
    smallFiles = everySmallFile((duty, events) =>
      start(duty, {
        ...events,
        ready: () => {
          events.ready();
          resolve();
        },
      }),
    );
    smallFiles.acquire(0);
  });
  return smallFiles!;
}
