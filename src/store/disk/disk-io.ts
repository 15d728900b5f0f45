/**
 * The operations on the disk as steps of a task. Each decides whether it runs at once or through the thread
 * pool (see `io/io-state.ts`).
 */
import { constants, type Dirent, type Stats, type StatsFs } from 'node:fs';
import type { Task } from '../task.ts';
import type { FileSystem, OpenFolder } from './file-system.ts';
import { read, setTimes, syncFile, truncate, write } from './io/content.ts';
import { NO_COOLDOWN } from './io/cooldown.ts';
import { closeFile, closeQuietly, openFile, openFolder, readEntries } from './io/descriptors.ts';
import type { IoState } from './io/io-state.ts';
import { link, lstat, lstatAll, makeFolder, removeFolder, rename, statSpace, unlink } from './io/names.ts';
import { NO_SPARE_CORE } from './io/spare-core.ts';

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

/** The tasks throw system errors. */
export interface DiskIo {
  readonly fs: FileSystem;
  /** @param close closes descriptors that are not needed; returns whether there were any. */
  onDescriptorsExhausted(close: () => boolean): void;
  open(path: string, openFlags: number, mode?: number): Task<number>;
  /** @param freed the bytes that closing may free, when the file has no name any more. */
  close(fd: number, freed?: number): Task<void>;
  /**
   * Closes a descriptor that was only read from, or is given up. A system error would be of no use, so it is
   * ignored.
   */
  closeQuietly(fd: number): void;
  /**
   * Writes all chunks at `position`; returns the CRC-32 continued from `crc`, which is computed while the
   * pool writes.
   */
  write(fd: number, chunks: readonly Uint8Array[], position: number, crc: number): Task<number>;
  /** Fills `into` from `position`; returns the number of bytes, fewer only at the end of the file. */
  read(fd: number, into: Uint8Array, position: number): Task<number>;
  /** Truncates a file. It uses the pool, because the number of freed bytes is unknown. */
  truncate(fd: number, length: number): Task<void>;
  setTimes(fd: number, seconds: number): Task<void>;
  /** The stats of a path, without following a link; undefined when nothing is there. */
  lstat(path: string): Task<Stats | undefined>;
  /** The same for many paths; in parallel where the system does not have them in its memory. */
  lstatAll(paths: readonly string[]): Task<(Stats | undefined)[]>;
  /** @param freed the bytes of the file that is replaced. */
  rename(from: string, to: string, freed?: number): Task<void>;
  link(from: string, to: string): Task<void>;
  /** @param freed the bytes of the file that is removed. */
  unlink(path: string, freed?: number): Task<void>;
  makeFolder(path: string, mode: number): Task<void>;
  removeFolder(path: string): Task<void>;
  /** The free space of the file system of a path. */
  space(path: string): Task<StatsFs>;
  /**
   * The entries of a folder, always through the pool. Only for folders with few entries; for others use
   * `openFolder`.
   */
  entries(path: string): Task<Dirent[]>;
  /**
   * Opens a folder of any size. Reading it uses the pool.
   *
   * @param atOnce entries that are asked of the system at once.
   */
  openFolder(path: string, encoding: 'latin1' | 'buffer', atOnce: number): Task<OpenFolder>;
  /** @param withTimes syncs the times as well, not only what is needed to read the content back. */
  syncFile(fd: number, withTimes: boolean): Task<void>;
}

/**
 * @param usesPool whether every operation that may wait for the disk uses the thread pool, however small.
 * @param spareCore whether large writes use it all the same.
 */
export function createDiskIo(fs: FileSystem, usesPool: boolean, spareCore = NO_SPARE_CORE): DiskIo {
  const state: IoState = {
    fs,
    usesPool,
    spareCore,
    cooldown: NO_COOLDOWN,
    lookups: NO_COOLDOWN,
    closeUnused: () => false,
  };
  return {
    fs,
    onDescriptorsExhausted(close) {
      state.closeUnused = close;
    },
    open: (path, openFlags, mode) => openFile(state, path, openFlags, mode),
    close: (fd, freed = 0) => closeFile(state, fd, freed),
    closeQuietly: (fd) => closeQuietly(state, fd),
    write: (fd, chunks, position, crc) => write(state, fd, chunks, position, crc),
    read: (fd, into, position) => read(state, fd, into, position),
    truncate: (fd, length) => truncate(state, fd, length),
    setTimes: (fd, seconds) => setTimes(state, fd, seconds),
    lstat: (path) => lstat(state, path),
    lstatAll: (paths) => lstatAll(state, paths),
    rename: (from, to, freed = 0) => rename(state, from, to, freed),
    link: (from, to) => link(state, from, to),
    unlink: (path, freed = 0) => unlink(state, path, freed),
    makeFolder: (path, mode) => makeFolder(state, path, mode),
    removeFolder: (path) => removeFolder(state, path),
    space: (path) => statSpace(state, path),
    entries: (path) => readEntries(state, path),
    openFolder: (path, encoding, atOnce) => openFolder(state, path, { encoding, bufferSize: atOnce }),
    syncFile: (fd, withTimes) => syncFile(state, fd, withTimes),
  };
}
