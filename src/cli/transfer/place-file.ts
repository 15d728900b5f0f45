/** The name of a received file: whether the file may have it, and how it gets it. */
import {
  closeSync,
  linkSync,
  lstatSync,
  openSync,
  readlinkSync,
  renameSync,
  type Stats,
  statSync,
  unlinkSync,
} from 'node:fs';

/**
 * Throws when a device, a pipe or a socket has the name. A rename would replace it, the machine's `/dev/null` say,
 * where the user wanted it to take the bytes. A path that cannot be examined passes: writing to it will report the
 * error.
 *
 * @param toStdout the option that prints instead. @example '--out -'
 */
export function checkReplaceable(path: string, toStdout: string): void {
  if (isOther(path)) {
    throw new Error(
      `it is neither a file nor a folder, and is not replaced: ${toStdout} writes to stdout, which can be sent there`,
    );
  }
}

function isOther(path: string): boolean {
  try {
    const own = lstatSync(path, { throwIfNoEntry: false });
    if (own === undefined || !own.isSymbolicLink()) return isNeither(own);
    // `/dev/stdout` is a link to what this process has open, which may well be a file.
    return readlinkSync(path).startsWith('/proc/') || isNeither(statSync(path, { throwIfNoEntry: false }));
  } catch {
    return false;
  }
}

const isNeither = (stats: Stats | undefined): boolean =>
  stats !== undefined && !stats.isFile() && !stats.isDirectory();

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
