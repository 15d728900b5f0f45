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
