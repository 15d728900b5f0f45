/**
 * A file that is being received: written under a temporary name beside its target, and renamed when it is whole. A part
 * file stays when the transfer is given up, so that a later run can resume it (see `part-file`).
 *
 * Bytes that queue up during a write go into the next one. The caller bounds the queue: `written` says which bytes have
 * left it.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  futimesSync,
  mkdirSync,
  openSync,
  renameSync,
  unlinkSync,
  writeSync,
  writev,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { checkReplaceable } from './check-replaceable.ts';
import { releasePartFile, removePartFile } from './part-file.ts';
import { placeIfAbsent } from './place-if-absent.ts';

/** Files of up to so many bytes are held and written synchronously, which saves the way through the thread pool. */
const WHOLE_WRITE_BYTES_MAX = 128 * 1024;

export interface LocalFile {
  /** Takes the next bytes. They must not change until `written` was called for them. */
  readonly write: (bytes: Uint8Array) => void;
  /**
   * Gives the file its name, or answers `there` when the name is taken and must not be replaced. Rejects with the
   * system's error when that or a write failed, and then leaves nothing behind.
   */
  readonly finish: () => Promise<'placed' | 'there'>;
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

/**
 * Begins a file, and makes its folders. Throws the system's error when that fails, and an `Error` when its name belongs
 * to something that must not be replaced.
 */
export function beginLocalFile(options: LocalFileOptions): LocalFile {
  const { path, size, mtime, partFile, written, failed, clobber = true } = options;
  checkReplaceable(path, '--out -');
  const temporary = partFile?.path ?? join(dirname(path), `.sluice-${randomBytes(8).toString('hex')}.part`);
  const fd = openIn(temporary, (partFile?.offset ?? 0) > 0 ? 'r+' : 'wx');
  if (partFile === undefined) temporaries.add(temporary);
  /** Where the next write goes. */
  let position = partFile?.offset ?? 0;
  let queued: Uint8Array[] = [];
  let writing = false;
  let error: unknown;
  let broken = false;
  let closed = false;
  let kept = false;
  let idle = () => {};

  function pump(): void {
    if (writing) return;
    if (queued.length === 0 || broken) return idle();
    const chunks = queued;
    queued = [];
    writing = true;
    const at = position;
    for (const { length } of chunks) position += length;
    writeAll(fd, chunks, at, (failure) => {
      writing = false;
      for (const { length } of chunks) written(length);
      if (failure !== null) fail(failure);
      pump();
    });
  }

  function fail(failure: unknown): void {
    broken = true;
    error = failure;
    for (const { length } of queued) written(length);
    queued = [];
    failed(failure);
  }

  function remove(): void {
    if (closed) return;
    closed = true;
    closeSync(fd);
    temporaries.delete(temporary);
    if (!kept || position === 0) removePartFile(temporary);
  }

  function moveIntoPlace(): 'placed' | 'there' {
    try {
      if (broken) throw error;
      futimesSync(fd, mtime / 1000, mtime / 1000);
      if (clobber) renameSync(temporary, path);
      else if (!placeIfAbsent(temporary, path)) {
        remove();
        return 'there';
      }
    } catch (failure) {
      remove();
      throw failure;
    }
    closed = true;
    closeSync(fd);
    temporaries.delete(temporary);
    releasePartFile(temporary);
    return 'placed';
  }

  return {
    write: (bytes) => {
      if (broken || closed) return written(bytes.length);
      queued.push(bytes);
      if (size > WHOLE_WRITE_BYTES_MAX) pump();
    },
    finish: async () => {
      if (size > WHOLE_WRITE_BYTES_MAX) {
        await new Promise<void>((resolve) => {
          idle = resolve;
          pump();
        });
      } else writeNow();
      return moveIntoPlace();
    },
    abort: (how) => {
      // Bytes that have arrived are worth writing if a later run will resume the file.
      kept = how === 'keep' && partFile !== undefined && !broken;
      broken ||= !kept;
      if (broken) {
        for (const { length } of queued) written(length);
        queued = [];
      }
      // The descriptor must not be closed under a write.
      idle = remove;
      pump();
    },
  };

  function writeNow(): void {
    const chunks = queued;
    queued = [];
    try {
      for (const chunk of chunks) {
        for (let at = 0; at < chunk.length; ) {
          const count = writeSync(fd, chunk, at, chunk.length - at, position);
          at += count;
          position += count;
        }
      }
    } catch (failure) {
      fail(failure);
    }
    for (const { length } of chunks) written(length);
  }
}

function openIn(path: string, how: 'wx' | 'r+'): number {
  try {
    return openSync(path, how);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    mkdirSync(dirname(path), { recursive: true });
    return openSync(path, how);
  }
}

/** Writes all chunks, however few bytes the system takes at a time. */
function writeAll(
  fd: number,
  chunks: readonly Uint8Array[],
  position: number,
  done: (failure: unknown) => void,
): void {
  writev(fd, chunks, position, (failure, count) => {
    if (failure !== null) return done(failure);
    let left = count;
    const remaining: Uint8Array[] = [];
    for (const chunk of chunks) {
      if (left < chunk.length) remaining.push(chunk.subarray(left));
      left = Math.max(0, left - chunk.length);
    }
    if (remaining.length === 0) done(null);
    else writeAll(fd, remaining, position + count, done);
  });
}
