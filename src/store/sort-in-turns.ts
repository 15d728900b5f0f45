/** Sorting many names without keeping the event loop from others for longer than a few milliseconds. */
import { turn } from './gate.ts';
import { compareNames } from './name-order.ts';
import type { Task } from './task.ts';

/** Names that are sorted, or merged, in one turn of the event loop. */
const slice = 4096;

/** Below these characters the order of code units is that of code points, and the engine's own comparison will do. */
const isOdd = /[\ud800-\uffff]/;

/** The names in the order of `compareNames`: slices that are sorted, then merged two by two, with turns in between. */
export function* sortInTurns(names: readonly string[]): Task<readonly string[]> {
  const odd = names.some((name) => isOdd.test(name));
  const isBefore = odd ? (a: string, b: string) => compareNames(a, b) < 0 : (a: string, b: string) => a < b;
  let runs: (readonly string[])[] = [];
  for (let at = 0; at < names.length; at += slice) {
    if (at > 0) yield* turn();
    const run = names.slice(at, at + slice);
    runs.push(odd ? run.sort(compareNames) : run.sort());
  }
  while (runs.length > 1) {
    const merged: (readonly string[])[] = [];
    for (let i = 0; i < runs.length; i += 2)
      merged.push(yield* merge(runs[i] ?? [], runs[i + 1] ?? [], isBefore));
    runs = merged;
  }
  return runs[0] ?? [];
}

function* merge(
  one: readonly string[],
  other: readonly string[],
  isBefore: (a: string, b: string) => boolean,
): Task<readonly string[]> {
  const both: string[] = [];
  let i = 0;
  let j = 0;
  let a = one[i];
  let b = other[j];
  while (a !== undefined && b !== undefined) {
    if (isBefore(b, a)) {
      both.push(b);
      b = other[++j];
    } else {
      both.push(a);
      a = one[++i];
    }
    if (both.length % slice === 0) yield* turn();
  }
  for (; i < one.length; i += slice) yield* append(both, one.slice(i, i + slice));
  for (; j < other.length; j += slice) yield* append(both, other.slice(j, j + slice));
  return both;
}

function* append(to: string[], names: readonly string[]): Task<void> {
  to.push(...names);
  if (names.length === slice) yield* turn();
}
