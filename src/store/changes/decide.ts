/** What became of a change that nobody could say the end of: the file system is asked. */
import { errnoOf } from '../disk/errno.ts';
import { folderOf } from '../names.ts';
import type { Intent } from './change-log.ts';
import { called, type LogFolder } from './log-folder.ts';

/**
 * Whether a change has happened. A rename that has given the new name and not taken the old one is completed. Rejects
 * with system errors.
 *
 * A file is known by its number alone: that of its device may be another after a restart of the machine, and the root of
 * a store is one file system.
 */
export async function hasHappened(folder: LogFolder, intent: Intent): Promise<boolean> {
  const isAtName = (await numberAt(folder, intent.name)) === intent.ino;
  switch (intent.type) {
    case 'stored':
      if (isAtName) await syncFolderOf(folder, intent.name);
      return isAtName;
    case 'removed':
      if (!isAtName) await syncFolderOf(folder, intent.name);
      return !isAtName;
    case 'renamed': {
      if (!isAtName) return false;
      const from = intent.from!;
      // First the new name, then the old one: at no time is the file without both.
      await syncFolderOf(folder, intent.name);
      if ((await numberAt(folder, from)) === intent.ino) {
        await called((callback) => folder.fs.unlink(folder.pathInRoot(from), callback));
      }
      await syncFolderOf(folder, from);
      return true;
    }
  }
}

/** The number of the file that has a name; undefined when none has it. */
async function numberAt({ fs, pathInRoot }: LogFolder, name: string): Promise<number | undefined> {
  try {
    const stats = await called<{ readonly ino: number }>((callback) => fs.lstat(pathInRoot(name), callback));
    return stats.ino;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** What is told to others must survive a power cut, if the store's answers do. */
async function syncFolderOf({ fs, durable, pathInRoot }: LogFolder, name: string): Promise<void> {
  if (!durable) return;
  const folder = folderOf(name);
  try {
    const path = pathInRoot(folder === '' ? '.' : folder);
    const fd = await called<number>((callback) => fs.open(path, 0, undefined, callback));
    try {
      await called((callback) => fs.fsync(fd, callback));
    } finally {
      fs.closeSync(fd);
    }
  } catch (error) {
    // A folder that is gone has no names.
    if (!isMissing(error)) throw error;
  }
}

const isMissing = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '');
