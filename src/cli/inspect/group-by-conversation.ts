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

export interface ConversationGroups {
  /** @param heading stands above every block of its rows. */
  open(index: number, heading: string): void;
  row(index: number, text: string): void;
  /** The conversation has no further rows. */
  close(index: number): void;
}

interface Group {
  readonly heading: string;
  readonly rows: string[];
  begun: boolean;
  over: boolean;
}

/** @param waitingRowsMax rows that may wait, over all conversations. */
export function groupByConversation(
  print: (line: string) => void,
  waitingRowsMax: number,
): ConversationGroups {
  /** Conversations in the order of their beginning. Each is open, or has rows that wait. */
  const all = new Map<number, Group>();
  let turn: number | null = null;
  let waiting = 0;

  function begin(index: number, of: Group): void {
    turn = index;
    if (of.begun) print(`${of.heading} (continued)`);
    else print(of.heading);
    of.begun = true;
    for (const row of of.rows) print(row);
    waiting -= of.rows.length;
    of.rows.length = 0;
    if (of.over) finish(index);
  }

  function finish(index: number): void {
    all.delete(index);
    print('');
    turn = null;
  }

  /** Prints the conversation that has waited longest, and so on, until one of them is still open. */
  function next(): void {
    while (turn === null) {
      const [first] = all;
      if (first === undefined) return;
      begin(...first);
    }
  }

  function relieve(): void {
    const [index, of] = [...all].reduce((one, other) =>
      other[1].rows.length > one[1].rows.length ? other : one,
    );
    if (turn !== null) print('');
    begin(index, of);
    next();
  }

  return {
    open(index, heading) {
      all.set(index, { heading, rows: [], begun: false, over: false });
      next();
    },
    row(index, text) {
      if (turn === index) {
        print(text);
        return;
      }
      all.get(index)?.rows.push(text);
      waiting++;
      if (waiting > waitingRowsMax) relieve();
    },
    close(index) {
      const of = all.get(index);
      if (of === undefined) return;
      of.over = true;
      if (turn === index) {
        finish(index);
        next();
      }
    },
  };
}
