/**
 * A file that is being received: written under a temporary name beside its target, and renamed when it is whole. A part
 * file stays when the transfer is given up, so that a later run can resume it (see `part-file`).
 */
import { randomUUID } from 'node:crypto';
import { closeSync, futimesSync, mkdirSync, openSync, renameSync, unlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createFileWriter, dropQueued, type FileWriter, pump, writeNow } from './file-writer.ts';
import { releasePartFile, removePartFile } from './part-file.ts';
import { checkReplaceable, placeIfAbsent } from './place-file.ts';

/** Files of up to so many bytes are held and written synchronously, which saves the way through the thread pool. */
const WHOLE_WRITE_BYTES_MAX = 128 * 1024;

/** Whether a file has got its name, or something else has it. */
export type Placed = 'placed' | 'there';

export interface LocalFile {
  /** Takes the next bytes. They must not change until `written` was called for them. */
  readonly write: (bytes: Uint8Array) => void;
  /**
   * Gives the file its name, or answers `there` when the name is taken and must not be replaced. Rejects with the
   * system's error when that or a write failed, and then leaves nothing behind. Of a small file it does so at once, and
   * throws.
   */
  readonly finish: () => Placed | Promise<Placed>;
  /** Gives the file up, and removes its bytes unless they are a part file to be kept. */
  readonly abort: (how: 'drop' | 'keep') => void;
}

export interface LocalFileOptions {
  readonly path: string;
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly mtime: number;
  /** The part file, if the bytes are to be kept when the transfer is given up, and how many it has already. */
  readonly partFile?: { readonly path: string; readonly offset: number } | undefined;
  /** Bytes written before are lost: the file begins again from the start. */
  readonly again: boolean;
  /** Whether to replace a file of that name; default true. */
  readonly clobber?: boolean;
  /** Called when so many bytes are no longer held. */
  readonly written: (bytes: number) => void;
  /** Called when a write failed. Later bytes are dropped. */
  readonly failed: (error: unknown) => void;
}

/** Temporary files that exist now, to be removed when the process is ended. */
const temporaries = new Set<string>();

export function removeTemporaries(): void {
  for (const path of temporaries) {
    try {
      unlinkSync(path);
    } catch {
      // It is gone already, or cannot be removed.
    }
  }
}

interface LocalFileState {
  readonly options: LocalFileOptions;
  /** The path under which the file is written. */
  readonly temporary: string;
  readonly writer: FileWriter;
  /** Whether the descriptor is closed. */
  closed: boolean;
  /** Whether the part file stays when the file is given up. */
  kept: boolean;
}

/**
 * Begins a file, and makes its folders. Throws the system's error when that fails, and an `Error` when its name belongs
 * to something that must not be replaced.
 */
export function beginLocalFile(options: LocalFileOptions): LocalFile {
  const file = openLocalFile(options);
  return {
    write: (bytes) => write(file, bytes),
    finish: () => finish(file),
    abort: (how) => abort(file, how),
  };
}

function openLocalFile(options: LocalFileOptions): LocalFileState {
  const { path, partFile } = options;
  checkReplaceable(path, '--out -');
  const temporary = partFile?.path ?? join(dirname(path), `.sluice-${randomDigits()}.part`);
  const position = partFile?.offset ?? 0;
  const fd = openIn(temporary, position > 0 ? 'r+' : 'wx');
  if (partFile === undefined) temporaries.add(temporary);
  const writer = createFileWriter(fd, position, options);
  return { options, temporary, writer, closed: false, kept: false };
}

/** 16 hexadecimal digits. Node asks the system for those of many UUIDs at once, which takes as long as for one name. */
const randomDigits = (): string => randomUUID().replaceAll('-', '').slice(16);

function openIn(path: string, how: 'wx' | 'r+'): number {
  try {
    return openSync(path, how);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    mkdirSync(dirname(path), { recursive: true });
    return openSync(path, how);
  }
}

/** Whether the file is held until it is whole, and then written synchronously. */
const isSmall = ({ options }: LocalFileState): boolean => options.size <= WHOLE_WRITE_BYTES_MAX;

function write(file: LocalFileState, bytes: Uint8Array): void {
  const { writer } = file;
  if (writer.broken || file.closed) return writer.written(bytes.length);
  writer.queued.push(bytes);
  if (!isSmall(file)) pump(writer);
}

function finish(file: LocalFileState): Placed | Promise<Placed> {
  const { writer } = file;
  if (isSmall(file)) {
    writeNow(writer);
    return moveIntoPlace(file);
  }
  return new Promise<void>((resolve) => {
    writer.onIdle = resolve;
    pump(writer);
  }).then(() => moveIntoPlace(file));
}

function moveIntoPlace(file: LocalFileState): Placed {
  const { writer, temporary, options } = file;
  const { path, mtime, clobber = true } = options;
  try {
    if (writer.broken) throw writer.error;
    futimesSync(writer.fd, mtime / 1000, mtime / 1000);
    if (clobber) renameSync(temporary, path);
    else if (!placeIfAbsent(temporary, path)) {
      remove(file);
      return 'there';
    }
  } catch (failure) {
    remove(file);
    throw failure;
  }
  close(file);
  releasePartFile(temporary);
  return 'placed';
}

function abort(file: LocalFileState, how: 'drop' | 'keep'): void {
  const { writer, options } = file;
  // Bytes that have arrived are worth writing if a later run will resume the file.
  file.kept = how === 'keep' && options.partFile !== undefined && !writer.broken;
  writer.broken ||= !file.kept;
  if (writer.broken) dropQueued(writer);
  // The descriptor must not be closed under a write.
  writer.onIdle = () => remove(file);
  pump(writer);
}

/** Closes the file, and removes its bytes unless they are a part file to be kept. */
function remove(file: LocalFileState): void {
  if (file.closed) return;
  close(file);
  if (!file.kept || file.writer.position === 0) removePartFile(file.temporary);
}

function close(file: LocalFileState): void {
  file.closed = true;
  closeSync(file.writer.fd);
  temporaries.delete(file.temporary);
}
