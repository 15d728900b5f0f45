/**
 * The operations on the disk as steps of a task. Each decides whether it runs at once or through the thread
 * pool.
 *
 * With durability `os` small operations run at once: a synchronous call costs a third of the processor time
 * of one through the pool, and a write right after the receive finds the bytes still in the cache. Operations
 * that free or read many bytes use the pool all the same. After a write that had to wait, writes use the pool
 * for a while too: then the disk is slower than the peer, and the event loop must not wait for it.
 *
 * With durability `fsync` nothing that may wait for the disk runs on the event loop: adding one name to a
 * folder can wait for the whole journal.
 */
import { constants, type Dirent, type Stats, type StatsFs } from 'node:fs';
import { crc32OfAll } from '../crc32.ts';
import { type Task, together, wait } from '../task.ts';
import { errnoOf } from './errno.ts';
import type { FileSystem, OpenFolder, OpenFolderOptions } from './file-system.ts';

/** The most bytes that one synchronous call reads. */
const SYNC_READ_BYTES_MAX = 128 * 1024;
/** A write that took longer was not a copy into the system's memory, but had to wait for the disk. */
const SLOW_WRITE_MS = 10;
/** Milliseconds after a slow write in which writes use the pool. */
const POOL_COOLDOWN_MS = 2_000;
/** The most bytes that one synchronous call frees on the file system. */
const SYNC_FREE_BYTES_MAX = 8 * 1024 * 1024;

/** A symbolic link as the last segment of a path is never followed. */
export const OPEN_FLAGS = {
  folder: constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW,
  /** Only for folders above the root. */
  folderByLink: constants.O_RDONLY | constants.O_DIRECTORY,
  /** Not blocking: opening a FIFO would otherwise wait until a process writes to it. */
  read: constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
  create: constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
  /** For an upload, which may have to be read back. */
  createUpload: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
  reopenUpload: constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK,
};

export type DiskIo = ReturnType<typeof createDiskIo>;

/** @param usesPool whether every operation that may wait for the disk uses the thread pool, however small. */
export function createDiskIo(fs: FileSystem, usesPool: boolean) {
  let poolUntil = 0;
  /** Closes descriptors that are open but unused; returns whether there were any. */
  let closeUnused = (): boolean => false;

  /** Tries once more when there were no descriptors left and some could be closed. */
  function* retryWithDescriptors<T>(attempt: () => Task<T>): Task<T> {
    try {
      return yield* attempt();
    } catch (error) {
      const errno = errnoOf(error);
      if ((errno !== 'EMFILE' && errno !== 'ENFILE') || !closeUnused()) throw error;
    }
    return yield* attempt();
  }

  function* openOnce(path: string, openFlags: number, mode: number | undefined): Task<number> {
    return usesPool
      ? yield* wait<number>((callback) => fs.open(path, openFlags, mode, callback))
      : fs.openSync(path, openFlags, mode);
  }

  function* openFolderOnce(path: string, options: OpenFolderOptions): Task<OpenFolder> {
    return usesPool
      ? yield* wait<OpenFolder>((callback) => fs.opendir(path, options, callback))
      : fs.opendirSync(path, options);
  }

  function writeNow(fd: number, chunks: readonly Uint8Array[], position: number): number {
    const before = performance.now();
    const written = fs.writevSync(fd, chunks, position);
    const after = performance.now();
    if (after - before > SLOW_WRITE_MS) poolUntil = after + POOL_COOLDOWN_MS;
    return written;
  }

  return {
    fs,

    /** @param close closes descriptors that are not needed; returns whether there were any. */
    onDescriptorsExhausted(close: () => boolean): void {
      closeUnused = close;
    },

    open: (path: string, openFlags: number, mode?: number): Task<number> =>
      retryWithDescriptors(() => openOnce(path, openFlags, mode)),

    /** @param freed the bytes that closing may free, when the file has no name any more. */
    *close(fd: number, freed = 0): Task<void> {
      if (usesPool || freed > SYNC_FREE_BYTES_MAX) yield* wait((callback) => fs.close(fd, callback));
      else fs.closeSync(fd);
    },

    /**
     * Closes a descriptor that was only read from, or is given up. A system error would be of no use, so it
     * is ignored.
     */
    closeQuietly(fd: number): void {
      try {
        fs.closeSync(fd);
      } catch (error) {
        if (errnoOf(error) === undefined) throw error;
      }
    },

    /**
     * Writes all chunks at `position`; returns the CRC-32 continued from `crc`, which is computed while the
     * pool writes.
     */
    *write(fd: number, chunks: readonly Uint8Array[], position: number, crc: number): Task<number> {
      let rest = chunks;
      let left = totalBytes(chunks);
      let at = position;
      let crcAfter: number | undefined;
      while (left > 0) {
        const now = rest;
        const written =
          usesPool || performance.now() < poolUntil
            ? yield* wait<number>((callback) => {
                fs.writev(fd, now, at, callback);
                crcAfter ??= crc32OfAll(chunks, crc);
              })
            : writeNow(fd, now, at);
        if (written === 0)
          throw Object.assign(new Error('nothing was written'), { code: 'EIO', syscall: 'writev' });
        at += written;
        left -= written;
        if (left > 0) rest = skipBytes(written, rest);
      }
      return crcAfter ?? crc32OfAll(chunks, crc);
    },

    /** Fills `into` from `position`; returns the number of bytes, fewer only at the end of the file. */
    *read(fd: number, into: Uint8Array, position: number): Task<number> {
      let filled = 0;
      while (filled < into.length) {
        const at = filled;
        const left = into.length - at;
        const count =
          usesPool || left > SYNC_READ_BYTES_MAX
            ? yield* wait<number>((callback) => fs.read(fd, into, at, left, position + at, callback))
            : fs.readSync(fd, into, at, left, position + at);
        if (count === 0) break;
        filled += count;
      }
      return filled;
    },

    /** Truncates a file. It uses the pool, because the number of freed bytes is unknown. */
    truncate: (fd: number, length: number): Task<void> =>
      wait((callback) => fs.ftruncate(fd, length, callback)),

    *setTimes(fd: number, seconds: number): Task<void> {
      if (usesPool) yield* wait((callback) => fs.futimes(fd, seconds, seconds, callback));
      else fs.futimesSync(fd, seconds, seconds);
    },

    /** The stats of a path, without following a link; undefined when nothing is there. */
    *lstat(path: string): Task<Stats | undefined> {
      if (!usesPool) return fs.lstatSync(path, { throwIfNoEntry: false });
      try {
        return yield* wait<Stats>((callback) => fs.lstat(path, callback));
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') return undefined;
        throw error;
      }
    },

    /** The same for many paths, in parallel. */
    *lstatAll(paths: readonly string[]): Task<(Stats | undefined)[]> {
      if (!usesPool) return paths.map((path) => fs.lstatSync(path, { throwIfNoEntry: false }));
      const found: (Stats | undefined)[] = paths.map(() => undefined);
      const lstat = (path: string, i: number) => (callback: (error: Error | null) => void) =>
        fs.lstat(path, (error, stats) => {
          if (error === null) found[i] = stats;
          callback(errnoOf(error) === 'ENOENT' ? null : error);
        });
      yield* together(paths.map(lstat));
      return found;
    },

    /** @param freed the bytes of the file that is replaced. */
    *rename(from: string, to: string, freed = 0): Task<void> {
      if (usesPool || freed > SYNC_FREE_BYTES_MAX) yield* wait((callback) => fs.rename(from, to, callback));
      else fs.renameSync(from, to);
    },

    *link(from: string, to: string): Task<void> {
      if (usesPool) yield* wait((callback) => fs.link(from, to, callback));
      else fs.linkSync(from, to);
    },

    /** @param freed the bytes of the file that is removed. */
    *unlink(path: string, freed = 0): Task<void> {
      if (usesPool || freed > SYNC_FREE_BYTES_MAX) yield* wait((callback) => fs.unlink(path, callback));
      else fs.unlinkSync(path);
    },

    *makeFolder(path: string, mode: number): Task<void> {
      if (usesPool) yield* wait((callback) => fs.mkdir(path, mode, callback));
      else fs.mkdirSync(path, mode);
    },

    *removeFolder(path: string): Task<void> {
      if (usesPool) yield* wait((callback) => fs.rmdir(path, callback));
      else fs.rmdirSync(path);
    },

    /** The free space of the file system of a path. */
    *space(path: string): Task<StatsFs> {
      return usesPool ? yield* wait<StatsFs>((callback) => fs.statfs(path, callback)) : fs.statfsSync(path);
    },

    /**
     * The entries of a folder, always through the pool. Only for folders with few entries; for others use
     * `openFolder`.
     */
    entries: (path: string): Task<Dirent[]> =>
      retryWithDescriptors(() => wait((callback) => fs.readdir(path, { withFileTypes: true }, callback))),

    /**
     * Opens a folder of any size. Reading it uses the pool.
     *
     * @param atOnce entries that are asked of the system at once.
     */
    openFolder: (path: string, encoding: 'latin1' | 'buffer', atOnce: number): Task<OpenFolder> =>
      retryWithDescriptors(() => openFolderOnce(path, { encoding, bufferSize: atOnce })),

    /** @param withTimes syncs the times as well, not only what is needed to read the content back. */
    syncFile: (fd: number, withTimes: boolean): Task<void> =>
      wait((callback) => (withTimes ? fs.fsync(fd, callback) : fs.fdatasync(fd, callback))),
  };
}

export function totalBytes(chunks: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const chunk of chunks) bytes += chunk.length;
  return bytes;
}

/** The chunks without their first `count` bytes. */
function skipBytes(count: number, chunks: readonly Uint8Array[]): readonly Uint8Array[] {
  let skip = count;
  for (const [i, chunk] of chunks.entries()) {
    if (skip < chunk.length) return [chunk.subarray(skip), ...chunks.slice(i + 1)];
    skip -= chunk.length;
  }
  return [];
}
