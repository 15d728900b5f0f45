/** A put to the disk: bytes go to a file of the private folder, and a commit brings it to its name. */
import type { Answer, Outcome, PutOptions, Sink, Stored } from './contract.ts';
import { bytesOf } from './disk-io.ts';
import { tried } from './errno.ts';
import { allDone, done, failed } from './outcome.ts';
import { type Disk, placeFile } from './place-file.ts';
import type { Temporary } from './private-folder.ts';
import { type Task, wait } from './task.ts';

/** How the steps of a call are run: errors of the system become values, and the store knows that it is busy. */
export type Perform = <T>(steps: () => Task<Outcome<T>>) => Answer<T>;

export interface DiskSink extends Sink {
  /** What `abort` does, as steps; for the store to close. */
  discard(): Task<void>;
}

/** @param ended is called once, when there is nothing of it any more. */
export function diskSink(
  disk: Disk,
  perform: Perform,
  temporary: Temporary,
  name: string,
  { size, mtime, ifAbsent }: PutOptions,
  ended: () => void,
): DiskSink {
  const { io, directories, durable } = disk;
  const { fd, path } = temporary;
  const made: string[] = [];
  let written = 0;
  let crc32 = 0;
  let isOpen = true;
  let over = false;

  /** Never throws what the system throws: what cannot be removed now is removed with the store's own folder. */
  function* discard(): Task<void> {
    if (over) return;
    over = true;
    ended();
    if (isOpen) yield* tried(io.close(fd));
    yield* tried(io.unlink(path, written));
    yield* directories.unmake(made);
  }

  function* append(chunks: readonly Uint8Array[]): Task<Outcome<void>> {
    const bytes = bytesOf(chunks);
    if (written + bytes > size) {
      yield* discard();
      return failed('size-mismatch', 'more came than was said', { expected: size });
    }
    try {
      crc32 = yield* io.write(fd, chunks, written, crc32);
      written += bytes;
      return allDone;
    } catch (error) {
      // Some of it may have been written, and has to be given back.
      written += bytes;
      yield* discard();
      throw error;
    }
  }

  function* finish(): Task<Outcome<Stored>> {
    if (written !== size) {
      yield* discard();
      return failed('size-mismatch', undefined, { expected: size, actual: written });
    }
    try {
      const changed = yield* settle();
      const stored = yield* place(changed);
      if (!stored.ok) yield* discard();
      return stored;
    } catch (error) {
      yield* discard();
      throw error;
    }
  }

  /** Makes the content durable and closes the file. Gives its modification time. */
  function* settle(): Task<number> {
    if (mtime !== undefined) yield* io.setTimes(fd, mtime / 1000);
    if (durable) yield* io.syncFile(fd, mtime !== undefined);
    const changed = mtime ?? Math.round(io.fs.fstatSync(fd).mtimeMs);
    isOpen = false;
    // It has a name, so nothing is freed, and it was synced if it was to be: nothing here waits for the disk.
    io.fs.closeSync(fd);
    return changed;
  }

  function* place(changed: number): Task<Outcome<Stored>> {
    const placed = yield* placeFile(disk, { from: path, to: name, ifAbsent, made });
    if (!placed.ok) return placed;
    const { directory, linked } = placed.value;
    // From here on the file is there, whole. Should the sync fail, it stays, but nobody was told that it would.
    over = true;
    try {
      if (linked) yield* tried(io.unlink(path));
      if (durable) yield* wait(directory.sync);
    } finally {
      directories.leave(directory);
      ended();
    }
    return done({ name, size, mtime: changed, crc32, durable });
  }

  return {
    discard,
    write: (chunks) => (over ? failed('shutting-down') : perform(() => append(chunks))),
    commit: () => (over ? failed('shutting-down') : perform(finish)),
    abort() {
      const outcome = perform(function* () {
        yield* discard();
        return allDone;
      });
      return outcome instanceof Promise ? outcome.then(() => undefined) : undefined;
    },
  };
}
