/** The folder of a log, `.sluice/changes` below the root of a store, and the files in it. */
import { constants } from 'node:fs';
import { RESERVED_FOLDER } from '../../files/protocol/filename.ts';
import { createDirectories } from '../disk/directories/directories.ts';
import type { Folder } from '../disk/directories/directory.ts';
import { createDiskIo, OPEN_FLAGS } from '../disk/disk-io.ts';
import { errnoOf } from '../disk/errno.ts';
import type { FileSystem } from '../disk/file-system.ts';
import { checkFormat } from '../disk/format/settle-format.ts';
import { FORMAT_RULES } from '../disk/format/upgrades.ts';
import { openBelow } from '../disk/opening/leftovers.ts';
import { openRoot } from '../disk/opening/root.ts';
import { run, type Start } from '../task.ts';

/** An open file. All of it reject with system errors. */
export interface LogFile {
  /** Writes all of the chunks. */
  write(chunks: readonly Uint8Array[], at: number): Promise<void>;
  sync(): Promise<void>;
  truncate(length: number): Promise<void>;
  /** Up to `length` bytes from the beginning. */
  read(length: number): Promise<Buffer>;
  readonly size: number;
  close(): void;
}

export interface LogFolder {
  readonly fs: FileSystem;
  /** Whether what is written has to be on stable storage. */
  readonly durable: boolean;
  /** The path by which the system finds a file of the folder. */
  pathOf(name: string): string;
  /** The path by which the system finds a file below the root of the store. */
  pathInRoot(name: string): string;
  list(): Promise<readonly string[]>;
  /** Makes an empty file, in the place of one that has the name. */
  create(name: string): Promise<LogFile>;
  open(name: string): Promise<LogFile>;
  remove(name: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Makes the names of the folder durable, if the log is. */
  sync(): Promise<void>;
  close(): void;
}

const CREATE_FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
/** Bytes of a file that are read at once. */
const READ_BYTES_MAX = 64 * 1024 * 1024;

/** Waits for a call of the system. */
export const called = <T>(start: Start): Promise<T> =>
  new Promise((resolve, reject) => {
    start((error, value) => (error === null ? resolve(value as T) : reject(error)));
  });

/** Makes the folder if it is missing. Throws a `FormatError`, and system errors. */
export async function openLogFolder(root: string, fs: FileSystem, durable: boolean): Promise<LogFolder> {
  const io = createDiskIo(fs, durable);
  const opened = await run(openRoot(io, root, durable));
  const directories = createDirectories(io, opened, durable);
  const { at } = directories;
  let folder: Folder;
  try {
    await run(checkFormat(io, at, directories.root, FORMAT_RULES));
    await makeFolder(`${RESERVED_FOLDER}`);
    await makeFolder(`${RESERVED_FOLDER}/changes`);
    folder = await run(openBelow(io, at, directories.root, [RESERVED_FOLDER, 'changes']));
  } catch (error) {
    io.closeQuietly(opened.fd);
    throw error;
  }

  async function makeFolder(name: string): Promise<void> {
    try {
      await called((callback) => fs.mkdir(at(directories.root, name), 0o700, callback));
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
    }
  }

  const openFile = async (name: string, flags: number): Promise<LogFile> =>
    logFile(
      fs,
      durable,
      await called<number>((callback) => fs.open(at(folder, name), flags, 0o600, callback)),
    );

  return {
    fs,
    durable,
    pathOf: (name) => at(folder, name),
    pathInRoot: (name) => at(directories.root, name),
    list: async () => (await run(io.entries(at(folder, '.')))).map(({ name }) => name),
    create: (name) => openFile(name, CREATE_FLAGS),
    open: (name) => openFile(name, OPEN_FLAGS.reopenUpload),
    remove: (name) => called((callback) => fs.unlink(at(folder, name), callback)),
    rename: (from, to) => called((callback) => fs.rename(at(folder, from), at(folder, to), callback)),
    sync: async () => {
      if (durable) await called<void>((callback) => fs.fsync(folder.fd, callback));
    },
    close: () => {
      io.closeQuietly(folder.fd);
      directories.close();
    },
  };
}

function logFile(fs: FileSystem, durable: boolean, fd: number): LogFile {
  /** Without a promise of durability a write is a copy into the system's memory, and not worth a thread. */
  const writeSome = async (chunks: readonly Uint8Array[], at: number): Promise<number> =>
    durable
      ? await called<number>((callback) => fs.writev(fd, chunks, at, callback))
      : fs.writevSync(fd, chunks, at);

  return {
    write: async (chunks, at) => {
      let left = chunks.length > WRITEV_CHUNKS_MAX ? [Buffer.concat(chunks)] : chunks;
      let position = at;
      while (left.length > 0) {
        const written = await writeSome(left, position);
        position += written;
        left = behind(left, written);
      }
    },
    sync: () => called((callback) => fs.fdatasync(fd, callback)),
    truncate: (length) => called((callback) => fs.ftruncate(fd, length, callback)),
    read: async (length) => {
      const bytes = Buffer.allocUnsafe(Math.min(length, READ_BYTES_MAX));
      let filled = 0;
      while (filled < bytes.length) {
        const count = await called<number>((callback) =>
          fs.read(fd, bytes, filled, bytes.length - filled, filled, callback),
        );
        if (count === 0) break;
        filled += count;
      }
      return bytes.subarray(0, filled);
    },
    get size() {
      return fs.fstatSync(fd).size;
    },
    close: () => {
      try {
        fs.closeSync(fd);
      } catch (error) {
        if (errnoOf(error) === undefined) throw error;
      }
    },
  };
}

/** As many as one call of the system takes. */
const WRITEV_CHUNKS_MAX = 1024;

/** What is left of the chunks behind so many bytes. */
function behind(chunks: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let skipped = bytes;
  let index = 0;
  while (index < chunks.length && skipped >= chunks[index]!.length) skipped -= chunks[index++]!.length;
  const left = chunks.slice(index);
  if (skipped > 0) left[0] = left[0]!.subarray(skipped);
  return left;
}
