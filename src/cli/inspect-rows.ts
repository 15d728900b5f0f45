/** The rows of the table of a recording, each by itself. */
import type { Conversation, Side, SideTotals } from '../capture/stream-event.ts';
import { counted, grouped, isoTime } from './inspect-words.ts';
import { fitted, printable } from './words.ts';

export const arrow: Readonly<Record<Side, string>> = { client: '→', server: '←' };

/** Where labels begin. */
const LABEL_AT = 68;

/** What is counted of a side. */
export interface SideCounts {
  frames: number;
  chunks: number;
  glued: number;
  cut: number;
}

export const noCounts = (): SideCounts => ({ frames: 0, chunks: 0, glued: 0, cut: 0 });

export function heading({ index, client, server, startedAt, opening }: Conversation): string {
  const began = `${isoTime(startedAt).slice(0, 26).replace('T', ' ')}Z`;
  const middle = opening === 'midstream' ? '  (recorded from the middle)' : '';
  return `#${index}  ${client} → ${server}   ${began}${middle}`;
}

export function sideInWords(
  { frames, chunks, glued, cut }: SideCounts,
  totals: SideTotals,
  framed: boolean,
): string {
  const { bytes, missing, retransmitted, outOfOrder } = totals;
  const of = framed ? `${counted(frames, 'frame')} in ${counted(chunks, 'chunk')}` : counted(chunks, 'chunk');
  return [
    `${of}, ${counted(bytes, 'byte')}`,
    ...(glued > 0 ? [`${grouped(glued)} glued`] : []),
    ...(cut > 0 ? [`${grouped(cut)} cut`] : []),
    ...(missing > 0 ? [`${counted(missing, 'byte')} missing`] : []),
    ...(retransmitted > 0 ? [`${grouped(retransmitted)} retransmitted`] : []),
    ...(outOfOrder > 0 ? [`${grouped(outOfOrder)} out of order`] : []),
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
}

export function line(columns: number | undefined, it: Line): string {
  const { from, what, time, took = '', bytes, chunks = '', marks = '', text } = it;
  const size = typeof bytes === 'number' ? grouped(bytes) : bytes;
  const cells = [
    from === undefined ? ' ' : arrow[from],
    what.padStart(8),
    time.padStart(15),
    took.padStart(7),
    size.padStart(13),
    chunks.padStart(6),
  ];
  const row = `  ${cells.join(' ')}  ${marks.padEnd(9)}`;
  const shown = printable(text);
  const room = columns === undefined ? Number.POSITIVE_INFINITY : Math.max(16, columns - LABEL_AT);
  return `${row}  ${shown.length > room ? fitted(shown, room) : shown}`.trimEnd();
}

export const columnNames = (absolute: boolean): string =>
  line(undefined, {
    what: 'frame',
    time: absolute ? 'time (UTC)' : 'seconds',
    took: 'took',
    bytes: 'bytes',
    chunks: 'chunks',
    text: '',
  });
