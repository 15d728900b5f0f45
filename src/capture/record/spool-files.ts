/** The files of a spool. Only the last few that were written to are open, however many there are. */
import { constants, writev } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

export interface SpoolFileOptions {
  readonly path: string;
  /** Whether a file that is there already is a failure, rather than replaced. */
  readonly exclusive: boolean;
  /** Called at most once, when it cannot be made or written to: nothing more of it will be. Not within `room`. */
  readonly failed: (error: unknown) => void;
  /** Called once it was ended, and all of it is written, or has failed. */
  readonly closed?: () => void;
}

export interface FileState {
  readonly options: SpoolFileOptions;
  /** Whether it was opened before. */
  isMade: boolean;
  hasFailed: boolean;
}

export interface SpoolFiles {
  /** The files that are open, the one written to last at the end. At most `OPEN_FILES_MAX` that are not busy. */
  readonly handles: Map<FileState, FileHandle>;
  /** Those of them that are being written to: at most `CONCURRENT_WRITES_MAX`. */
  readonly busy: Set<FileState>;
}

/** Files that are kept open. */
const OPEN_FILES_MAX = 32;
/** Files that are written to at once. */
const CONCURRENT_WRITES_MAX = 8;

export const createSpoolFiles = (): SpoolFiles => ({ handles: new Map(), busy: new Set() });

/** Writes to each file its pieces, in order. Never rejects: files that cannot be written to fail one by one. */
export function writePieces(
  spoolFiles: SpoolFiles,
  perFile: ReadonlyMap<FileState, Uint8Array[]>,
): Promise<unknown> {
  // All writers share the iterator: each takes the next file.
  const files = perFile.entries();
  const writer = async (): Promise<void> => {
    for (const [file, pieces] of files) await write(spoolFiles, file, pieces);
  };
  return Promise.all(Array.from({ length: Math.min(CONCURRENT_WRITES_MAX, perFile.size) }, writer));
}

async function write(spoolFiles: SpoolFiles, file: FileState, pieces: Uint8Array[]): Promise<void> {
  const { handles, busy } = spoolFiles;
  if (file.hasFailed) return;
  busy.add(file);
  try {
    const handle = handles.get(file) ?? (await openHandle(file));
    handles.delete(file);
    handles.set(file, handle);
    await writeWhole(handle, pieces);
  } catch (error) {
    file.hasFailed = true;
    await closeFile(spoolFiles, file);
    file.options.failed(error);
  }
  busy.delete(file);
  if (handles.size > OPEN_FILES_MAX) await closeOldest(spoolFiles);
}

async function openHandle(file: FileState): Promise<FileHandle> {
  const { O_WRONLY, O_APPEND, O_CREAT, O_EXCL, O_TRUNC } = constants;
  const make = O_CREAT | (file.options.exclusive ? O_EXCL : O_TRUNC);
  // Without O_CREAT when it was made before: one that somebody has removed stays so.
  const handle = await open(file.options.path, O_WRONLY | O_APPEND | (file.isMade ? 0 : make), 0o600);
  file.isMade = true;
  return handle;
}

/** The system may take less than it was given, and says why only when it is given the rest. */
async function writeWhole(handle: FileHandle, pieces: Uint8Array[]): Promise<void> {
  let left = pieces;
  while (left.length > 0) {
    let written = await writeSome(handle.fd, left);
    let whole = 0;
    while (whole < left.length && written >= left[whole]!.length) written -= left[whole++]!.length;
    left = left.slice(whole);
    if (written > 0 && left[0] !== undefined) left[0] = left[0].subarray(written);
  }
}

/** By a callback, which costs half of what a `FileHandle` does. */
const writeSome = (fd: number, pieces: Uint8Array[]): Promise<number> =>
  new Promise((resolve, reject) => {
    writev(fd, pieces, (error, written) => (error === null ? resolve(written) : reject(error)));
  });

/** Closes the file that was written to longest ago, but none that is being written to. */
async function closeOldest(spoolFiles: SpoolFiles): Promise<void> {
  const { handles, busy } = spoolFiles;
  for (const file of handles.keys()) if (!busy.has(file)) return closeFile(spoolFiles, file);
}

/** Closes a file if it is open. Never rejects. */
export async function closeFile({ handles }: SpoolFiles, file: FileState): Promise<void> {
  const handle = handles.get(file);
  handles.delete(file);
  try {
    await handle?.close();
  } catch (error) {
    // Some file systems report a failed write only here.
    if (!file.hasFailed) file.options.failed(error);
    file.hasFailed = true;
  }
}
