/**
 * What folders come to. Files come in the order of their names, so that a folder's are in a row: what is kept are the
 * folders that the last file is in.
 */
import type { FileInfo } from '../../files/protocol/file.ts';

export interface FolderSum {
  /** With a `/` at its end. */
  readonly name: string;
  /** Bytes of all files below it. */
  readonly size: number;
  readonly files: number;
  /** The latest change of a file below it, in milliseconds since 1970. */
  readonly mtime: number;
}

export interface FolderSums {
  readonly add: (file: FileInfo) => void;
  /** Ends the folders that are open. */
  readonly end: () => void;
}

export interface FolderSumsOptions {
  /** The folder that is looked into, with a `/` at its end; empty for everything. It has no sum of its own. */
  readonly top: string;
  /** Parts below it up to which folders are told apart. */
  readonly depth: number;
  /** Called when the last file of a folder has come, of the inner folders first. */
  readonly ended: (sum: FolderSum) => void;
}

export function createFolderSums({ top, depth, ended }: FolderSumsOptions): FolderSums {
  const open: { name: string; size: number; files: number; mtime: number }[] = [];
  const endUntil = (isOpen: (folder: string) => boolean): void => {
    while (open.length > 0 && !isOpen(open.at(-1)!.name)) ended({ ...open.pop()! });
  };
  return {
    add: ({ name, size, mtime }) => {
      endUntil((folder) => name.startsWith(folder));
      let at = open.at(-1)?.name.length ?? top.length;
      while (open.length < depth) {
        const end = name.indexOf('/', at);
        if (end === -1) break;
        at = end + 1;
        open.push({ name: name.slice(0, at), size: 0, files: 0, mtime: 0 });
      }
      for (const folder of open) {
        folder.size += size;
        folder.files++;
        folder.mtime = Math.max(folder.mtime, mtime);
      }
    },
    end: () => endUntil(() => false),
  };
}
