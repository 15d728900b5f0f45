/** A conversation while it is collected: its numbers, and the rows that were not handed out yet. */
import { printable } from '../../../base/printable.ts';
import { formatNanos } from '../../../base/units.ts';
import type {
  FramingChosen,
  InspectedFault,
  InspectedFrame,
} from '../../../capture/inspect/inspect-event.ts';
import { closeInWords, framingInWords, gapInWords, isoTime } from '../../../capture/inspect/words.ts';
import type {
  Conversation,
  ConversationClose,
  StreamChunk,
  StreamConflict,
  StreamGap,
} from '../../../capture/stream-event.ts';
import { addToDensity, createDensity, type Density, pageDensity } from './density.ts';
import type { PageLimits, Remaining } from './limits.ts';
import type { ConversationUpdate, SideCounts, SideUpdate } from './page-data.ts';
import { addChunkRow, addFrameRow, noRows, packed, type SideRows } from './side-rows.ts';

export interface CollectedSide {
  rows: SideRows;
  /** Rows of chunks and of frames that there have been. */
  chunkRows: number;
  frameRows: number;
  readonly counts: SideCounts;
  /** Of what has no row; null while there is none. */
  density: Density | null;
  /** Whether there is no room for its density. */
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
  density: null,
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
    const density = densityOf(side, remaining);
    if (density !== null) addToDensity(density, 'chunks', chunk.position, at);
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
  { glued, cut }: { readonly glued: boolean; readonly cut: boolean },
): void {
  const side = it.sides[frame.from];
  side.counts.frames++;
  if (glued) side.counts.glued++;
  if (cut) side.counts.cut++;
  if (remaining.frames > 0 && side.frameRows < limits.framesEach) {
    remaining.frames--;
    side.frameRows++;
    addFrameRow(side.rows, frame);
    return;
  }
  const density = densityOf(side, remaining);
  if (density === null) return;
  const at = since(frame, frame.deliverableAt);
  addToDensity(density, 'frames', frame.position, at);
  if (glued) addToDensity(density, 'glued', frame.position, at);
  if (cut) addToDensity(density, 'cut', frame.position, at);
}

function densityOf(side: CollectedSide, remaining: Remaining): Density | null {
  if (side.density !== null || side.uncounted) return side.density;
  if (remaining.densities-- <= 0) side.uncounted = true;
  else side.density = createDensity();
  return side.density;
}

export function addGap(
  it: Collected,
  { from, position, length, reason }: StreamGap,
  remaining: Remaining,
): void {
  const { counts, rows } = it.sides[from];
  counts.gaps++;
  counts.missing += length;
  if (remaining.marks-- > 0) rows.gaps.push([position, length, gapInWords[reason]]);
}

export function addFault(it: Collected, fault: InspectedFault, remaining: Remaining): void {
  const { counts, rows } = it.sides[fault.from];
  counts.faults++;
  const { position, code, message, packet } = fault;
  if (remaining.marks-- <= 0) return;
  rows.faults.push([position, code, printable(message), since(fault, fault.capturedAt), packet]);
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
  const { rows, counts, density } = side;
  side.rows = noRows();
  return {
    ...packed(rows),
    counts: { ...counts },
    density: density === null ? null : pageDensity(density),
  };
}

/** Nanoseconds from the beginning of an event's conversation to a time. */
const since = ({ conversation }: { readonly conversation: Conversation }, time: bigint): number =>
  Number(time - conversation.startedAt);
