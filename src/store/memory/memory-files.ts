/** The tree of the memory store: files by name, and the folders that those names imply. */
import type { FileInfo, Listing, ListOptions, Outcome } from '../contract.ts';
import { LISTING_BOUNDS } from '../listing/bounds.ts';
import { firstAfter, fromBytes, isWellFormed, toBytes } from '../listing/name-bytes.ts';
import { createSortedNames, type NameRun } from '../listing/sorted-names.ts';
import { folderOf } from '../names.ts';
import { err, ok, type RefusedOutcome } from '../outcome.ts';

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
  /** The error when no file can get this name; undefined when one can. */
  placementFault(name: string, ifAbsent: boolean | undefined): RefusedOutcome | undefined;
  put(name: string, file: MemoryFile): void;
  remove(name: string): void;
  /** The files of a listing, in order, without regard to its limit. */
  after(options: ListOptions): Iterable<FileInfo>;
}

export function createMemoryFiles(): MemoryFiles {
  const byName = new Map<string, MemoryFile>();
  /** The number of files anywhere below each folder; a folder without files is not in the map. */
  const folders = new Map<string, number>();
  /** All names, as strings of their bytes. */
  const sorted = createSortedNames(LISTING_BOUNDS.blockNamesMax);

  const count = (name: string, change: number) => {
    for (let folder = folderOf(name); folder !== ''; folder = folderOf(folder)) {
      const files = (folders.get(folder) ?? 0) + change;
      if (files === 0) folders.delete(folder);
      else folders.set(folder, files);
    }
  };

  return {
    byName,
    find(name) {
      const file = byName.get(name);
      if (file !== undefined) return ok(file);
      return err('not-found', folders.has(name) ? 'it is a folder' : undefined);
    },
    placementFault(name, ifAbsent) {
      for (let folder = folderOf(name); folder !== ''; folder = folderOf(folder)) {
        if (byName.has(folder)) return err('name-conflict', `${folder} is a file`);
      }
      if (folders.has(name)) return err('name-conflict', `${name} is a folder with files in it`);
      return ifAbsent === true && byName.has(name) ? err('exists') : undefined;
    },
    put(name, file) {
      if (!byName.has(name)) {
        count(name, 1);
        sorted.add(toBytes(name));
      }
      byName.set(name, file);
    },
    remove(name) {
      if (!byName.delete(name)) return;
      count(name, -1);
      sorted.remove(toBytes(name));
    },
    *after({ prefix = '', after }) {
      if (!isWellFormed(prefix)) return;
      const first = toBytes(prefix);
      let from: string | undefined = after === undefined ? '' : firstAfter(toBytes(after));
      if (from < first) from = first;
      while (from !== undefined) {
        const { names, at, next }: NameRun = sorted.run(from);
        for (const bytes of names.slice(at)) {
          if (!bytes.startsWith(first)) return;
          const name = fromBytes(bytes) ?? '';
          const file = byName.get(name);
          if (file !== undefined) yield { name, size: file.bytes.length, mtime: file.mtime };
        }
        from = next;
      }
    },
  };
}

/**
 * The first `limit` files, and where the next page begins if there is one. Takes one file more than it
 * returns.
 */
export function pageOf(ordered: Iterable<FileInfo>, limit: number): Listing {
  const files: FileInfo[] = [];
  for (const file of ordered) {
    const last = files.at(-1);
    if (last !== undefined && files.length >= limit) return { files, next: last.name };
    files.push(file);
  }
  return { files };
}
