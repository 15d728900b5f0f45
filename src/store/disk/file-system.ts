/**
 * The operations of `node:fs` that the disk store uses, and no others, so that a test can replace them: by
 * ones that fail, or that record the calls.
 *
 * Most have two forms: a synchronous one for small work in memory, and one with a callback for work that can
 * take long.
 */
import nodeFs, { type Dirent, type Stats, type StatsFs } from 'node:fs';

type Callback<T> = (error: NodeJS.ErrnoException | null, value: T) => void;
type DoneCallback = (error: NodeJS.ErrnoException | null) => void;

/**
 * An open folder. `read` asks the system for several entries and returns the first; `readSync` returns the
 * next one, without asking while there are any. Each returns null after the last.
 */
export interface OpenFolder {
  read(callback: Callback<FolderEntry | null>): void;
  readSync(): FolderEntry | null;
  closeSync(): void;
}

export interface OpenFolderOptions {
  readonly encoding: string;
  /** Entries that one call of the system returns. */
  readonly bufferSize: number;
}

export interface FolderEntry {
  /** A `Buffer` when the folder was opened with the encoding `buffer`. */
  readonly name: string | Uint8Array;
  isFile(): boolean;
  isDirectory(): boolean;
}

export interface FileSystem {
  openSync(path: string, flags: number, mode?: number): number;
  open(path: string, flags: number, mode: number | undefined, callback: Callback<number>): void;
  closeSync(fd: number): void;
  close(fd: number, callback: DoneCallback): void;
  readSync(fd: number, into: Uint8Array, offset: number, length: number, position: number): number;
  read(
    fd: number,
    into: Uint8Array,
    offset: number,
    length: number,
    position: number,
    callback: Callback<number>,
  ): void;
  writevSync(fd: number, chunks: readonly Uint8Array[], position: number): number;
  /** @param position null: at the end, of a file that was opened to append to. */
  writev(
    fd: number,
    chunks: readonly Uint8Array[],
    position: number | null,
    callback: Callback<number>,
  ): void;
  fsync(fd: number, callback: DoneCallback): void;
  fdatasync(fd: number, callback: DoneCallback): void;
  fstatSync(fd: number): Stats;
  ftruncate(fd: number, length: number, callback: DoneCallback): void;
  futimesSync(fd: number, atime: number, mtime: number): void;
  futimes(fd: number, atime: number, mtime: number, callback: DoneCallback): void;
  lstatSync(path: string, options: { throwIfNoEntry: false }): Stats | undefined;
  lstat(path: string, callback: Callback<Stats>): void;
  renameSync(from: string, to: string): void;
  rename(from: string, to: string, callback: DoneCallback): void;
  linkSync(from: string, to: string): void;
  link(from: string, to: string, callback: DoneCallback): void;
  unlinkSync(path: string): void;
  unlink(path: string, callback: DoneCallback): void;
  mkdirSync(path: string, mode: number): void;
  mkdir(path: string, mode: number, callback: DoneCallback): void;
  rmdirSync(path: string): void;
  rmdir(path: string, callback: DoneCallback): void;
  readdirSync(path: string, options: { withFileTypes: true }): Dirent[];
  readdir(path: string, options: { withFileTypes: true }, callback: Callback<Dirent[]>): void;
  opendirSync(path: string, options: OpenFolderOptions): OpenFolder;
  opendir(path: string, options: OpenFolderOptions, callback: Callback<OpenFolder>): void;
  statfsSync(path: string): StatsFs;
  statfs(path: string, callback: Callback<StatsFs>): void;
  readlinkSync(path: string): string;
  realpathSync(path: string): string;
}

/** The file system itself. */
export const nodeFileSystem: FileSystem = nodeFs as FileSystem;
