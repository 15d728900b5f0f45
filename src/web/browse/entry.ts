/** What a folder shows: files, and the folders in it. */
import type { FileInfo } from '../../files/protocol/file.ts';

export type Entry =
  | {
      readonly type: 'file';
      /** The whole name, as the server knows it. */
      readonly path: string;
      /** What is behind the last `/`. */
      readonly name: string;
      readonly size: number;
      /** Milliseconds since 1970. */
      readonly mtime: number;
    }
  /** Its path ends in `/`. */
  | { readonly type: 'folder'; readonly path: string; readonly name: string };

export type Column = 'name' | 'size' | 'mtime';

export interface Order {
  readonly by: Column;
  readonly isDescending: boolean;
}

export const fileEntry = ({ name: path, size, mtime }: FileInfo): Entry => ({
  type: 'file',
  path,
  name: path.slice(path.lastIndexOf('/') + 1),
  size,
  mtime,
});

/** @example folderEntry('photos/2024/') // { type: 'folder', path: 'photos/2024/', name: '2024' } */
export const folderEntry = (path: string): Entry => ({
  type: 'folder',
  path,
  name: path.slice(path.lastIndexOf('/', path.length - 2) + 1, -1),
});

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });

/** Folders first; then as the order says, and by name where that does not tell. */
export function sorted(entries: readonly Entry[], { by, isDescending }: Order): readonly Entry[] {
  const sign = isDescending ? -1 : 1;
  const byName = (a: Entry, b: Entry): number => collator.compare(a.name, b.name);
  return [...entries].sort((a, b) => {
    if (a.type !== b.type) return a.type === 'folder' ? -1 : 1;
    if (by === 'name') return sign * byName(a, b);
    if (a.type === 'folder' || b.type === 'folder') return byName(a, b);
    return sign * (a[by] - b[by]) || byName(a, b);
  });
}

/** Those whose name has the text, whatever its case and accents. */
export function found(entries: readonly Entry[], text: string): readonly Entry[] {
  const wanted = plain(text.trim());
  return wanted === '' ? entries : entries.filter(({ name }) => plain(name).includes(wanted));
}

/** Likewise, for one name. */
export const matches = (name: string, text: string): boolean => plain(name).includes(plain(text.trim()));

const plain = (text: string): string =>
  text
    .normalize('NFD')
    .replace(/\p{Mn}/gu, '')
    .toLowerCase();

/** The folder that something is in: `a/b/` of `a/b/c.txt` and of `a/b/c/`; empty at the top. */
export const folderOf = (path: string): string => path.slice(0, path.lastIndexOf('/', path.length - 2) + 1);

/** The folders on the way to a folder, from the top. */
export function waysTo(folder: string): readonly { readonly path: string; readonly name: string }[] {
  const names = folder.split('/').slice(0, -1);
  return names.map((name, i) => ({ name, path: `${names.slice(0, i + 1).join('/')}/` }));
}

/** The address of a file: each part of its name is encoded, so that `?` and `#` in it are no others. */
export const addressOf = (path: string): string =>
  `files/${path.split('/').map(encodeURIComponent).join('/')}`;
