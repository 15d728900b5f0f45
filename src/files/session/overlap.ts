/**
 * Decides which requests may be under way at once: all that do not touch the same name.
 *
 * So a pipelined `put` then `get` sees the file, and a `rename` finds what the `put` before it stored. Two reads
 * never disturb one another. A file also conflicts with the names below it, since `a` and `a/b` cannot both exist,
 * and which of them wins must not depend on timing. A command that changes the connection itself is `exclusive`.
 */
import type { JsonHeader } from '../../wire/json-header.ts';
import type { Touches } from './command.ts';
import type { Footprint, OpenRequest } from './state.ts';

export const NO_FILES: Footprint = { reads: [], writes: [], uploads: [], all: null };
const ALL_FILES: Footprint = { reads: [], writes: [], uploads: [], all: 'allFiles' };
const EXCLUSIVE: Footprint = { reads: [], writes: [], uploads: [], all: 'exclusive' };

export function footprintOf(touches: Touches, header: JsonHeader): Footprint {
  if (touches === 'allFiles') return ALL_FILES;
  if (touches === 'exclusive') return EXCLUSIVE;
  const named = (mode: 'read' | 'write' | 'upload') =>
    Object.keys(touches)
      .filter((field) => touches[field] === mode && header[field] !== undefined)
      .map((field) => header[field] as string);
  return { reads: named('read'), writes: named('write'), uploads: named('upload'), all: null };
}

/** Whether a request with this footprint must wait for one of the open requests. */
export const mustWait = (footprint: Footprint, open: readonly OpenRequest[]): boolean =>
  open.some((other) =>
    // A reply about all files may be long, so only one is held at a time, even once its request is done.
    footprint.all === 'allFiles' && other.footprint.all === 'allFiles'
      ? true
      : !other.done && conflict(footprint, other.footprint),
  );

function conflict(a: Footprint, b: Footprint): boolean {
  if (a.all === 'exclusive' || b.all === 'exclusive') return true;
  if (a.all === 'allFiles') return b.all === 'allFiles' || b.writes.length > 0;
  if (b.all === 'allFiles') return a.writes.length > 0;
  if (a.uploads.some((upload) => b.uploads.includes(upload))) return true;
  return anyOverlap(a.writes, b.writes) || anyOverlap(a.writes, b.reads) || anyOverlap(a.reads, b.writes);
}

const anyOverlap = (some: readonly string[], others: readonly string[]): boolean =>
  some.some((one) => others.some((other) => sameOrBelow(one, other) || sameOrBelow(other, one)));

const sameOrBelow = (name: string, folder: string): boolean =>
  name.length === folder.length ? name === folder : name[folder.length] === '/' && name.startsWith(folder);
