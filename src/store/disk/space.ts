/** Whether there is room for a content, asked before it comes. */

import { err, type RefusedOutcome } from '../outcome.ts';
import type { Task } from '../task.ts';
import type { Directories } from './directories.ts';
import type { DiskIo } from './disk-io.ts';
import { errnoOf } from './errno.ts';

/** From this many bytes on it is asked: what is smaller is sooner written in vain than asked about each time. */
export const SPACE_CHECK_BYTES_MIN = 1024 * 1024;

/** Why so many more bytes cannot be written; undefined when, as far as the system knows, they can. */
export function* spaceFault(
  io: DiskIo,
  { root, at }: Directories,
  bytes: number,
): Task<RefusedOutcome | undefined> {
  if (bytes < SPACE_CHECK_BYTES_MIN) return undefined;
  try {
    const { blocks, bavail, bsize } = yield* io.space(at(root, '.'));
    const free = bavail * bsize;
    // Some file systems do not know how large they are, and say 0.
    return blocks > 0 && free < bytes
      ? err('disk-full', `${bytes} bytes are to come and ${free} are free`, { free })
      : undefined;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  }
}
