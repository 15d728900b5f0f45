/**
 * Lists conversations, a row each.
 *
 * ```text
 *  by number (the default)   a row waits for those of conversations that began before it, as long as they are open
 *  in another order          all rows wait for the end; of too many, those that come first in the order are kept
 * ```
 */
import type { InspectEvent } from '../../../capture/inspect/inspect-event.ts';
import { type Listed, type ListOrder, newlyListed } from './listed.ts';

/** The most rows of closed conversations that wait. */
const WAITING_ROWS_MAX = 50_000;

export interface List {
  take(event: InspectEvent): void;
  /** Prints what waits. Returns how many rows were dropped, as too many waited for their order. */
  end(): number;
}

export interface ListOptions {
  /** Default: by number. */
  readonly order?: ListOrder;
  /** Whether a conversation, which has closed, gets a row; default all. */
  readonly isWanted?: (index: number) => boolean;
  readonly waitingRowsMax?: number;
}

interface ListState extends Required<Omit<ListOptions, 'order'>> {
  readonly print: (listed: Listed) => void;
  readonly order: ListOrder | undefined;
  /** Those that are open, and those that wait for one of them, by their index; the first to open is the first. */
  readonly byIndex: Map<number, Listed>;
  /** How many of them are closed. */
  waiting: number;
  /** With an order: at most twice as many rows as may wait. */
  sorted: Listed[];
  dropped: number;
}

/** @param print is called for each conversation, in the order of the list. */
export function createList(print: (listed: Listed) => void, options: ListOptions = {}): List {
  const { order, isWanted = () => true, waitingRowsMax = WAITING_ROWS_MAX } = options;
  const byIndex = new Map<number, Listed>();
  const list: ListState = {
    print,
    order,
    isWanted,
    waitingRowsMax,
    byIndex,
    waiting: 0,
    sorted: [],
    dropped: 0,
  };
  return {
    take: (event) => take(list, event),
    end() {
      printClosed(list, true);
      keepFirst(list);
      for (const listed of list.sorted) print(listed);
      return list.dropped;
    },
  };
}

function take(list: ListState, event: InspectEvent): void {
  if (!('conversation' in event)) return;
  const { conversation } = event;
  if (event.type === 'open') {
    list.byIndex.set(conversation.index, newlyListed(conversation));
    return;
  }
  const listed = list.byIndex.get(conversation.index);
  if (listed === undefined) return;
  switch (event.type) {
    case 'framing':
      listed.protocol = event.name;
      return;
    case 'chunk':
      listed[event.from].bytes += event.bytes.length;
      return;
    case 'frame':
      listed[event.from].frames++;
      return;
    case 'fault':
      listed.faults++;
      return;
    case 'gap':
      listed.gaps++;
      return;
    case 'close':
      listed.endedAt = event.endedAt;
      listed.closed = event.reason;
      close(list, listed);
  }
}

function close(list: ListState, listed: Listed): void {
  const { byIndex, isWanted, order, sorted, waitingRowsMax } = list;
  const { index } = listed.conversation;
  if (!isWanted(index)) byIndex.delete(index);
  else if (order !== undefined) {
    byIndex.delete(index);
    sorted.push(listed);
    if (sorted.length >= 2 * waitingRowsMax) keepFirst(list);
    return;
  } else list.waiting++;
  printClosed(list, list.waiting > waitingRowsMax);
}

/** Prints the closed conversations up to the first that is open, or `all` that are closed. */
function printClosed(list: ListState, all: boolean): void {
  for (const [index, listed] of list.byIndex) {
    if (listed.closed === null) {
      if (!all) return;
      continue;
    }
    list.byIndex.delete(index);
    list.waiting--;
    list.print(listed);
  }
}

function keepFirst(list: ListState): void {
  const { order, waitingRowsMax } = list;
  if (order === undefined) return;
  list.sorted.sort(order);
  list.dropped += Math.max(0, list.sorted.length - waitingRowsMax);
  list.sorted.length = Math.min(list.sorted.length, waitingRowsMax);
}
