/** Checks whether the files fetched for several names would get in each other's way on this machine. */
import { dirname } from 'node:path';
import { printable } from '../shared/format.ts';
import type { Transfer } from './report/report.ts';

/**
 * Explains why files cannot all be stored at their paths: two of them have the same path, or one has the path of a
 * folder that another needs. Answers null when they can.
 *
 * @param asked the files of each name on the command line. Files of one name are never in each other's way.
 * @example explainConflict([[{ filename: 'a/f', path: 'd/f', … }], [{ filename: 'b/f', path: 'd/f', … }]])
 * // 'a/f and b/f would both be stored as d/f: fetch one of them with another --out'
 */
export function explainConflict(asked: readonly (readonly Transfer[])[]): string | null {
  if (asked.length < 2) return null;
  const stored = new Map<string, Target>();
  for (const [of, files] of asked.entries()) {
    for (const { path, filename } of files) {
      const other = stored.get(path);
      if (other !== undefined && other.of !== of) return explainSameTarget(other.filename, filename, path);
      stored.set(path, { filename, of });
    }
  }
  const folders = new Set<string>();
  for (const [of, files] of asked.entries()) {
    for (const { path, filename } of files) {
      for (let folder = dirname(path); !folders.has(folder); folder = dirname(folder)) {
        folders.add(folder);
        const other = stored.get(folder);
        if (other !== undefined && other.of !== of)
          return explainFileAsFolder(other.filename, filename, folder);
      }
    }
  }
  return null;
}

interface Target {
  readonly filename: string;
  /** The index of the name on the command line that it belongs to. */
  readonly of: number;
}

const REMEDY = 'fetch one of them with another --out';

const explainSameTarget = (one: string, other: string, path: string): string =>
  one === other
    ? `${printable(one)} is asked for twice: leave one of the two out`
    : `${printable(one)} and ${printable(other)} would both be stored as ${printable(path)}: ${REMEDY}`;

const explainFileAsFolder = (file: string, below: string, folder: string): string =>
  `${printable(file)} would be stored as ${printable(folder)}, which has to be a folder for ${printable(below)}: ${REMEDY}`;
