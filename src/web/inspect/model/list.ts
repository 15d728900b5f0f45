/** Which conversations the list shows, and in which order. */
import { type ConversationRecord, type ConversationSummary, summaryOf } from './recording.ts';

export const orders = ['number', 'start', 'size', 'frames', 'faults', 'duration'] as const;
export type Order = (typeof orders)[number];

export interface ListFilter {
  /** Parts of an address, of a protocol's name, or `#3`; all must be there, capitals or not. */
  readonly text: string;
  /** Whether only those with a fault, a gap or a conflict are shown. */
  readonly onlyFaults: boolean;
  readonly order: Order;
}

export const EVERYTHING: ListFilter = { text: '', onlyFaults: false, order: 'number' };

/** The greatest comes first, but for numbers and starts. */
export function listed(
  conversations: readonly ConversationRecord[],
  { text, onlyFaults, order }: ListFilter,
): readonly ConversationRecord[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const kept = conversations.filter(
    (it) => words.every((word) => matches(it, word)) && (!onlyFaults || troublesOf(summaryOf(it)) > 0),
  );
  if (order === 'number') return kept;
  const valued = kept.map((it) => ({ it, value: rankingOf(it, order) }));
  valued.sort((a, b) => (order === 'start' ? a.value - b.value : b.value - a.value));
  return valued.map(({ it }) => it);
}

export const troublesOf = ({ faults, gaps, conflicts }: ConversationSummary): number =>
  faults + gaps + conflicts;

function matches({ index, client, server, protocol, framing }: ConversationRecord, word: string): boolean {
  if (/^#\d+$/.test(word)) return word === `#${index}`;
  const where = `${client} ${server} ${protocol ?? framing}`;
  return where.toLowerCase().includes(word);
}

function rankingOf(it: ConversationRecord, order: Exclude<Order, 'number'>): number {
  const summary = summaryOf(it);
  switch (order) {
    case 'start':
      return it.begun;
    case 'size':
      return summary.bytes;
    case 'frames':
      return summary.frames;
    case 'faults':
      // Of those with equally many faults, the ones with other marks come first.
      return summary.faults * 1e9 + summary.gaps + summary.conflicts;
    case 'duration':
      return it.duration;
  }
}
