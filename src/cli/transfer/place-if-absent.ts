/** Gives a received file its name, without replacing anything. */
import { closeSync, linkSync, lstatSync, openSync, renameSync, unlinkSync } from 'node:fs';

/** Errors of a file system without hard links. */
const NO_LINKS_CODES: ReadonlySet<unknown> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

/**
 * Gives a file its name unless something has that name; answers whether it did. The step is atomic, so no other process
 * can take the name in between. Without hard links an empty file reserves the name first. A folder of that name is an
 * error.
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
