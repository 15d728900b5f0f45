/** What a store asks of a name before it touches anything, and how a name falls into folder and file. */
import { explainBadFilename } from '../files/protocol/filename.ts';
import { err, type RefusedOutcome } from './outcome.ts';

/** Why a store will not have this name; undefined when it will. A second look: whoever calls has checked already. */
export function refusedName(name: string): RefusedOutcome | undefined {
  const why = explainBadFilename(name);
  return why === null ? undefined : err('bad-filename', why);
}

/** The folder of a name, without a slash at the end: `a/b` of `a/b/c`, and '' (the root) of `c`. */
export const folderOf = (name: string): string => name.slice(0, Math.max(0, name.lastIndexOf('/')));

/** What comes after the last slash. */
export const lastOf = (name: string): string => name.slice(name.lastIndexOf('/') + 1);

/** A folder's child by its whole name. */
export const within = (folder: string, child: string): string =>
  folder === '' ? child : `${folder}/${child}`;
