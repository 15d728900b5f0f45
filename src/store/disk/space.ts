/** Checks the free space before a content is received. */

import { err, type RefusedOutcome } from '../outcome.ts';
import type { Task } from '../task.ts';
import type { Directories } from './directories/directories.ts';
import type { DiskIo } from './disk-io.ts';
import { errnoOf } from './errno.ts';

/**
 * Contents of at least this size are checked: a smaller one costs less to write in vain than to check each
 * time.
 */
export const SPACE_CHECK_BYTES_MIN = 1024 * 1024;

/**
 * The error when this many more bytes cannot be written; undefined when, as far as the system knows, they
 * can.
 */
export function* spaceFault(
  io: DiskIo,
  { root, at }: Directories,
  bytes: number,
): Task<RefusedOutcome | undefined> {
  if (bytes < SPACE_CHECK_BYTES_MIN) return undefined;
  try {
    const { blocks, bavail, bsize } = yield* io.space(at(root, '.'));
    const free = bavail * bsize;
    // Some file systems do not know their size and report 0.
    return blocks > 0 && free < bytes
      ? err('disk-full', `${bytes} bytes are to come and ${free} are free`, { free })
      : undefined;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  }
}
