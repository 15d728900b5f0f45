/** What a file that is received may take the place of. */
import { lstatSync, readlinkSync, type Stats, statSync } from 'node:fs';

/**
 * Throws where a device, a pipe or a socket has the name. A file that is renamed onto it would replace it, `/dev/null` of
 * the whole machine, say, where it was meant to take the bytes. Of what cannot be looked at, whoever writes will hear.
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
