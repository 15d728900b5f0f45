/**
 * Writes to stdout so that no loss goes unnoticed.
 *
 * Node treats stdout by its kind. For a pipe, a socket or a terminal it is a stream that writes every byte or reports
 * an error. For a file Node writes once and ignores how much the system took, so a piece that was cut by a full disk
 * passes for whole. For a block device it writes nothing at all. This module writes files and block devices itself,
 * until every byte is taken or the system reports an error.
 */
import { fstatSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';

const STDOUT_FD = 1;

export interface Sink {
  /**
   * Takes bytes, or text as UTF-8. Calls `taken` when they were written, or when it is certain that they never will be.
   */
  readonly write: (what: string | Uint8Array, taken?: () => void) => void;
}

/** Writes bytes from an offset on, and answers how many the system took. */
export type SystemWrite = (bytes: Uint8Array, offset: number) => number;

/**
 * Stdout, whatever it is.
 *
 * @param failed called with each error of the system.
 */
export function openStdout(failed: (error: NodeJS.ErrnoException) => void): Sink {
  if (!isStream(STDOUT_FD)) return writtenTo((bytes, offset) => writeSync(STDOUT_FD, bytes, offset), failed);
  const { stdout } = process;
  stdout.on('error', failed);
  return { write: (what, taken) => void stdout.write(what, taken && (() => taken())) };
}

/** Makes a sink that writes every byte before it returns, however few the system takes at a time. */
export function writtenTo(write: SystemWrite, failed: (error: NodeJS.ErrnoException) => void): Sink {
  return {
    write: (what, taken) => {
      const bytes = typeof what === 'string' ? Buffer.from(what) : what;
      try {
        for (let at = 0; at < bytes.length; ) {
          const count = write(bytes, at);
          // A further try would take none either, and the loop would not end.
          if (count === 0) throw new Error('nothing more is taken');
          at += count;
        }
      } catch (error) {
        failed(error as NodeJS.ErrnoException);
      }
      taken?.();
    },
  };
}

function isStream(fd: number): boolean {
  if (isatty(fd)) return true;
  const stats = fstatSync(fd);
  return stats.isFIFO() || stats.isSocket();
}
