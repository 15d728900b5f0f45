/**
 * The folder of stored uploads, `.sluice/parts`, and what this store knows of it.
 *
 * Other stores on the same root, in this process or in others, store theirs here too, so each call reads the
 * folder.
 */
import type { Stats } from 'node:fs';
import { RESERVED_FOLDER } from '../../../files/protocol/filename.ts';
import type { Task } from '../../task.ts';
import type { Directory } from '../directories/directory.ts';
import type { Disk } from '../disk.ts';
import { parseStoredFileName, storedFileName, type UploadRecord } from './upload-record.ts';

const STORED_FOLDER = `${RESERVED_FOLDER}/parts`;

export interface StoredFolder {
  readonly disk: Disk;
  readonly index: UploadIndex;
}

/** What is known of the stored uploads without reading the folder. */
export interface UploadIndex {
  /** The upload of each key, as far as this store alone knows: none where stores share what they know. */
  readonly known: ReadonlyMap<string, UploadRecord>;
  remember(record: UploadRecord, isTrusted: boolean): void;
  forget(key: string): void;
  /** Whether a store that is alive wrote the bytes, or has read them back. */
  isTrusted(record: UploadRecord): boolean;
  /** What is known of a key, during a call on it. */
  get(key: string): UploadRecord | undefined;
  keys(): Task<readonly string[]>;
}

/** The index of a store that shares it with none. */
export function createUploadIndex(): UploadIndex {
  /** Files in the folder bound them. */
  const known = new Map<string, UploadRecord>();
  /** The file names by key. A subset of `known`. */
  const trusted = new Map<string, string>();
  return {
    known,
    remember(record, isTrusted) {
      known.set(record.key, record);
      if (isTrusted) trusted.set(record.key, storedFileName(record));
      else trusted.delete(record.key);
    },
    forget(key) {
      known.delete(key);
      trusted.delete(key);
    },
    isTrusted: (record) => trusted.get(record.key) === storedFileName(record),
    get: (key) => known.get(key),
    // biome-ignore lint/correctness/useYield: the keys that stores share have to be waited for
    *keys() {
      return [...known.keys()];
    },
  };
}

/**
 * Acts in the folder. Undefined when it does not exist or cannot be used.
 *
 * @param created given when a missing folder has to be made, and its path to be durable.
 */
export function* inStoredFolder<T>(
  { disk: { directories } }: StoredFolder,
  act: (directory: Directory) => Task<T>,
  created?: string[],
): Task<T | undefined> {
  const entered = yield* directories.enter(STORED_FOLDER, created);
  if (!entered.ok) return undefined;
  try {
    return yield* act(entered.value);
  } finally {
    directories.leave(entered.value);
  }
}

export const pathOf = ({ disk }: StoredFolder, directory: Directory, record: UploadRecord): string =>
  disk.directories.at(directory, storedFileName(record));

/** The records in the folder, of one upload or of all; those with the most bytes first. */
export function* readRecords(
  { disk: { io, directories } }: StoredFolder,
  directory: Directory,
  key?: string,
): Task<UploadRecord[]> {
  const found: UploadRecord[] = [];
  for (const { name } of yield* io.entries(directories.at(directory, '.'))) {
    const record = parseStoredFileName(name);
    if (record !== undefined && (key ?? record.key) === record.key) found.push(record);
  }
  return found.sort((a, b) => b.length - a.length || Number(b.synced) - Number(a.synced));
}

/**
 * A file with a second name is not an upload any more. A commit that replaces nothing first links the file to
 * its name; a process that is killed then leaves it here too. A write to it would change the stored file.
 */
export const isUploadFile = (file: Stats | undefined): file is Stats =>
  file?.isFile() === true && file.nlink === 1;
