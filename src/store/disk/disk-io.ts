/**
 * The operations on the disk as steps of a task: each knows whether it runs at once or through the thread pool.
 *
 * With durability `os` what is small runs at once: a synchronous call costs a third of the processor time of one
 * through the pool, and a write right behind the receive finds the bytes still in the cache. What frees many bytes, or
 * reads them, goes through the pool all the same; and so does writing, for a while, once a write had to wait: then the
 * disk is slower than the peer, and the event loop must not wait with it. With durability `fsync` nothing that may wait for the disk runs on the event loop: one name being
 * entered can wait for the whole journal.
 */
import { constants, type Dirent, type Stats, type StatsFs } from 'node:fs';
import { crc32OfAll } from '../crc32.ts';
import { type Task, together, wait } from '../task.ts';
import { errnoOf } from './errno.ts';
import type { FileSystem, OpenFolder, OpenFolderOptions } from './file-system.ts';

/** Bytes that are read by one synchronous call at most. */
const SYNC_READ_BYTES_MAX = 128 * 1024;
/** A write that took so many milliseconds was not a copy into the system's memory, but had to wait for the disk. */
const SLOW_WRITE_MS = 10;
/** For so many milliseconds after it, writes go through the pool. */
const POOL_COOLDOWN_MS = 2_000;
/** Bytes that are given back to the file system by one synchronous call at most. */
const SYNC_FREE_BYTES_MAX = 8 * 1024 * 1024;

/** A symbolic link as the last part of a path is never followed. */
export const flags = {
  folder: constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW,
  /** Only for what is above the root. */
  folderByLink: constants.O_RDONLY | constants.O_DIRECTORY,
  /** Not blocking: a FIFO would otherwise be waited for until somebody writes to it. */
  toRead: constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
  create: constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
  /** For an upload, of which some may have to be read back; one that is there, not blocking, as above. */
  createToGoOn: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
  toGoOn: constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK,
};

export type DiskIo = ReturnType<typeof diskIo>;

/** @param waits whether whatever may wait for the disk goes through the thread pool, however small. */
export function diskIo(fs: FileSystem, waits: boolean) {
  let waryUntil = 0;
  /** Closes what is open without being used; answers whether there was any. */
  let spare = (): boolean => false;

  /** Once more, if that helps, when it fails because there are no descriptors left. */
  function* sparing<T>(attempt: () => Task<T>): Task<T> {
    try {
      return yield* attempt();
    } catch (error) {
      const errno = errnoOf(error);
      if ((errno !== 'EMFILE' && errno !== 'ENFILE') || !spare()) throw error;
    }
    return yield* attempt();
  }

  function* openOnce(path: string, how: number, mode: number | undefined): Task<number> {
    return waits
      ? yield* wait<number>((back) => fs.open(path, how, mode, back))
      : fs.openSync(path, how, mode);
  }

  function* openFolderOnce(path: string, options: OpenFolderOptions): Task<OpenFolder> {
    return waits
      ? yield* wait<OpenFolder>((back) => fs.opendir(path, options, back))
      : fs.opendirSync(path, options);
  }

  function writeAtOnce(fd: number, chunks: readonly Uint8Array[], position: number): number {
    const before = performance.now();
    const written = fs.writevSync(fd, chunks, position);
    const after = performance.now();
    if (after - before > SLOW_WRITE_MS) waryUntil = after + POOL_COOLDOWN_MS;
    return written;
  }

  return {
    fs,

    /** @param close closes descriptors that could be done without; answers whether there were any. */
    sparesBy(close: () => boolean): void {
      spare = close;
    },

    open: (path: string, how: number, mode?: number): Task<number> =>
      sparing(() => openOnce(path, how, mode)),

    /** @param freed how many bytes may be freed by it, when the file has no name any more. */
    *close(fd: number, freed = 0): Task<void> {
      if (waits || freed > SYNC_FREE_BYTES_MAX) yield* wait((back) => fs.close(fd, back));
      else fs.closeSync(fd);
    },

    /** Closes what was only read, or is given up: what the system says to that is of no use to anybody. */
    letGo(fd: number): void {
      try {
        fs.closeSync(fd);
      } catch (error) {
        if (errnoOf(error) === undefined) throw error;
      }
    },

    /** Writes them all at `position`; gives the CRC-32 continued from `crc`, computed while the pool writes. */
    *write(fd: number, chunks: readonly Uint8Array[], position: number, crc: number): Task<number> {
      let rest = chunks;
      let left = bytesOf(chunks);
      let at = position;
      let crcAfter: number | undefined;
      while (left > 0) {
        const now = rest;
        const written =
          waits || performance.now() < waryUntil
            ? yield* wait<number>((back) => {
                fs.writev(fd, now, at, back);
                crcAfter ??= crc32OfAll(chunks, crc);
              })
            : writeAtOnce(fd, now, at);
        if (written === 0)
          throw Object.assign(new Error('nothing was written'), { code: 'EIO', syscall: 'writev' });
        at += written;
        left -= written;
        if (left > 0) rest = without(written, rest);
      }
      return crcAfter ?? crc32OfAll(chunks, crc);
    },

    /** Fills `into` from `position`; gives how many bytes there were, fewer only at the end of the file. */
    *read(fd: number, into: Uint8Array, position: number): Task<number> {
      let filled = 0;
      while (filled < into.length) {
        const at = filled;
        const left = into.length - at;
        const count =
          waits || left > SYNC_READ_BYTES_MAX
            ? yield* wait<number>((back) => fs.read(fd, into, at, left, position + at, back))
            : fs.readSync(fd, into, at, left, position + at);
        if (count === 0) break;
        filled += count;
      }
      return filled;
    },

    /** Cuts a file off after so many bytes. Through the pool: there is no telling how much is freed. */
    truncate: (fd: number, length: number): Task<void> => wait((back) => fs.ftruncate(fd, length, back)),

    *setTimes(fd: number, seconds: number): Task<void> {
      if (waits) yield* wait((back) => fs.futimes(fd, seconds, seconds, back));
      else fs.futimesSync(fd, seconds, seconds);
    },

    /** What is there, not followed; undefined when nothing is. */
    *look(path: string): Task<Stats | undefined> {
      if (!waits) return fs.lstatSync(path, { throwIfNoEntry: false });
      try {
        return yield* wait<Stats>((back) => fs.lstat(path, back));
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') return undefined;
        throw error;
      }
    },

    /** The same for many, looked for side by side. */
    *lookAll(paths: readonly string[]): Task<(Stats | undefined)[]> {
      if (!waits) return paths.map((path) => fs.lstatSync(path, { throwIfNoEntry: false }));
      const found: (Stats | undefined)[] = paths.map(() => undefined);
      const look = (path: string, i: number) => (back: (error: Error | null) => void) =>
        fs.lstat(path, (error, stats) => {
          if (error === null) found[i] = stats;
          back(errnoOf(error) === 'ENOENT' ? null : error);
        });
      yield* together(paths.map(look));
      return found;
    },

    /** @param freed the bytes of the file that is replaced. */
    *rename(from: string, to: string, freed = 0): Task<void> {
      if (waits || freed > SYNC_FREE_BYTES_MAX) yield* wait((back) => fs.rename(from, to, back));
      else fs.renameSync(from, to);
    },

    *link(from: string, to: string): Task<void> {
      if (waits) yield* wait((back) => fs.link(from, to, back));
      else fs.linkSync(from, to);
    },

    /** @param freed the bytes of the file that is removed. */
    *unlink(path: string, freed = 0): Task<void> {
      if (waits || freed > SYNC_FREE_BYTES_MAX) yield* wait((back) => fs.unlink(path, back));
      else fs.unlinkSync(path);
    },

    *makeFolder(path: string, mode: number): Task<void> {
      if (waits) yield* wait((back) => fs.mkdir(path, mode, back));
      else fs.mkdirSync(path, mode);
    },

    *removeFolder(path: string): Task<void> {
      if (waits) yield* wait((back) => fs.rmdir(path, back));
      else fs.rmdirSync(path);
    },

    /** How much room there is where `path` is. */
    *space(path: string): Task<StatsFs> {
      return waits ? yield* wait<StatsFs>((back) => fs.statfs(path, back)) : fs.statfsSync(path);
    },

    /** Always through the pool. Only for folders that have few entries: for others, `openFolder`. */
    entries: (path: string): Task<Dirent[]> =>
      sparing(() => wait((back) => fs.readdir(path, { withFileTypes: true }, back))),

    /**
     * Opens a folder of any size. It is read through the pool.
     *
     * @param atOnce entries that are asked of the system at once.
     */
    openFolder: (path: string, encoding: 'latin1' | 'buffer', atOnce: number): Task<OpenFolder> =>
      sparing(() => openFolderOnce(path, { encoding, bufferSize: atOnce })),

    /** @param everything the times as well, and not only what is needed to read the content back. */
    syncFile: (fd: number, everything: boolean): Task<void> =>
      wait((back) => (everything ? fs.fsync(fd, back) : fs.fdatasync(fd, back))),
  };
}

export function bytesOf(chunks: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const chunk of chunks) bytes += chunk.length;
  return bytes;
}

/** What is left of the chunks after the first `count` bytes. */
function without(count: number, chunks: readonly Uint8Array[]): readonly Uint8Array[] {
  let skip = count;
  for (const [i, chunk] of chunks.entries()) {
    if (skip < chunk.length) return [chunk.subarray(skip), ...chunks.slice(i + 1)];
    skip -= chunk.length;
  }
  return [];
}
