/**
 * Formats single rows of the table, as wide as there is room.
 *
 * ```text
 *  84 columns, or not a terminal   all, with wide cells
 *  74                              all, with narrow ones
 *  fewer                           the text, and the cells that do not fit, in lines of their own below
 * ```
 */
import { formatCount, formatCountOf } from '../../base/units.ts';
import { isoTime } from '../../capture/inspect/words.ts';
import type { Conversation, Side, SideTotals } from '../../capture/stream-event.ts';
import type { Paint } from '../shared/color.ts';
import { cutTo, printable } from '../shared/format.ts';
import { wrapped } from './words.ts';

export const arrow: Readonly<Record<Side, string>> = { client: '→', server: '←' };

/** Counts for one side. */
export interface SideCounts {
  frames: number;
  chunks: number;
  glued: number;
  cut: number;
}

export const noCounts = (): SideCounts => ({ frames: 0, chunks: 0, glued: 0, cut: 0 });

export function heading(
  { index, client, server, startedAt, opening }: Conversation,
  columns: number | undefined,
): string {
  const ends = `#${index}  ${client} → ${server}`;
  const began = `${isoTime(startedAt).slice(0, 26).replace('T', ' ')}Z`;
  const middle = opening === 'midstream' ? '  (recorded from the middle)' : '';
  const all = `${ends}   ${began}${middle}`;
  if (columns === undefined || all.length <= columns) return all;
  const lines = wrapped(ends, columns).map((line) => cutTo(line, columns));
  return [...lines, `    ${began}`, ...(middle === '' ? [] : [`  ${middle}`])].join('\n');
}

export function sideInWords(
  { frames, chunks, glued, cut }: SideCounts,
  totals: SideTotals,
  framed: boolean,
): string {
  const { bytes, missing, retransmitted, outOfOrder } = totals;
  const of = framed
    ? `${formatCountOf(frames, 'frame')} in ${formatCountOf(chunks, 'chunk')}`
    : formatCountOf(chunks, 'chunk');
  return [
    `${of}, ${formatCountOf(bytes, 'byte')}`,
    ...(glued > 0 ? [`${formatCount(glued)} glued`] : []),
    ...(cut > 0 ? [`${formatCount(cut)} cut`] : []),
    ...(missing > 0 ? [`${formatCountOf(missing, 'byte')} missing`] : []),
    ...(retransmitted > 0 ? [`${formatCount(retransmitted)} retransmitted`] : []),
    ...(outOfOrder > 0 ? [`${formatCount(outOfOrder)} out of order`] : []),
  ].join(', ');
}

export interface Line {
  readonly from?: Side;
  readonly what: string;
  readonly time: string;
  readonly took?: string;
  readonly bytes: number | string;
  readonly chunks?: string;
  readonly marks?: string;
  readonly text: string;
  /** Whether all of the text is shown, in as many lines as it takes; else it is cut. */
  readonly whole?: boolean;
}

export interface Rows {
  /** Names of the columns. */
  readonly names: string;
  /** A row, which may have several lines, as all below. */
  line(it: Line): string;
  /** Words of any length behind a time. */
  note(from: Side, what: string, time: string, text: string): string;
  /** Words behind a beginning such as `  → `; further lines of them are as far from the left. */
  words(beginning: string, text: string): string;
}

/** The room of the cells. */
interface Cells {
  readonly what: number;
  readonly time: number;
  readonly bytes: number;
}

const WIDE: Cells = { what: 8, time: 15, bytes: 13 };
const NARROW: Cells = { what: 8, time: 9, bytes: 9 };
/** Of a time of day. */
const TIME_OF_DAY_COLUMNS = 15;
/** The room of the cells that all rows have alike, with the spaces between cells. */
const FIXED_COLUMNS = 34;
/** The least room for text: beside the cells of a row, and of a note. */
const TEXT_COLUMNS_MIN = 14;
const NOTE_COLUMNS_MIN = 30;
/** How far lines below a row are from the left. */
const INDENT_COLUMNS = 4;

const SIDES = ['client', 'server'] as const;
const WRONG: Readonly<Record<string, 'fault' | 'warning'>> = {
  fault: 'fault',
  conflict: 'fault',
  gap: 'warning',
  ignored: 'warning',
  reset: 'warning',
};

/** @param columns absent: rows are as wide as they are, and words are wrapped to 100. */
export function createRows(columns: number | undefined, absolute: boolean, paint: Paint): Rows {
  const width = columns ?? 100;
  const textAt = ({ what, time, bytes }: Cells): number => what + time + bytes + FIXED_COLUMNS;
  const isWide = textAt(WIDE) + TEXT_COLUMNS_MIN <= width;
  const cells = isWide ? WIDE : absolute ? { ...NARROW, time: TIME_OF_DAY_COLUMNS } : NARROW;
  const room = columns === undefined ? Number.POSITIVE_INFINITY : columns - textAt(cells);
  const noteAt = cells.what + cells.time + 7;

  const begin = (from: Side | undefined, what: string, time: string): string =>
    `  ${from === undefined ? ' ' : arrow[from]} ${what.padStart(cells.what)} ${time.padStart(cells.time)}`;

  const line = (it: Line): string => painted(it.from, it.what, plainLine(it));

  function plainLine({ from, what, time, took = '', bytes, chunks = '', marks = '', ...rest }: Line): string {
    const { text, whole } = rest;
    const size = (typeof bytes === 'number' ? formatCount(bytes) : bytes).padStart(cells.bytes);
    const shown = printable(text);
    if (room >= TEXT_COLUMNS_MIN) {
      const row = `${begin(from, what, time)} ${took.padStart(7)} ${size} ${chunks.padStart(6)}  ${marks.padEnd(9)}  `;
      return whole ? plainWords(row, shown, room) : `${row}${cutTo(shown, room)}`.trimEnd();
    }
    const carried = [marks.trim(), chunks === '' || chunks === '1' ? '' : `in ${chunks} chunks`, took];
    const below = carried.filter(Boolean).join(', ').replaceAll(/ +/g, ' ');
    return [
      `${begin(from, what, time)} ${size}`,
      ...(below === '' ? [] : [`${' '.repeat(INDENT_COLUMNS)}${below}`]),
      ...(shown === ''
        ? []
        : [plainWords(' '.repeat(INDENT_COLUMNS), whole ? shown : cutTo(shown, width - INDENT_COLUMNS))]),
    ].join('\n');
  }

  function note(from: Side, what: string, time: string, text: string): string {
    const row = begin(from, what, time);
    // Beside the time, or where that leaves too little room, below it.
    const beside = width - noteAt >= NOTE_COLUMNS_MIN;
    const below = () => `${row.trimEnd()}\n${plainWords(' '.repeat(INDENT_COLUMNS), text)}`;
    return painted(from, what, beside ? plainWords(`${row}  `, text) : below());
  }

  const words = (beginning: string, text: string): string => {
    const from = SIDES.find((side) => beginning.startsWith(`  ${arrow[side]}`));
    return painted(from, '', plainWords(beginning, text));
  };

  function plainWords(beginning: string, text: string, room = width - beginning.length): string {
    return `${beginning}${wrapped(printable(text), room).join(`\n${' '.repeat(beginning.length)}`)}`;
  }

  const namesOfColumns = (): string => {
    const time = absolute ? 'time (UTC)' : 'seconds';
    if (room < TEXT_COLUMNS_MIN) return `${begin(undefined, 'frame', time)} ${'bytes'.padStart(cells.bytes)}`;
    return line({ what: 'frame', time, took: 'took', bytes: 'bytes', chunks: 'chunks', text: '' });
  };

  /** Colours a row that is wrong as a whole, and of any other its arrow, which is its third character. */
  function painted(from: Side | undefined, what: string, row: string): string {
    const wrong = WRONG[what];
    if (wrong !== undefined) return paint(wrong, row);
    return from === undefined ? row : `${row.slice(0, 2)}${paint(from, row[2]!)}${row.slice(3)}`;
  }

  const names = paint('names', namesOfColumns());
  return { names, line, note, words };
}
