/**
 * The folder of stored uploads, `.sluice/parts`, and what this store knows of it.
 *
 * Other stores on the same root, in this process or in others, store theirs here too, so each call reads the
 * folder.
 */
import type { Stats } from 'node:fs';
import { RESERVED_FOLDER } from '../../../files/protocol/filename.ts';
import type { Task } from '../../task.ts';
import type { Directory } from '../directory.ts';
import type { Disk } from '../disk.ts';
import { parseStoredFileName, storedFileName, type UploadRecord } from './upload-record.ts';

const STORED_FOLDER = `${RESERVED_FOLDER}/parts`;

export interface StoredFolder {
  readonly disk: Disk;
  /** The upload of each key, as far as this store knows. Files in the folder bound them. */
  readonly known: Map<string, UploadRecord>;
  /** Uploads whose bytes this store wrote or has read back: their file names by key. A subset of `known`. */
  readonly trusted: Map<string, string>;
}

export function remember({ known, trusted }: StoredFolder, record: UploadRecord, isTrusted: boolean): void {
  known.set(record.key, record);
  if (isTrusted) trusted.set(record.key, storedFileName(record));
  else trusted.delete(record.key);
}

export function forget({ known, trusted }: StoredFolder, key: string): void {
  known.delete(key);
  trusted.delete(key);
}

export const isTrusted = ({ trusted }: StoredFolder, record: UploadRecord): boolean =>
  trusted.get(record.key) === storedFileName(record);

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
