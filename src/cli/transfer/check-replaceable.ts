/** Checks whether a received file may replace what has its name. */
import { lstatSync, readlinkSync, type Stats, statSync } from 'node:fs';

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
