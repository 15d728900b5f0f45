/** What files are called on the server. */

/**
 * The name of a further copy: the number goes before the ending of the last segment. A name that begins with a dot has
 * no ending.
 *
 * @param copy from 2.
 * @example numberedName('photos/a.tar.gz', 2) // 'photos/a.tar (2).gz'
 */
export function numberedName(name: string, copy: number): string {
  const start = name.lastIndexOf('/') + 1;
  const dot = name.lastIndexOf('.');
  const end = dot > start ? dot : name.length;
  return `${name.slice(0, end)} (${copy})${name.slice(end)}`;
}

/**
 * The name of a file in the folder that is shown.
 *
 * @param folder ends with a slash, or is empty.
 * @param path as the browser says it, which may begin with slashes.
 */
export const nameIn = (folder: string, path: string): string => folder + path.replace(/^\/+/, '');

/** Characters of a name that are always shown, and those of them at its end, where it is cut. */
const SHOWN_WHOLE_MAX = 24;
const TAIL_LENGTH = 10;

/**
 * A name as it is shown where there is little room: its folder; its beginning, which may be cut off; and its end, which
 * tells files apart that are numbered, and says of which type they are.
 */
export function nameParts(path: string): {
  readonly folder: string;
  readonly head: string;
  readonly tail: string;
} {
  const slash = path.lastIndexOf('/') + 1;
  const [folder, name] = [path.slice(0, slash), path.slice(slash)];
  const characters = [...name];
  if (characters.length <= SHOWN_WHOLE_MAX) return { folder, head: '', tail: name };
  return {
    folder,
    head: characters.slice(0, -TAIL_LENGTH).join(''),
    tail: characters.slice(-TAIL_LENGTH).join(''),
  };
}
