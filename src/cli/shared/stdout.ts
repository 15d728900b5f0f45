/**
 * Writing to stdout so that nothing is lost in silence.
 *
 * What Node does with stdout depends on what it is. A pipe, a socket or a terminal is a stream that writes all it is
 * given, or tells an error. For a file Node writes once and takes no notice of how much the system took, so that the
 * last piece that still fits a disk that is getting full passes for whole; for a block device it writes nothing at
 * all. Those are written to here, until all is taken or the system tells an error.
 */
import { fstatSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';

const STDOUT_FD = 1;

export interface Sink {
  /** Takes text, as UTF-8, or bytes; calls `taken` when they were taken, or never will be. */
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

/** Writes all it is given before it returns, however little of it the system takes at a time. */
export function writtenTo(write: SystemWrite, failed: (error: NodeJS.ErrnoException) => void): Sink {
  return {
    write: (what, taken) => {
      const bytes = typeof what === 'string' ? Buffer.from(what) : what;
      try {
        for (let at = 0; at < bytes.length; ) {
          const count = write(bytes, at);
          // Asking again and again would never end.
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
