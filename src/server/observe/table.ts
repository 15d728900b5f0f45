/**
 * What has changed in the table of connections since it was looked at last. A look costs no more however many there are:
 * it is at those that have begun something, and at as many others, in turn.
 *
 * ```text
 *  marked, at most 256 ──▶ look ──▶ row ──▶ changed? ──▶ rows
 *  the next 256 of all ──▶ look ──▶ row ──▶ changed, or in a pass? ──▶ rows
 *  those that are over ──▶ gone
 * ```
 *
 * One that has an open request stays marked. So each transfer is looked at every time, as long as they are no more than
 * 256, and else in turn.
 *
 * Bounded: the rows that were shown are one for each connection, and those that are over and not told of are among them.
 */
import type { ConnectionRow, WatchConnections } from '../../files/protocol/watching.ts';
import { type ConnectionRegistry, createMarks, type LiveConnection, type Watch } from './registry.ts';
import { isSameRow, type LookedAt, rowOf } from './row.ts';

/** The most connections of each kind that are looked at at once. */
export const LOOKS_MAX = 256;
/** The most that are told to be over at once. */
const GONE_MAX = 1024;

export interface ConnectionTable {
  /** What is to be said now; null when there is nothing. */
  readonly take: (now: number) => WatchConnections | null;
  /** Begins a pass with the next `take`: somebody does not have the table. */
  readonly beginPass: () => void;
  /** Whether a pass is to begin, or under way. */
  readonly isPassing: () => boolean;
  /** How many connections were looked at, ever. */
  readonly looks: () => number;
  readonly stop: () => void;
}

interface TableState {
  readonly registry: ConnectionRegistry;
  readonly watch: Watch;
  readonly shown: Map<LiveConnection, LookedAt>;
  gone: string[];
  cursor: Iterator<LiveConnection> | null;
  pass: 'none' | 'wanted' | 'under-way';
  seq: number;
  looks: number;
  readonly looksMax: number;
}

/** It watches the registry until it is stopped. */
export function createConnectionTable(
  registry: ConnectionRegistry,
  looksMax: number = LOOKS_MAX,
): ConnectionTable {
  const shown: TableState['shown'] = new Map();
  const watch: Watch = {
    marked: createMarks(),
    left: (live) => {
      if (shown.delete(live)) table.gone.push(live.id);
    },
  };
  const table: TableState = {
    registry,
    watch,
    shown,
    gone: [],
    cursor: null,
    pass: 'wanted',
    seq: 0,
    looks: 0,
    looksMax,
  };
  registry.watch = watch;
  return {
    take: (now) => take(table, now),
    beginPass: () => {
      table.pass = 'wanted';
    },
    isPassing: () => table.pass !== 'none',
    looks: () => table.looks,
    stop: () => {
      if (registry.watch === watch) registry.watch = null;
    },
  };
}

function take(table: TableState, now: number): WatchConnections | null {
  const begins = table.pass === 'wanted';
  if (begins) {
    table.pass = 'under-way';
    table.cursor = null;
  }
  const isInPass = table.pass === 'under-way';
  const rows: ConnectionRow[] = [];
  const ends = lookAtNext(table, now, rows, isInPass);
  lookAtMarked(table, now, rows);
  if (ends) table.pass = 'none';
  // One that has come back under the same id has a row of its own, in this message or in an earlier one.
  const gone = table.gone.splice(0, GONE_MAX).filter((id) => !table.registry.connections.has(id));
  if (!isInPass && rows.length === 0 && gone.length === 0) return null;
  const pass = !isInPass ? null : begins ? (ends ? 'all' : 'begins') : ends ? 'ends' : 'goes-on';
  return { type: 'connections', seq: table.seq++, rows, gone, pass };
}

/** Returns whether the end of the table has come. */
function lookAtNext(table: TableState, now: number, rows: ConnectionRow[], isInPass: boolean): boolean {
  table.cursor ??= table.registry.connections.values();
  for (let left = table.looksMax; left > 0; left--) {
    const { value: live, done } = table.cursor.next();
    if (done) {
      table.cursor = null;
      return true;
    }
    look(table, live, now, rows, isInPass);
  }
  return false;
}

function lookAtMarked(table: TableState, now: number, rows: ConnectionRow[]): void {
  const { marked } = table.watch;
  for (let left = Math.min(table.looksMax, marked.length); left > 0; left--) {
    const live = marked.shift()!;
    live.markedFor = null;
    if (live.isOver) continue;
    look(table, live, now, rows, false);
  }
}

function look(
  table: TableState,
  live: LiveConnection,
  now: number,
  rows: ConnectionRow[],
  isWanted: boolean,
): void {
  const { shown, watch } = table;
  const before = shown.get(live);
  // It may be next and marked: no time has passed since.
  const row = before?.at === now ? before.row : rowOf(live, now, before);
  if (row !== before?.row) {
    table.looks++;
    shown.set(live, { row, at: now });
    if (isWanted || before === undefined || !isSameRow(row, before.row)) rows.push(row);
  }
  // Until its rates are 0 again, it has not come to rest.
  const isAtWork = row.open > 0 || row.receivedRate > 0 || row.sentRate > 0 || row.waits !== null;
  if (isAtWork && live.markedFor !== watch) live.mark(watch);
}
