/** The list of files as a whole: its state, what happens to it, and what it wants done. */
import type { Entry, OnExists, Source } from './entry.ts';

export interface QueueState {
  /** In the order in which they came, and so of their ids. */
  readonly entries: readonly Entry[];
  readonly nextId: number;
  /** Why nothing arrives at the server for now; null when something does. */
  readonly trouble: string | null;
  /** How many were stored, with those that were cleared from the list since. */
  readonly storedEver: number;
}

export const EMPTY: QueueState = { entries: [], nextId: 0, trouble: null, storedEver: 0 };

/** A file that was dropped or picked. */
export interface AddedFile extends Source {
  readonly verify: boolean;
}

/** An unfinished upload that an earlier page has left behind, or that another tab has. */
export interface RememberedFile extends Source {
  readonly name: string;
  readonly ends: string | null;
  readonly verify: boolean;
  readonly onExists: OnExists;
  readonly copy: number;
  /** Bytes that the server had reported as durable; left out by earlier versions of the page. */
  readonly durable?: number;
  /** Whether there was a file of that name, nobody had said what to do, and the server had nothing of it. */
  readonly isUndecided?: boolean;
}

/** `id` null is all. */
export type QueueEvent =
  | { readonly type: 'added'; readonly files: readonly AddedFile[] }
  | { readonly type: 'remembered'; readonly records: readonly RememberedFile[] }
  /** Both ends of its content were read. */
  | { readonly type: 'identified'; readonly id: number; readonly ends: string }
  | { readonly type: 'hashed'; readonly id: number }
  | { readonly type: 'progress'; readonly entries: readonly Moved[] }
  /** They have not got further for a while. */
  | { readonly type: 'stalled'; readonly ids: readonly number[] }
  /** `isFound`: it was there, as one of that size and time, and its SHA-256 was not compared. */
  | { readonly type: 'stored'; readonly id: number; readonly isFound?: boolean }
  | { readonly type: 'exists'; readonly id: number }
  | { readonly type: 'answered'; readonly id: number; readonly choice: Answer; readonly all: boolean }
  /** Another tab sends it. */
  | { readonly type: 'taken'; readonly id: number }
  /** That tab has stopped. */
  | { readonly type: 'free'; readonly id: number; readonly isDone: boolean }
  | { readonly type: 'failed'; readonly id: number; readonly why: string }
  | { readonly type: 'trouble'; readonly why: string }
  | { readonly type: 'pause' | 'resume' | 'retry' | 'cancel'; readonly id: number | null }
  /** Those that are over are to be removed from the list. */
  | { readonly type: 'clear' };

export type Answer = Exclude<OnExists, 'ask'>;

/** How far an entry is. */
export interface Moved extends Pick<Entry, 'id' | 'sent' | 'durable' | 'rate'> {}

export type Effect =
  /** The file is to be sent. */
  | { readonly type: 'send'; readonly entry: Entry }
  /** It is to be sent no more, for now. */
  | { readonly type: 'halt'; readonly id: number }
  /** What the server has of it, and what is remembered of it, is no longer needed. */
  | ({ readonly type: 'drop'; readonly id: number; readonly ends: string | null } & Source)
  | { readonly type: 'remember'; readonly ids: readonly number[] }
  /** What is remembered of it is no longer needed. */
  | ({ readonly type: 'forget' } & Source)
  /** The file itself is no longer needed. */
  | { readonly type: 'release'; readonly id: number }
  /** The entry has the file that was added as the `index`th. */
  | { readonly type: 'keep'; readonly id: number; readonly index: number };

/** A transition under way: what `reduce` answers. */
export interface Step {
  state: QueueState;
  readonly effects: Effect[];
}

/** The place of an entry in the list; -1 when it is not there. */
export function placeOf(entries: readonly Entry[], id: number): number {
  let [low, high] = [0, entries.length - 1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    const found = entries[middle]!.id;
    if (found === id) return middle;
    if (found < id) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

/** Changes one entry, and answers what it is then; null when it is not there. */
export function update(step: Step, id: number, by: (entry: Entry) => Entry): Entry | null {
  const { entries } = step.state;
  const at = placeOf(entries, id);
  const entry = entries[at];
  if (entry === undefined) return null;
  const changed = by(entry);
  if (changed !== entry) step.state = { ...step.state, entries: entries.with(at, changed) };
  return changed;
}
