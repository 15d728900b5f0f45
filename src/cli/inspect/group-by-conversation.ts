/**
 * Prints conversations that overlap in time one after the other.
 *
 * ```text
 *  rows come   a1 b1 a2 b2 c1 a3(end) b3(end) c2(end)
 *  printed     a1    a2       a3 b1 b2 b3     c1 c2
 * ```
 *
 * One conversation at a time is printed: its rows appear as they come, and the rows of the others wait until it has
 * ended. When too many rows wait, the conversation with the most waiting rows is printed next, and the interrupted one
 * continues in another block later.
 */

import { createOldestFirst } from '../../capture/reassembly/oldest-first.ts';
import { createFullestFirst, type RowGroup } from './fullest-first.ts';

/** `T` is what a heading is made of. */
export interface ConversationGroups<T> {
  open(index: number, of: T): void;
  row(index: number, text: string): void;
  /** The conversation has no further rows. */
  close(index: number): void;
}

interface Group<T> extends RowGroup {
  readonly index: number;
  readonly subject: T;
  begun: boolean;
  over: boolean;
}

/** Shared by all groups of which no rows wait. */
const NO_ROWS: string[] = [];
Object.freeze(NO_ROWS);

/**
 * @param waitingRowsMax rows that may wait, over all conversations.
 * @param heading makes the line that stands above every block of its rows.
 */
export function groupByConversation<T>(
  print: (line: string) => void,
  waitingRowsMax: number,
  heading: (of: T) => string,
): ConversationGroups<T> {
  /** Conversations by their index, and in the order of their beginning. Each is open, or has rows that wait. */
  const all = new Map<number, Group<T>>();
  const oldestFirst = createOldestFirst<Group<T>>();
  /** Those of which rows wait. */
  const fullestFirst = createFullestFirst<Group<T>>();
  let turn: number | null = null;
  let waiting = 0;
  let opened = 0;

  function begin(of: Group<T>): void {
    turn = of.index;
    print(of.begun ? `${heading(of.subject)} (continued)` : heading(of.subject));
    of.begun = true;
    for (const row of of.rows) print(row);
    waiting -= of.rows.length;
    fullestFirst.remove(of);
    of.rows = NO_ROWS;
    if (of.over) finish(of);
  }

  function finish(of: Group<T>): void {
    all.delete(of.index);
    oldestFirst.delete(of);
    print('');
    turn = null;
  }

  /** Prints the conversation that has waited longest, and so on, until one of them is still open. */
  function next(): void {
    while (turn === null) {
      const first = oldestFirst.oldest();
      if (first === undefined) return;
      begin(first);
    }
  }

  function relieve(): void {
    const fullest = fullestFirst.fullest();
    if (fullest === undefined) return;
    if (turn !== null) print('');
    begin(fullest);
    next();
  }

  return {
    open(index, subject) {
      const of = { index, subject, order: opened++, rows: NO_ROWS, place: -1, begun: false, over: false };
      all.set(index, of);
      oldestFirst.add(of);
      next();
    },
    row(index, text) {
      if (turn === index) {
        print(text);
        return;
      }
      const of = all.get(index);
      if (of === undefined) return;
      if (of.rows === NO_ROWS) of.rows = [text];
      else of.rows.push(text);
      fullestFirst.grown(of);
      waiting++;
      if (waiting > waitingRowsMax) relieve();
    },
    close(index) {
      const of = all.get(index);
      if (of === undefined) return;
      of.over = true;
      if (turn === index) {
        finish(of);
        next();
      }
    },
  };
}
