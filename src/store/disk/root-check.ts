/** A root that was removed under an open store: how that is noticed, and what is said when no folder is in its place. */
import type { Root } from './directories.ts';
import type { DiskIo } from './disk-io.ts';
import { systemTrouble } from './errno.ts';

/**
 * Whether an open folder was removed. One that was moved was not: it still holds its files. Most file systems say so by
 * the number of its links; where they count none for folders, the kernel's name for it does.
 */
export function isRemoved({ fs }: DiskIo, { path, fd }: Root): boolean {
  try {
    if (fs.fstatSync(fd).nlink === 0) return true;
    return fs.readlinkSync(`/proc/self/fd/${fd}`) === `${path} (deleted)`;
  } catch {
    return false;
  }
}

/**
 * What is thrown when the root is gone. Its code is not ENOENT, which would be taken for that of a file in it; this is
 * what a network file system says of the same. The peer is told where to look for whoever runs the server.
 *
 * @param isTaken whether there is something in its place that is no folder.
 */
export function goneRoot(path: string, isTaken: boolean): Error {
  const place = isTaken ? ', and what is in its place is not a folder' : '';
  return systemTrouble('ESTALE', `the root ${path} is gone${place}; once it is made again the store goes on`);
}
