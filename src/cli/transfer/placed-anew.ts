/** Placing a file that was received under a name that nobody else may have. */
import { closeSync, linkSync, lstatSync, openSync, renameSync, unlinkSync } from 'node:fs';

/** What a file system says that has no hard links. */
const NO_LINKS_CODES: ReadonlySet<unknown> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

/**
 * Gives a file its name unless something has it, without a moment in between for somebody else; answers whether it did.
 * Where there are no hard links the name is taken by an empty file first. A folder of that name is an error.
 */
export function placeIfAbsent(temporary: string, path: string): boolean {
  try {
    try {
      linkSync(temporary, path);
      unlinkSync(temporary);
    } catch (error) {
      if (!NO_LINKS_CODES.has((error as NodeJS.ErrnoException).code)) throw error;
      closeSync(openSync(path, 'wx'));
      renameSync(temporary, path);
    }
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || lstatSync(path).isDirectory()) throw error;
    return false;
  }
}
