/**
 * Which requests may be under way at once: all that do not touch the same name.
 *
 * So that a pipelined `put` then `get` sees the file, and a `rename` finds what the `put` before it stored. Two
 * reads never disturb one another. A file also conflicts with what lies below it, since `a` and `a/b` cannot both
 * exist, and which of them wins must not depend on timing. What changes the connection itself is `alone`.
 */
import type { JsonHeader } from '../wire/json-header.ts';
import type { Touches } from './command.ts';
import type { OpenRequest, Touched } from './state.ts';

export const nothing: Touched = { reads: [], writes: [], uploads: [], all: null };
const everything: Touched = { reads: [], writes: [], uploads: [], all: 'everything' };
const alone: Touched = { reads: [], writes: [], uploads: [], all: 'alone' };

export function touchedBy(touches: Touches, header: JsonHeader): Touched {
  if (touches === 'everything') return everything;
  if (touches === 'alone') return alone;
  const named = (mode: 'read' | 'write' | 'upload') =>
    Object.keys(touches)
      .filter((field) => touches[field] === mode && header[field] !== undefined)
      .map((field) => header[field] as string);
  return { reads: named('read'), writes: named('write'), uploads: named('upload'), all: null };
}

/** Whether a request that touches this must wait for one of those that are open. */
export const mustWait = (touched: Touched, open: readonly OpenRequest[]): boolean =>
  open.some((other) =>
    // Answers about everything may be long, so only one is held at a time, even once it is done.
    touched.all === 'everything' && other.touched.all === 'everything'
      ? true
      : !other.done && conflict(touched, other.touched),
  );

function conflict(a: Touched, b: Touched): boolean {
  if (a.all === 'alone' || b.all === 'alone') return true;
  if (a.all === 'everything') return b.all === 'everything' || b.writes.length > 0;
  if (b.all === 'everything') return a.writes.length > 0;
  if (a.uploads.some((upload) => b.uploads.includes(upload))) return true;
  return meet(a.writes, b.writes) || meet(a.writes, b.reads) || meet(a.reads, b.writes);
}

const meet = (some: readonly string[], others: readonly string[]): boolean =>
  some.some((one) => others.some((other) => sameOrBelow(one, other) || sameOrBelow(other, one)));

const sameOrBelow = (name: string, folder: string): boolean =>
  name.length === folder.length ? name === folder : name[folder.length] === '/' && name.startsWith(folder);
