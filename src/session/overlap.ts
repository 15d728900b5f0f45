/**
 * Which requests may be under way at once: all that do not touch the same name.
 *
 * So that a pipelined `put` then `get` sees the file, and a `rename` finds what the `put` before it stored. Two
 * reads never disturb one another. A file also conflicts with what lies below it, since `a` and `a/b` cannot both
 * exist, and which of them wins must not depend on timing.
 */
import type { JsonHeader } from '../wire/json-header.ts';
import type { Touches } from './command.ts';
import type { OpenRequest, Touched } from './state.ts';

export const nothing: Touched = { reads: [], writes: [], everything: false };
const everything: Touched = { reads: [], writes: [], everything: true };

export function touchedBy(touches: Touches, header: JsonHeader): Touched {
  if (touches === 'everything') return everything;
  const named = (mode: 'read' | 'write') =>
    Object.keys(touches)
      .filter((field) => touches[field] === mode)
      .map((field) => header[field] as string);
  return { reads: named('read'), writes: named('write'), everything: false };
}

/** Whether a request that touches this must wait for one of those that are open. */
export const mustWait = (touched: Touched, open: readonly OpenRequest[]): boolean =>
  open.some((other) =>
    // Answers about everything may be long, so only one is held at a time, even once it is done.
    touched.everything && other.touched.everything ? true : !other.done && conflict(touched, other.touched),
  );

function conflict(a: Touched, b: Touched): boolean {
  if (a.everything) return b.everything || b.writes.length > 0;
  if (b.everything) return a.writes.length > 0;
  return meet(a.writes, b.writes) || meet(a.writes, b.reads) || meet(a.reads, b.writes);
}

const meet = (some: readonly string[], others: readonly string[]): boolean =>
  some.some((one) => others.some((other) => sameOrBelow(one, other) || sameOrBelow(other, one)));

const sameOrBelow = (name: string, folder: string): boolean =>
  name.length === folder.length ? name === folder : name[folder.length] === '/' && name.startsWith(folder);
