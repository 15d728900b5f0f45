// A folder on a disk, for what must survive a power cut.
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { removeAtExit } from './tidy.mjs';

/** Where the disk is. */
export const disk = process.env.BENCH_DISK ?? process.cwd();

/**
 * A new folder there, which goes when the benchmark ends. What is made in it must stay until then: for half a minute an
 * ext4 looks at each inode of files that were just removed before it takes a new one, which takes several times what
 * the server does. Each folder in it is in another part of an ext4 (`chattr +T`), away from what others have removed.
 */
export function folderOnDisk() {
  const folder = removeAtExit(mkdtempSync(join(disk, '.bench-')));
  try {
    execFileSync('chattr', ['+T', folder], { stdio: 'ignore' });
  } catch {
    // Another file system, or no such program: then there is one part.
  }
  return folder;
}
