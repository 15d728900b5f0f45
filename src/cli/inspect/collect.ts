/**
 * Gathers the data of a page: the first conversations, frames and chunks of a recording up to limits, and the totals.
 */
import {
  type InspectEvent,
  type InspectedFrame,
  isCoalesced,
  isSplit,
} from '../../capture/inspect/inspect-event.ts';
import type { Conversation, StreamChunk } from '../../capture/stream-event.ts';
import { printable } from '../shared/format.ts';
import type { PageConversation, PageData, PageSide } from './page/page-data.ts';
import {
  endConversation,
  joinWords,
  pageChunk,
  pageConversation,
  pageFault,
  pageFrame,
  pageGap,
} from './page-rows.ts';
import { afterResetInWords, fragmentConflictInWords, framingInWords, unreadInWords } from './words.ts';

export interface PageLimits {
  readonly conversations: number;
  /** Over all conversations, as the next three are. */
  readonly frames: number;
  readonly chunks: number;
  /** Gaps, and faults. */
  readonly marks: number;
  /** Bytes of chunks. */
  readonly bytes: number;
  /** Bytes of one chunk. */
  readonly chunkBytes: number;
}

/** Limits within which a browser draws with ease, and a page has at most some 10 MB. */
export const PAGE_LIMITS: PageLimits = {
  conversations: 500,
  frames: 20_000,
  chunks: 30_000,
  marks: 5000,
  bytes: 2 * 1024 * 1024,
  chunkBytes: 256,
};

/** The most reasons for unread packets, and differing fragments, that are shown. */
const UNREAD_SHOWN = 20;
const CONFLICTS_SHOWN = 5;

export interface Collector {
  take(event: InspectEvent): void;
  /** @param fault why the reading ended early, or null. */
  end(fault: string | null): PageData;
}

interface CollectorState {
  readonly name: string;
  readonly limits: PageLimits;
  /** How much of the limits over all conversations is left. */
  readonly remaining: { chunks: number; frames: number; marks: number; bytes: number };
  readonly totals: { -readonly [key in keyof PageData['totals']]: number };
  /** The conversations of the page. At most `limits.conversations`. */
  readonly conversations: PageConversation[];
  /** The same conversations by their index, and the open ones among them. */
  readonly shown: Map<number, PageConversation>;
  readonly open: Map<number, PageConversation>;
  /** Differing IP fragments, in words. At most `CONFLICTS_SHOWN`. */
  readonly differing: string[];
  unread: readonly string[];
}

export function createCollector(name: string, limits: PageLimits = PAGE_LIMITS): Collector {
  const collector: CollectorState = {
    name,
    limits,
    remaining: { chunks: limits.chunks, frames: limits.frames, marks: limits.marks, bytes: limits.bytes },
    totals: { conversations: 0, frames: 0, chunks: 0, gaps: 0, faults: 0, conflicts: 0, ignored: 0 },
    conversations: [],
    shown: new Map(),
    open: new Map(),
    differing: [],
    unread: [],
  };
  return { take: (event) => take(collector, event), end: (fault) => pageData(collector, fault) };
}

function take(collector: CollectorState, event: InspectEvent): void {
  count(collector, event);
  const { differing, open, shown } = collector;
  if (event.type === 'unread') collector.unread = unreadInWords(event, UNREAD_SHOWN);
  if (event.type === 'fragment-conflict' && differing.length < CONFLICTS_SHOWN) {
    differing.push(printable(fragmentConflictInWords(event)));
  }
  if (!('conversation' in event)) return;
  const { index } = event.conversation;
  if (event.type === 'open') {
    addConversation(collector, event.conversation);
    return;
  }
  if (event.type === 'after-reset') {
    // It may come behind the close.
    const it = shown.get(index);
    if (it !== undefined) it.ended = joinWords(it.ended, afterResetInWords(event));
    return;
  }
  const it = open.get(index);
  if (it === undefined) return;
  switch (event.type) {
    case 'framing':
      it.framing = joinWords(framingInWords(event.name, event.reason), it.framing);
      return;
    case 'chunk':
      addChunk(collector, it.sides[event.from], event);
      return;
    case 'frame':
      addFrame(collector, it.sides[event.from], event);
      return;
    case 'gap':
      if (collector.remaining.marks-- > 0) it.sides[event.from].gaps.push(pageGap(event));
      return;
    case 'fault':
      if (collector.remaining.marks-- > 0) it.sides[event.from].faults.push(pageFault(event));
      return;
    case 'conflict':
      it.sides[event.from].counts.conflicts++;
      return;
    case 'ignored':
      it.sides[event.from].counts.ignored++;
      return;
    case 'close':
      endConversation(it, event);
      open.delete(index);
  }
}

function count({ totals }: CollectorState, { type }: InspectEvent): void {
  if (type === 'open') totals.conversations++;
  else if (type === 'frame') totals.frames++;
  else if (type === 'chunk') totals.chunks++;
  else if (type === 'gap') totals.gaps++;
  else if (type === 'fault') totals.faults++;
  else if (type === 'conflict' || type === 'fragment-conflict') totals.conflicts++;
  else if (type === 'ignored') totals.ignored++;
}

function addConversation(collector: CollectorState, conversation: Conversation): void {
  const { conversations, limits, open, shown } = collector;
  if (conversations.length >= limits.conversations) return;
  const it = pageConversation(conversation);
  open.set(it.index, it);
  shown.set(it.index, it);
  conversations.push(it);
}

function addChunk({ limits, remaining }: CollectorState, side: PageSide, chunk: StreamChunk): void {
  side.counts.chunks++;
  if (remaining.chunks <= 0) return;
  remaining.chunks--;
  const shown = Math.min(limits.chunkBytes, chunk.bytes.length, remaining.bytes);
  remaining.bytes -= shown;
  side.chunks.push(pageChunk(chunk, shown));
}

function addFrame({ remaining }: CollectorState, { frames, counts }: PageSide, frame: InspectedFrame): void {
  counts.frames++;
  if (isCoalesced(frame)) counts.glued++;
  if (isSplit(frame)) counts.cut++;
  if (remaining.frames <= 0) return;
  remaining.frames--;
  frames.push(pageFrame(frame));
}

function pageData(collector: CollectorState, fault: string | null): PageData {
  const { name, unread, differing, totals, conversations } = collector;
  return { name: printable(name), fault, unread, differing, totals, conversations };
}
