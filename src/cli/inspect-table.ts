/** A recording as a table: a block for each conversation, a row for each frame, gap and fault. Plain characters. */
import { type InspectEvent, isCut, isGlued } from '../capture/inspect-event.ts';
import type { Conversation, ConversationClose, PacketsUnread, Side } from '../capture/stream-event.ts';
import { arrow, columnNames, heading, line, noCounts, type SideCounts, sideInWords } from './inspect-rows.ts';
import { createTurns } from './inspect-turns.ts';
import {
  afterResetInWords,
  asciiOf,
  closeInWords,
  counted,
  elapsed,
  framingInWords,
  gapInWords,
  grouped,
  ignoredInWords,
  isoTime,
  tookInWords,
  unreadInWords,
  wrapped,
} from './inspect-words.ts';
import { printable } from './words.ts';

export interface TableOptions {
  /** Columns to which labels are cut; absent: they are not. */
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
  /** Prints the sum of it all, if there was anything. */
  end(): void;
}

interface Shown {
  readonly counts: Readonly<Record<Side, SideCounts>>;
  /** Null as long as it is not known: then chunks wait, few as they are. */
  framed: boolean | null;
  readonly early: (() => string)[];
  rows: number;
  dropped: number;
}

/** Reasons why packets are not read, and fragments that differ, that are told one by one. */
const UNREAD_SHOWN = 10;
const CONFLICTS_SHOWN = 5;

/** Where the text of a note begins, and the room it needs there at least. */
const NOTE_AT = 29;
const NOTE_LEAST = 30;

/** Conversations of which it is said what came after their blocks; those beyond are in the sum alone. */
const MOST_LATE = 100;
/** Rows that may wait for the conversations before theirs. */
const MOST_WAITING = 20_000;

export function createTable(print: (line: string) => void, options: TableOptions): Table {
  const { columns, frames = Number.POSITIVE_INFINITY, absolute } = options;
  /** What is text, and not rows, is wrapped to this. */
  const width = columns ?? 100;
  const turns = createTurns(print, MOST_WAITING);
  /** Those that are open. */
  const open = new Map<number, Shown>();
  const late: string[] = [];
  const sums = {
    conversations: 0,
    frames: 0,
    glued: 0,
    cut: 0,
    gaps: 0,
    faults: 0,
    conflicts: 0,
    ignored: 0,
    after: { packets: 0, bytes: 0 },
  };
  /** Of IP fragments, in words. */
  const differing: string[] = [];
  let unread: PacketsUnread | null = null;

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
    const row = `  ${arrow[from]} ${what.padStart(8)} ${time.padStart(15)}`;
    // Beside the time, or where that leaves too little room, below it.
    const isBeside = width - NOTE_AT >= NOTE_LEAST;
    const indent = isBeside ? NOTE_AT : 4;
    const [first, ...more] = wrapped(printable(text), width - indent);
    turns.row(index, isBeside ? `${row}  ${first}` : row.trimEnd());
    for (const line of isBeside ? more : [first, ...more]) turns.row(index, `${' '.repeat(indent)}${line}`);
  }

  function take(event: InspectEvent): void {
    if (event.type === 'fragment-conflict') {
      sums.conflicts++;
      if (differing.length < CONFLICTS_SHOWN) differing.push(`${event.message}, in packet ${event.packet}`);
    } else if (event.type === 'unread') unread = event;
    if (!('conversation' in event)) return;
    const { conversation } = event;
    const { index } = conversation;
    if (event.type === 'open') {
      sums.conversations++;
      const counts = { client: noCounts(), server: noCounts() };
      open.set(index, { counts, framed: null, early: [], rows: 0, dropped: 0 });
      turns.open(index, heading(conversation));
      return;
    }
    if (event.type === 'after-reset') {
      sums.after.packets += event.packets;
      sums.after.bytes += event.bytes;
      const text = afterResetInWords(event);
      if (open.has(index)) turns.row(index, `    ${text}`);
      else if (late.length < MOST_LATE) late.push(`#${index}: ${text}, from packet ${event.firstPacket} on`);
      return;
    }
    const of = open.get(index);
    if (of === undefined) return;
    switch (event.type) {
      case 'framing':
        of.framed = event.name !== null;
        turns.row(index, `    ${framingInWords(event.name, event.reason)}`);
        turns.row(index, columnNames(absolute));
        if (!of.framed || options.chunks) for (const text of of.early) row(index, of, text);
        of.early.length = 0;
        return;
      case 'chunk': {
        of.counts[event.from].chunks++;
        if (of.framed && !options.chunks) return;
        const { from, bytes, capturedAt } = event;
        const text = () =>
          line(columns, {
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
        const [glued, cut] = [isGlued(event), isCut(event)];
        counts.frames++;
        counts.glued += glued ? 1 : 0;
        counts.cut += cut ? 1 : 0;
        row(index, of, () => {
          const { from, number, capturedAt, deliverableAt, chunks, head, length, label } = event;
          const missing = event.missing > 0 ? `[${event.state}: ${grouped(event.missing)} missing] ` : '';
          const took = deliverableAt - capturedAt;
          return line(columns, {
            from,
            what: grouped(number),
            time: at(capturedAt, conversation),
            took: cut && took > 0n ? tookInWords(took) : '',
            bytes: head + length,
            chunks: grouped(chunks),
            marks: [glued ? 'glued' : '     ', cut ? 'cut' : ''].join(' '),
            text: missing + (label ?? `|${asciiOf(event.sample.subarray(head, head + 24))}|`),
          });
        });
        return;
      }
      case 'gap': {
        sums.gaps++;
        const { from, length, position, reason } = event;
        const text = `${gapInWords[reason]}, from ${grouped(position)} on`;
        row(index, of, () => line(undefined, { from, what: 'gap', time: '', bytes: length, text }));
        return;
      }
      case 'fault': {
        sums.faults++;
        const { from, capturedAt, code, message, position, ascii } = event;
        const seen = ascii === '' ? '' : `: |${ascii}|`;
        const text = `${code} at ${grouped(position)}: ${message}${seen}`;
        note(index, from, 'fault', at(capturedAt, conversation), text);
        return;
      }
      case 'conflict': {
        sums.conflicts++;
        const { from, position, length, packet } = event;
        const text = `bytes came twice and differed: ${counted(length, 'byte')} from ${grouped(position)} on, in packet ${packet}`;
        note(index, from, 'conflict', '', text);
        return;
      }
      case 'ignored':
        sums.ignored++;
        note(index, event.from, 'ignored', at(event.capturedAt, conversation), ignoredInWords(event));
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
    if (of.dropped > 0) turns.row(index, `           … and ${grouped(of.dropped)} more`);
    for (const from of ['client', 'server'] as const) {
      const counts = of.counts[from];
      sums.frames += counts.frames;
      sums.glued += counts.glued;
      sums.cut += counts.cut;
      turns.row(index, `  ${arrow[from]} ${sideInWords(counts, totals[from], of.framed === true)}`);
    }
    turns.row(index, `    ${closeInWords[reason]} after ${tookInWords(endedAt - startedAt)}`);
    turns.close(index);
    open.delete(index);
  }

  function end(): void {
    const { conversations } = sums;
    if (conversations === 0 && unread === null) return;
    for (const text of late) print(text);
    const parts = [
      counted(conversations, 'conversation'),
      `${counted(sums.frames, 'frame')}${sums.frames > 0 ? ` (${sums.glued} glued, ${sums.cut} cut)` : ''}`,
      counted(sums.gaps, 'gap'),
      counted(sums.faults, 'fault'),
      ...(sums.conflicts > 0 ? [counted(sums.conflicts, 'conflict')] : []),
      ...(sums.ignored > 0 ? [`${grouped(sums.ignored)} ignored`] : []),
      ...(sums.after.packets > 0
        ? [`${counted(sums.after.packets, 'packet')} (${counted(sums.after.bytes, 'byte')}) after a reset`]
        : []),
      ...(unread === null ? [] : [`${counted(unread.packets, 'packet')} not read`]),
    ];
    for (const line of columns === undefined ? [parts.join(', ')] : wrapped(parts.join(', '), columns))
      print(line);
    const told = [...differing, ...(unread === null ? [] : unreadInWords(unread, UNREAD_SHOWN))];
    for (const text of told) {
      const [first, ...more] = wrapped(printable(text), width - 4);
      print(`  ${first}`);
      for (const line of more) print(`    ${line}`);
    }
  }

  return { take, end };
}
