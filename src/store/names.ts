/** Checks a name before a store uses it, and splits it into folder and file. */
import { explainBadFilename } from '../files/protocol/filename.ts';
import { err, type RefusedOutcome } from './outcome.ts';

/**
 * The error when a store does not accept this name; undefined when it does. The caller has checked it
 * already; this is a second check.
 */
export function nameFault(name: string): RefusedOutcome | undefined {
  const sentence = explainBadFilename(name);
  return sentence === null ? undefined : err('bad-filename', sentence);
}

/** The folder of a name, without a slash at the end: `a/b` of `a/b/c`, and '' (the root) of `c`. */
export const folderOf = (name: string): string => name.slice(0, Math.max(0, name.lastIndexOf('/')));

/** The part after the last slash. */
export const lastSegmentOf = (name: string): string => name.slice(name.lastIndexOf('/') + 1);

/** The whole name of a folder's child. */
export const joinName = (folder: string, child: string): string =>
  folder === '' ? child : `${folder}/${child}`;
