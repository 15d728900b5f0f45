/**
 * A table of conversations that fits a terminal: as many columns as there is room for, the most important ones first.
 *
 * ```text
 *   68 columns  number, client, server, bytes of each side
 *   79          protocol
 *   86          faults
 *   95          duration
 *  101          gaps
 *  121          frames of each side
 *  134          start, a time of day
 * ```
 *
 * An address that is too long is cut in the middle: its port stays.
 */
import { formatBytes, formatCount, formatNanos } from '../../../base/units.ts';
import { isoTime } from '../../../capture/inspect/words.ts';
import { cutTo, fitted } from '../../shared/format.ts';
import { durationOf, type Listed } from './listed.ts';

interface Column {
  readonly name: string;
  readonly width: number;
  /** Whether it stands on the left of its place, as words do. */
  readonly isText?: true;
  /** The smaller, the more important; the most important ones are 0. */
  readonly rank: number;
  readonly cell: (listed: Listed) => string;
}

const ADDRESS_COLUMNS = 21;

const address = (side: 'client' | 'server'): Column => ({
  ...{ name: side, width: ADDRESS_COLUMNS, isText: true, rank: 0 },
  cell: ({ conversation }) => fitted(conversation[side], ADDRESS_COLUMNS),
});

/** In the order in which they stand. */
const COLUMNS: readonly Column[] = [
  { name: 'number', width: 6, rank: 0, cell: ({ conversation }) => `#${conversation.index}` },
  { name: 'protocol', width: 10, isText: true, rank: 1, cell: ({ protocol }) => protocol ?? '-' },
  address('client'),
  address('server'),
  {
    ...{ name: 'start (UTC)', width: 12, isText: true, rank: 6 },
    cell: ({ conversation }) => isoTime(conversation.startedAt).slice(11, 23),
  },
  { name: 'duration', width: 8, rank: 3, cell: (listed) => formatNanos(durationOf(listed)) },
  { name: 'bytes →', width: 8, rank: 0, cell: ({ client }) => formatBytes(client.bytes) },
  { name: 'bytes ←', width: 8, rank: 0, cell: ({ server }) => formatBytes(server.bytes) },
  { name: 'frames →', width: 9, rank: 5, cell: ({ client }) => formatCount(client.frames) },
  { name: 'frames ←', width: 9, rank: 5, cell: ({ server }) => formatCount(server.frames) },
  { name: 'faults', width: 6, rank: 2, cell: ({ faults }) => formatCount(faults) },
  { name: 'gaps', width: 5, rank: 4, cell: ({ gaps }) => formatCount(gaps) },
];

const RANKS = [...new Set(COLUMNS.map(({ rank }) => rank))].sort((one, other) => one - other);

const widthOf = (columns: readonly Column[]): number =>
  columns.reduce((sum, { width }) => sum + width + 1, -1);

export interface FittingTable {
  readonly names: string;
  readonly row: (listed: Listed) => string;
}

/** Answers null when not even the most important columns fit. */
export function fittingTable(columns: number): FittingTable | null {
  const upTo = (rank: number) => COLUMNS.filter((column) => column.rank <= rank);
  const rank = RANKS.findLast((each) => widthOf(upTo(each)) <= columns);
  if (rank === undefined) return null;
  const shown = upTo(rank);
  const showsAllFaults = shown.some(({ name }) => name === 'gaps');
  const lineOf = (textOf: (column: Column) => string): string => {
    const cells = shown.map((column) => {
      const text = textOf(column);
      return column.isText ? text.padEnd(column.width) : text.padStart(column.width);
    });
    return cutTo(cells.join(' ').trimEnd(), columns);
  };
  return {
    names: lineOf(({ name }) => name),
    row(listed) {
      const isMarked = !showsAllFaults && listed.faults + listed.gaps > 0;
      return lineOf(({ name, cell }) => cell(listed) + (isMarked && name === 'number' ? '!' : ''));
    },
  };
}
