/** The folders that a name is in. */
import { folderOf } from '../names.ts';

/** From the innermost to the outermost; not the root. @example foldersOf('a/b/c'); // ['a/b', 'a'] */
export function foldersOf(name: string): string[] {
  const folders: string[] = [];
  for (let folder = folderOf(name); folder !== ''; folder = folderOf(folder)) folders.push(folder);
  return folders;
}
