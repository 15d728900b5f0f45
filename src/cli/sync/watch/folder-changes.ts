/**
 * The changes of a folder, as an Observable. It tells that something has changed, and not what: whoever hears of it looks
 * at the folder, so that an event that was lost, or came twice, does no harm.
 */
import { relative, sep } from 'node:path';
import { watch } from 'chokidar';
import { Observable } from 'rxjs';
import type { Filter } from '../../shared/filters.ts';

export interface FolderChange {
  /** `blind`: the system cannot watch all of it (it has a limit of watched folders, or it is a network's). */
  readonly type: 'changed' | 'blind';
  readonly why?: string;
}

/**
 * Emits at each change below the folder, of what the filter does not leave out; first once it watches. It never completes
 * and never errors. Unsubscribing ends the watch.
 */
export const folderChanges = (folder: string, filter: Filter | null): Observable<FolderChange> =>
  new Observable((subscriber) => {
    const isLeftOut = (path: string, isFolder: boolean): boolean => {
      const name = relative(folder, path).split(sep).join('/');
      return name !== '' && filter?.(isFolder ? `${name}/` : name) === true;
    };
    const watcher = watch(folder, {
      ignored: (path, stats) => stats !== undefined && isLeftOut(path, stats.isDirectory()),
      ignoreInitial: true,
      followSymlinks: false,
      ignorePermissionErrors: true,
    });
    const changed = () => subscriber.next({ type: 'changed' });
    watcher.on('all', changed);
    watcher.on('ready', changed);
    watcher.on('error', (error) => subscriber.next({ type: 'blind', why: (error as Error).message }));
    return () => void watcher.close();
  });
