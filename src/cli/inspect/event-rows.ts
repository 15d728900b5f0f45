/** The rows of the table for single chunks, frames and gaps. */
import { asciiOf } from '../../base/bytes.ts';
import { formatCount, formatNanos } from '../../base/units.ts';
import { type InspectedFrame, isCoalesced, isSplit } from '../../capture/inspect/inspect-event.ts';
import { gapInWords } from '../../capture/inspect/words.ts';
import type { StreamChunk, StreamGap } from '../../capture/stream-event.ts';
import type { Rows } from './rows.ts';

/** The bytes of a chunk, or of a frame without a label, that its row shows. */
const ROW_BYTES = 24;

export const chunkRow = (rows: Rows, { from, bytes }: StreamChunk, time: string): string =>
  rows.line({ from, what: 'chunk', time, bytes: bytes.length, text: shown(bytes, 0) });

export function frameRow(rows: Rows, frame: InspectedFrame, time: string): string {
  const { from, number, capturedAt, deliverableAt, chunks, head, length, label } = frame;
  const missing = frame.missing > 0 ? `[${frame.state}: ${formatCount(frame.missing)} missing] ` : '';
  const took = deliverableAt - capturedAt;
  const cut = isSplit(frame);
  return rows.line({
    from,
    what: formatCount(number),
    time,
    took: cut && took > 0n ? formatNanos(took) : '',
    bytes: head + length,
    chunks: formatCount(chunks),
    marks: [isCoalesced(frame) ? 'glued' : '     ', cut ? 'cut' : ''].join(' '),
    text: missing + (label ?? shown(frame.sample, head)),
  });
}

export function gapRow(rows: Rows, { from, length, position, reason }: StreamGap): string {
  const text = `${gapInWords[reason]}, from ${formatCount(position)} on`;
  return rows.line({ from, what: 'gap', time: '', bytes: length, text, whole: true });
}

const shown = (bytes: Uint8Array, start: number): string =>
  `|${asciiOf(bytes.subarray(start, start + ROW_BYTES))}|`;
