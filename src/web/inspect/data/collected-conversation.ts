/** A conversation while it is collected: its numbers, and the rows that were not handed out yet. */
import { printable } from '../../../base/printable.ts';
import { formatNanos } from '../../../base/units.ts';
import {
  type FoundAgain,
  type FramingChosen,
  type InspectedFault,
  type InspectedFrame,
  isCoalesced,
  isSplit,
} from '../../../capture/inspect/inspect-event.ts';
import {
  closeInWords,
  foundAgainInWords,
  framingInWords,
  gapInWords,
  isoTime,
} from '../../../capture/inspect/words.ts';
import type {
  Conversation,
  ConversationClose,
  StreamChunk,
  StreamConflict,
  StreamGap,
} from '../../../capture/stream-event.ts';
import { pageDensity } from './density.ts';
import type { PageLimits, Remaining } from './limits.ts';
import type { ConversationUpdate, SideCounts, SideUpdate } from './page-data.ts';
import { addRowlessChunk, addRowlessFrame, giveRows, noRowless, type Rowless, settle } from './rowless.ts';
import { addChunkRow, addFrameRow, noRows, packed, type SideRows } from './side-rows.ts';

export interface CollectedSide {
  rows: SideRows;
  /** Rows of chunks and of frames that there have been. */
  chunkRows: number;
  frameRows: number;
  readonly counts: SideCounts;
  /** What has no row; null while there is none. */
  rowless: Rowless | null;
  /** Whether there is no room to count it by where it is. */
  uncounted: boolean;
}

export interface Collected {
  readonly index: number;
  readonly conversation: Conversation;
  readonly begun: number;
  framing: string;
  protocol: string | null;
  ended: string;
  duration: number;
  readonly sides: { readonly client: CollectedSide; readonly server: CollectedSide };
}

export function collectedConversation(conversation: Conversation, firstAt: bigint): Collected {
  return {
    index: conversation.index,
    conversation,
    begun: Number(conversation.startedAt - firstAt),
    framing: conversation.opening === 'midstream' ? 'recorded from the middle' : '',
    protocol: null,
    ended: '',
    duration: 0,
    sides: { client: emptySide(), server: emptySide() },
  };
}

const emptySide = (): CollectedSide => ({
  rows: noRows(),
  chunkRows: 0,
  frameRows: 0,
  counts: {
    chunks: 0,
    frames: 0,
    glued: 0,
    cut: 0,
    gaps: 0,
    faults: 0,
    bytes: 0,
    missing: 0,
    retransmitted: 0,
    outOfOrder: 0,
    conflicts: 0,
    ignored: 0,
  },
  rowless: null,
  uncounted: false,
});

export const joinWords = (...texts: readonly string[]): string => texts.filter(Boolean).join(', ');

export function chooseFraming(it: Collected, { name, reason }: FramingChosen, hint: string): void {
  it.framing = joinWords(framingInWords(name, reason, hint), it.framing);
  it.protocol = name;
}

export function addChunk(it: Collected, chunk: StreamChunk, limits: PageLimits, remaining: Remaining): void {
  const side = it.sides[chunk.from];
  const at = since(chunk, chunk.deliverableAt);
  side.counts.chunks++;
  side.counts.bytes += chunk.bytes.length;
  it.duration = Math.max(it.duration, at);
  if (remaining.chunks <= 0 || side.chunkRows >= limits.chunksEach) {
    const rowless = rowlessOf(side, remaining);
    if (rowless !== null) addRowlessChunk(rowless, chunk);
    return;
  }
  remaining.chunks--;
  side.chunkRows++;
  const shown = Math.min(limits.chunkBytes, chunk.bytes.length, remaining.bytes);
  remaining.bytes -= shown;
  addChunkRow(side.rows, chunk, shown);
}

export function addFrame(
  it: Collected,
  frame: InspectedFrame,
  limits: PageLimits,
  remaining: Remaining,
): void {
  const side = it.sides[frame.from];
  side.counts.frames++;
  if (isCoalesced(frame)) side.counts.glued++;
  if (isSplit(frame)) side.counts.cut++;
  if (remaining.frames > 0 && side.frameRows < limits.framesEach) {
    remaining.frames--;
    side.frameRows++;
    addFrameRow(side.rows, frame);
    return;
  }
  const rowless = rowlessOf(side, remaining);
  if (rowless !== null) addRowlessFrame(rowless, frame);
}

function rowlessOf(side: CollectedSide, remaining: Remaining): Rowless | null {
  if (side.rowless !== null || side.uncounted) return side.rowless;
  if (remaining.densities-- <= 0) side.uncounted = true;
  else side.rowless = noRowless();
  return side.rowless;
}

export function addGap(
  it: Collected,
  { from, position, length, reason }: StreamGap,
  remaining: Remaining,
): void {
  const { counts, rows, rowless } = it.sides[from];
  counts.gaps++;
  counts.missing += length;
  if (remaining.marks-- <= 0) return;
  rows.gaps.push([position, length, gapInWords[reason]]);
  if (rowless !== null) giveRows(rowless, rows, remaining);
}

export function addFault(it: Collected, fault: InspectedFault, remaining: Remaining): void {
  const { counts, rows, rowless } = it.sides[fault.from];
  counts.faults++;
  const { position, code, message, packet } = fault;
  if (remaining.marks-- <= 0) return;
  if (rowless !== null) giveRows(rowless, rows, remaining);
  rows.faults.push([position, code, printable(message), since(fault, fault.capturedAt), packet]);
}

/** A mark among the faults, since it lies where they do; it is not counted as one. */
export function addFoundAgain(it: Collected, found: FoundAgain, remaining: Remaining): void {
  const { rows, rowless } = it.sides[found.from];
  if (remaining.marks-- <= 0) return;
  if (rowless !== null) giveRows(rowless, rows, remaining);
  const { type, position, packet } = found;
  rows.faults.push([position, type, foundAgainInWords(found), since(found, found.capturedAt), packet]);
}

export function addConflict(it: Collected, conflict: StreamConflict, remaining: Remaining): void {
  const { counts, rows } = it.sides[conflict.from];
  counts.conflicts++;
  if (remaining.marks-- > 0) rows.conflicts.push([conflict.position, conflict.length, conflict.packet]);
}

/** Enters how a conversation ended, and the totals of its sides. */
export function closeConversation(it: Collected, event: ConversationClose): void {
  it.duration = since(event, event.endedAt);
  const ended = `${closeInWords[event.reason]} after ${formatNanos(it.duration)}`;
  it.ended = joinWords(ended, it.ended);
  for (const side of ['client', 'server'] as const) {
    const { bytes, missing, retransmitted, outOfOrder } = event.totals[side];
    Object.assign(it.sides[side].counts, { bytes, missing, retransmitted, outOfOrder });
    const { rowless } = it.sides[side];
    if (rowless !== null) settle(rowless);
  }
}

/** What is new of a conversation. Its rows are forgotten. */
export function updateOf(it: Collected): ConversationUpdate {
  const { index, conversation, begun, framing, protocol, ended, duration, sides } = it;
  const { client, server, startedAt } = conversation;
  const facts = { index, client, server, startedAt: isoTime(startedAt), begun, framing, protocol };
  return {
    ...facts,
    ended,
    duration,
    sides: { client: sideUpdate(sides.client), server: sideUpdate(sides.server) },
  };
}

function sideUpdate(side: CollectedSide): SideUpdate {
  const { rows, counts, rowless } = side;
  side.rows = noRows();
  return {
    ...packed(rows),
    counts: { ...counts },
    density: rowless === null ? null : pageDensity(rowless.density),
  };
}

/** Nanoseconds from the beginning of an event's conversation to a time. */
const since = ({ conversation }: { readonly conversation: Conversation }, time: bigint): number =>
  Number(time - conversation.startedAt);
