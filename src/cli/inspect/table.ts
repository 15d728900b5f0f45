/** A recording as a table: a block for each conversation, a row for each frame, gap and fault. Plain characters. */

import { asciiOf } from '../../base/bytes.ts';
import { formatCount, formatCountOf, formatNanos } from '../../base/units.ts';
import { type InspectEvent, isCoalesced, isSplit } from '../../capture/inspect/inspect-event.ts';
import type { Conversation, ConversationClose, Side } from '../../capture/stream-event.ts';
import { groupByConversation } from './group-by-conversation.ts';
import { arrow, createRows, heading, noCounts, type SideCounts, sideInWords } from './rows.ts';
import { createSum } from './sum.ts';
import {
  afterResetInWords,
  closeInWords,
  elapsed,
  framingInWords,
  gapInWords,
  ignoredInWords,
  isoTime,
} from './words.ts';

export interface TableOptions {
  /** Columns that it fits in, from 40 on: labels are cut, words wrapped. Absent: labels are not cut. */
  readonly columns?: number;
  /** Rows of frames, chunks and gaps that a conversation gets; absent: as many as there are. */
  readonly frames?: number;
  /** Chunks, too, where there are frames. */
  readonly chunks: boolean;
  /** Times of day instead of times since the conversation's beginning. */
  readonly absolute: boolean;
}

export interface Table {
  take(event: InspectEvent): void;
  /** Prints the totals, if there was anything. */
  end(): void;
}

interface Shown {
  readonly counts: Readonly<Record<Side, SideCounts>>;
  /** Null as long as it is not known. Until then chunks wait in `early`; they are few. */
  framed: boolean | null;
  readonly early: (() => string)[];
  rows: number;
  dropped: number;
}

/** The most rows that may wait for earlier conversations. */
const WAITING_ROWS_MAX = 20_000;

export function createTable(print: (line: string) => void, options: TableOptions): Table {
  const { columns, frames = Number.POSITIVE_INFINITY, absolute } = options;
  const rows = createRows(columns, absolute);
  const turns = groupByConversation(print, WAITING_ROWS_MAX);
  /** Conversations that are open. */
  const open = new Map<number, Shown>();
  const sum = createSum(columns);

  const at = (time: bigint, { startedAt }: Conversation): string =>
    absolute ? isoTime(time).slice(11, 26) : elapsed(time - startedAt);

  /** A row of a frame or a chunk, unless there were enough. */
  function row(index: number, of: Shown, text: () => string): void {
    if (of.rows >= frames) of.dropped++;
    else {
      of.rows++;
      turns.row(index, text());
    }
  }

  function note(index: number, from: Side, what: string, time: string, text: string): void {
    turns.row(index, rows.note(from, what, time, text));
  }

  function take(event: InspectEvent): void {
    sum.take(event);
    if (!('conversation' in event)) return;
    const { conversation } = event;
    const { index } = conversation;
    if (event.type === 'open') {
      const counts = { client: noCounts(), server: noCounts() };
      open.set(index, { counts, framed: null, early: [], rows: 0, dropped: 0 });
      turns.open(index, heading(conversation, columns));
      return;
    }
    const of = open.get(index);
    if (of === undefined) return;
    switch (event.type) {
      case 'framing':
        of.framed = event.name !== null;
        turns.row(index, rows.words('    ', framingInWords(event.name, event.reason)));
        turns.row(index, rows.names());
        if (!of.framed || options.chunks) for (const text of of.early) row(index, of, text);
        of.early.length = 0;
        return;
      case 'chunk': {
        of.counts[event.from].chunks++;
        if (of.framed && !options.chunks) return;
        const { from, bytes, capturedAt } = event;
        const text = () =>
          rows.line({
            from,
            what: 'chunk',
            time: at(capturedAt, conversation),
            bytes: bytes.length,
            text: `|${asciiOf(bytes.subarray(0, 24))}|`,
          });
        if (of.framed === null) of.early.push(text);
        else row(index, of, text);
        return;
      }
      case 'frame': {
        const counts = of.counts[event.from];
        const [glued, cut] = [isCoalesced(event), isSplit(event)];
        counts.frames++;
        counts.glued += glued ? 1 : 0;
        counts.cut += cut ? 1 : 0;
        row(index, of, () => {
          const { from, number, capturedAt, deliverableAt, chunks, head, length, label } = event;
          const missing = event.missing > 0 ? `[${event.state}: ${formatCount(event.missing)} missing] ` : '';
          const took = deliverableAt - capturedAt;
          return rows.line({
            from,
            what: formatCount(number),
            time: at(capturedAt, conversation),
            took: cut && took > 0n ? formatNanos(took) : '',
            bytes: head + length,
            chunks: formatCount(chunks),
            marks: [glued ? 'glued' : '     ', cut ? 'cut' : ''].join(' '),
            text: missing + (label ?? `|${asciiOf(event.sample.subarray(head, head + 24))}|`),
          });
        });
        return;
      }
      case 'gap': {
        const { from, length, position, reason } = event;
        const text = `${gapInWords[reason]}, from ${formatCount(position)} on`;
        row(index, of, () => rows.line({ from, what: 'gap', time: '', bytes: length, text, whole: true }));
        return;
      }
      case 'fault': {
        const { from, capturedAt, code, message, position, ascii } = event;
        const seen = ascii === '' ? '' : `: |${ascii}|`;
        const text = `${code} at ${formatCount(position)}: ${message}${seen}`;
        note(index, from, 'fault', at(capturedAt, conversation), text);
        return;
      }
      case 'conflict': {
        const { from, position, length, packet } = event;
        const text = `bytes came twice and differed: ${formatCountOf(length, 'byte')} from ${formatCount(position)} on, in packet ${packet}`;
        note(index, from, 'conflict', '', text);
        return;
      }
      case 'ignored':
        note(index, event.from, 'ignored', at(event.capturedAt, conversation), ignoredInWords(event));
        return;
      case 'after-reset':
        turns.row(index, rows.words('    ', afterResetInWords(event)));
        return;
      case 'reset':
        note(
          index,
          event.from,
          'reset',
          at(event.capturedAt, conversation),
          'dropped the connection, both sides are over',
        );
        return;
      case 'close':
        closed(event, of);
    }
  }

  function closed(
    { conversation: { index, startedAt }, reason, endedAt, totals }: ConversationClose,
    of: Shown,
  ) {
    if (of.dropped > 0) turns.row(index, `           … and ${formatCount(of.dropped)} more`);
    for (const from of ['client', 'server'] as const) {
      const counts = of.counts[from];
      turns.row(
        index,
        rows.words(`  ${arrow[from]} `, sideInWords(counts, totals[from], of.framed === true)),
      );
    }
    turns.row(index, rows.words('    ', `${closeInWords[reason]} after ${formatNanos(endedAt - startedAt)}`));
    turns.close(index);
    open.delete(index);
  }

  function end(): void {
    for (const text of sum.lines()) print(text);
  }

  return { take, end };
}
