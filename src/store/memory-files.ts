/** The tree of the memory store: files by name, and the folders that those names imply. */
import type { FileInfo, ListOptions, Outcome } from './contract.ts';
import { compareNames } from './name-order.ts';
import { folderOf } from './names.ts';
import { done, type Failure, failed } from './outcome.ts';

export interface MemoryFile {
  readonly bytes: Uint8Array;
  /** Milliseconds since 1970. */
  readonly mtime: number;
  /** Of the bytes. */
  readonly crc32: number;
}

export interface MemoryFiles {
  readonly byName: ReadonlyMap<string, MemoryFile>;
  find(name: string): Outcome<MemoryFile>;
  /** Why no file can be placed there; undefined when one can. */
  whyNotAt(name: string, ifAbsent: boolean | undefined): Failure | undefined;
  place(name: string, file: MemoryFile): void;
  remove(name: string): void;
  /** The files of a listing, in order, without regard to its limit. */
  after(options: ListOptions): Iterable<FileInfo>;
}

export function memoryFiles(): MemoryFiles {
  const byName = new Map<string, MemoryFile>();
  /** How many files are anywhere below a folder; one that has none is not here. */
  const folders = new Map<string, number>();
  /** Every name in order; undefined while it is to be sorted anew. */
  let sorted: readonly string[] | undefined;

  const count = (name: string, change: number) => {
    for (let folder = folderOf(name); folder !== ''; folder = folderOf(folder)) {
      const files = (folders.get(folder) ?? 0) + change;
      if (files === 0) folders.delete(folder);
      else folders.set(folder, files);
    }
    sorted = undefined;
  };

  return {
    byName,
    find(name) {
      const file = byName.get(name);
      if (file !== undefined) return done(file);
      return failed('not-found', folders.has(name) ? 'it is a folder' : undefined);
    },
    whyNotAt(name, ifAbsent) {
      for (let folder = folderOf(name); folder !== ''; folder = folderOf(folder)) {
        if (byName.has(folder)) return failed('name-conflict', `${folder} is a file`);
      }
      if (folders.has(name)) return failed('name-conflict', `${name} is a folder with files in it`);
      return ifAbsent === true && byName.has(name) ? failed('exists') : undefined;
    },
    place(name, file) {
      if (!byName.has(name)) count(name, 1);
      byName.set(name, file);
    },
    remove(name) {
      if (byName.delete(name)) count(name, -1);
    },
    *after({ prefix = '', after }) {
      sorted ??= [...byName.keys()].sort(compareNames);
      for (const name of sorted) {
        if (!name.startsWith(prefix) || (after !== undefined && compareNames(name, after) <= 0)) continue;
        const file = byName.get(name);
        if (file !== undefined) yield { name, size: file.bytes.length, mtime: file.mtime };
      }
    },
  };
}
