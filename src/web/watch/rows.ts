/**
 * The table of connections: what the server says of them, filtered and in order.
 *
 * Thousands may be there, and hundreds change at once. Those that have changed are taken out of the order, sorted among
 * themselves, and merged into it again: once for each picture, however many messages have come since the last.
 */
import type { ConnectionRow, WatchConnections } from '../../files/protocol/watching.ts';

export type Column = 'peer' | 'work' | 'done' | 'rate' | 'received' | 'sent' | 'since';

export interface RowOrder {
  readonly by: Column;
  readonly isDescending: boolean;
}

export interface RowFilter {
  readonly text: string;
  /** Whether only those are shown that have something to do. */
  readonly isAtWork: boolean;
}

export const rateOf = ({ receivedRate, sentRate }: ConnectionRow): number => receivedRate + sentRate;

/** From 0 to 1; null when it is no transfer. */
export const partOf = ({ at, size }: ConnectionRow): number | null =>
  at === null || size === null ? null : size === 0 ? 1 : Math.min(1, at / size);

const workOf = ({ cmd, filename }: ConnectionRow): string => (cmd === null ? '' : `${cmd} ${filename ?? ''}`);

/** What rows are compared by. Texts are compared by their characters: the rules of a language take fifty times as long. */
const KEYS: Readonly<Record<Column, (row: ConnectionRow) => string | number>> = {
  peer: ({ name, remote }) => `${name ?? ''} ${remote}`,
  work: workOf,
  done: (row) => partOf(row) ?? -1,
  rate: rateOf,
  received: ({ received }) => received,
  sent: ({ sent }) => sent,
  since: ({ since }) => since,
};

export class ConnectionRows {
  private readonly byId = new Map<string, ConnectionRow>();
  /** Those that are not in the order as they are now: null is gone. At most one for each connection. */
  private readonly changed = new Map<string, ConnectionRow | null>();
  private ordered: readonly ConnectionRow[] = [];
  private order: RowOrder = { by: 'rate', isDescending: true };
  private filter: RowFilter = { text: '', isAtWork: false };
  /** The next message's number; null when any is the next. */
  private next: number | null = null;
  /** Those that had a row in this pass; null in none. */
  private seen: Set<string> | null = null;

  get total(): number {
    return this.byId.size;
  }

  apply({ seq, rows, gone, pass }: WatchConnections): void {
    // What was missed may have been in this pass: another one follows.
    if (this.next !== null && seq !== this.next) this.seen = null;
    this.next = seq + 1;
    if (pass === 'begins' || pass === 'all') this.seen = new Set();
    for (const row of rows) {
      this.byId.set(row.id, row);
      this.changed.set(row.id, row);
      this.seen?.add(row.id);
    }
    for (const id of gone) this.remove(id);
    if (this.seen === null || (pass !== 'ends' && pass !== 'all')) return;
    for (const id of this.byId.keys()) if (!this.seen.has(id)) this.remove(id);
    this.seen = null;
  }

  /** Another server is watched, or the same anew. */
  clear(): void {
    this.byId.clear();
    this.changed.clear();
    this.ordered = [];
    this.next = null;
    this.seen = null;
  }

  arrange(order: RowOrder, filter: RowFilter): void {
    this.order = order;
    this.filter = filter;
    this.changed.clear();
    this.ordered = this.sorted([...this.byId.values()]);
  }

  /** The rows to show, in order. The same array as before when nothing has changed. */
  shown(): readonly ConnectionRow[] {
    const { changed, ordered } = this;
    if (changed.size === 0) return ordered;
    const kept = ordered.filter(({ id }) => !changed.has(id));
    const fresh = this.sorted([...changed.values()].filter((row) => row !== null));
    changed.clear();
    this.ordered = merged(kept, fresh, (a, b) => this.compare(a, b));
    return this.ordered;
  }

  private remove(id: string): void {
    if (this.byId.delete(id)) this.changed.set(id, null);
  }

  private sorted(rows: ConnectionRow[]): ConnectionRow[] {
    return rows.filter((row) => matches(row, this.filter)).sort((a, b) => this.compare(a, b));
  }

  private compare(a: ConnectionRow, b: ConnectionRow): number {
    const { by, isDescending } = this.order;
    const key = KEYS[by];
    const [first, second] = [key(a), key(b)];
    if (first !== second) return first < second === isDescending ? 1 : -1;
    // Rows that are equal keep their places, whichever has changed.
    return a.since - b.since || (a.id < b.id ? -1 : 1);
  }
}

function matches(row: ConnectionRow, { text, isAtWork }: RowFilter): boolean {
  if (isAtWork && row.open === 0 && row.cmd === null && rateOf(row) === 0) return false;
  if (text === '') return true;
  return `${row.remote} ${row.name ?? ''} ${workOf(row)}`.toLowerCase().includes(text.toLowerCase());
}

function merged<T>(a: readonly T[], b: readonly T[], compare: (a: T, b: T) => number): T[] {
  const all: T[] = [];
  let at = 0;
  for (const each of b) {
    while (at < a.length && compare(a[at]!, each) <= 0) all.push(a[at++]!);
    all.push(each);
  }
  while (at < a.length) all.push(a[at++]!);
  return all;
}
