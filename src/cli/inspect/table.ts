/** Prints a recording as a table: a block for each conversation, a row for each frame, gap and fault. */

import { formatCount, formatNanos } from '../../base/units.ts';
import {
  type FramingChosen,
  type InspectEvent,
  type InspectedFrame,
  isCoalesced,
  isSplit,
} from '../../capture/inspect/inspect-event.ts';
import {
  afterResetInWords,
  closeInWords,
  conflictInWords,
  faultInWords,
  foundAgainInWords,
  framingInWords,
  ignoredInWords,
  isoTime,
} from '../../capture/inspect/words.ts';
import type { Conversation, ConversationClose, Side, StreamChunk } from '../../capture/stream-event.ts';
import { type Paint, painter } from '../shared/color.ts';
import { chunkRow, frameRow, gapRow } from './event-rows.ts';
import { type ConversationGroups, groupByConversation } from './group-by-conversation.ts';
import { arrow, createRows, heading, noCounts, type Rows, type SideCounts, sideInWords } from './rows.ts';
import { createSum, type Sum } from './sum.ts';
import { elapsed, FRAMING_OPTIONS } from './words.ts';

export interface TableOptions {
  /** Columns that it fits in, from 40 on: labels are cut, and words are wrapped. Absent: labels are not cut. */
  readonly columns?: number;
  /** The most rows of frames, chunks and gaps of a conversation; absent: as many as there are. */
  readonly frames?: number;
  /** Whether chunks have rows where there are frames, too. */
  readonly chunks: boolean;
  /** Prints times of day instead of times since the conversation's beginning. */
  readonly absolute: boolean;
  /** Default: without colours. */
  readonly paint?: Paint;
}

export interface Table {
  take(event: InspectEvent): void;
  /** Prints the totals, unless the recording has no packets. */
  end(): void;
}

/** The most rows that may wait for earlier conversations. */
const WAITING_ROWS_MAX = 20_000;

const PLAIN = painter(false);

/** Shared by all blocks without early rows. */
const NO_ROWS: readonly never[] = [];

/** The block of an open conversation, with the counts of its sides. */
interface Block extends Readonly<Record<Side, SideCounts>> {
  readonly index: number;
  /** Whether there are frames; null as long as it is not known. Until then rows of chunks wait in `early`. */
  framed: boolean | null;
  /** At most eight, as the framing is known after as many chunks. */
  early: readonly (() => string)[];
  /** The rows of frames, chunks and gaps so far, and how many were left out. */
  rows: number;
  dropped: number;
}

interface TableState {
  readonly options: TableOptions;
  /** The most rows of frames, chunks and gaps of a conversation. */
  readonly rowsMax: number;
  readonly rows: Rows;
  readonly groups: ConversationGroups<Conversation>;
  /** By the index of the conversation. The reassembly bounds how many are open. */
  readonly open: Map<number, Block>;
  /** The rows about framings, by what they say: as many as there are presets, with a few reasons each. */
  readonly framings: Map<string, string>;
  readonly sum: Sum;
}

export function createTable(print: (line: string) => void, options: TableOptions): Table {
  const { columns, frames = Number.POSITIVE_INFINITY, absolute, paint = PLAIN } = options;
  const table: TableState = {
    options,
    rowsMax: frames,
    rows: createRows(columns, absolute, paint),
    groups: groupByConversation(print, WAITING_ROWS_MAX, (of) => paint('heading', heading(of, columns))),
    open: new Map(),
    framings: new Map(),
    sum: createSum(columns),
  };
  return {
    take: (event) => take(table, event),
    end() {
      for (const text of table.sum.lines()) print(text);
    },
  };
}

function take(table: TableState, event: InspectEvent): void {
  table.sum.take(event);
  if (!('conversation' in event)) return;
  if (event.type === 'open') {
    openBlock(table, event.conversation);
    return;
  }
  const block = table.open.get(event.conversation.index);
  if (block === undefined) return;
  switch (event.type) {
    case 'framing':
      addFraming(table, block, event);
      return;
    case 'chunk':
      addChunk(table, block, event);
      return;
    case 'frame':
      addFrame(table, block, event);
      return;
    case 'gap':
      addRow(table, block, () => gapRow(table.rows, event));
      return;
    case 'fault':
      addNote(table, event, 'fault', timeOf(table, event), faultInWords(event));
      return;
    case 'found-again':
      addNote(table, event, 'found', timeOf(table, event), foundAgainInWords(event));
      return;
    case 'conflict':
      addNote(table, event, 'conflict', '', conflictInWords(event));
      return;
    case 'ignored':
      addNote(table, event, 'ignored', timeOf(table, event), ignoredInWords(event));
      return;
    case 'after-reset':
      addWords(table, block, afterResetInWords(event));
      return;
    case 'reset':
      addNote(table, event, 'reset', timeOf(table, event), 'dropped the connection, both sides are over');
      return;
    case 'close':
      closeBlock(table, block, event);
  }
}

function openBlock({ groups, open }: TableState, conversation: Conversation): void {
  const { index } = conversation;
  const [client, server] = [noCounts(), noCounts()];
  open.set(index, { index, client, server, framed: null, early: NO_ROWS, rows: 0, dropped: 0 });
  groups.open(index, conversation);
}

function addFraming(table: TableState, block: Block, { name, reason }: FramingChosen): void {
  block.framed = name !== null;
  const { framings } = table;
  const words = framingInWords(name, reason, FRAMING_OPTIONS);
  const row = framings.get(words) ?? table.rows.words('    ', words);
  framings.set(words, row);
  table.groups.row(block.index, row);
  table.groups.row(block.index, table.rows.names);
  if (!block.framed || table.options.chunks) for (const text of block.early) addRow(table, block, text);
  block.early = NO_ROWS;
}

function addChunk(table: TableState, block: Block, chunk: StreamChunk): void {
  block[chunk.from].chunks++;
  if (block.framed && !table.options.chunks) return;
  const text = () => chunkRow(table.rows, chunk, timeOf(table, chunk));
  if (block.framed === null) block.early = [...block.early, text];
  else addRow(table, block, text);
}

function addFrame(table: TableState, block: Block, frame: InspectedFrame): void {
  const counts = block[frame.from];
  counts.frames++;
  counts.glued += isCoalesced(frame) ? 1 : 0;
  counts.cut += isSplit(frame) ? 1 : 0;
  addRow(table, block, () => frameRow(table.rows, frame, timeOf(table, frame)));
}

/** Adds a row of a frame, a chunk or a gap, unless there are enough. */
function addRow({ groups, rowsMax }: TableState, block: Block, text: () => string): void {
  if (block.rows >= rowsMax) block.dropped++;
  else {
    block.rows++;
    groups.row(block.index, text());
  }
}

function addNote(
  { groups, rows }: TableState,
  { conversation, from }: { readonly conversation: Conversation; readonly from: Side },
  what: string,
  time: string,
  text: string,
): void {
  groups.row(conversation.index, rows.note(from, what, time, text));
}

function addWords({ groups, rows }: TableState, { index }: Block, text: string): void {
  groups.row(index, rows.words('    ', text));
}

function closeBlock(table: TableState, block: Block, close: ConversationClose): void {
  const { groups, open, rows } = table;
  const { index } = block;
  if (block.dropped > 0) groups.row(index, `           … and ${formatCount(block.dropped)} more`);
  for (const from of ['client', 'server'] as const) {
    const text = sideInWords(block[from], close.totals[from], block.framed === true);
    groups.row(index, rows.words(`  ${arrow[from]} `, text));
  }
  const duration = formatNanos(close.endedAt - close.conversation.startedAt);
  addWords(table, block, `${closeInWords[close.reason]} after ${duration}`);
  groups.close(index);
  open.delete(index);
}

function timeOf(
  { options }: TableState,
  { capturedAt, conversation }: { readonly capturedAt: bigint; readonly conversation: Conversation },
): string {
  return options.absolute ? isoTime(capturedAt).slice(11, 26) : elapsed(capturedAt - conversation.startedAt);
}
