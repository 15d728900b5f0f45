/**
 * Gathers what is shown of a recording: rows for the first frames and chunks up to limits, the counts of all others by
 * where they are, and the totals. What was handed out is forgotten.
 */
import { printable } from '../../../base/printable.ts';
import type { InspectEvent } from '../../../capture/inspect/inspect-event.ts';
import { afterResetInWords, fragmentConflictInWords, unreadInWords } from '../../../capture/inspect/words.ts';
import {
  addChunk,
  addConflict,
  addFault,
  addFoundAgain,
  addFrame,
  addGap,
  type Collected,
  chooseFraming,
  closeConversation,
  collectedConversation,
  joinWords,
  updateOf,
} from './collected-conversation.ts';
import { FILE_LIMITS, type PageLimits, type Remaining } from './limits.ts';
import type { ConversationUpdate, PageTotals, PageUpdate } from './page-data.ts';

/** The most reasons for unread packets, and differing fragments, that are shown. */
const UNREAD_SHOWN = 20;
const CONFLICTS_SHOWN = 5;

export interface Collector {
  take(event: InspectEvent): void;
  /**
   * What is new since the last call.
   *
   * @param fault why the reading ended early, or null.
   */
  flush(fault?: string | null): PageUpdate;
  /** Whether there was more than one update has. */
  hasMore(): boolean;
}

export interface CollectOptions {
  readonly limits?: PageLimits;
  /** What says a framing where none is known, in the words of who shows it. */
  readonly framingHint?: string;
}

interface CollectorState {
  readonly name: string;
  readonly limits: PageLimits;
  readonly framingHint: string;
  /** How much of the limits over all conversations is left. */
  readonly remaining: Remaining;
  readonly totals: PageTotals;
  /** The conversations that are shown, by their index: at most `limits.conversations`. Those that are over have no rows. */
  readonly shown: Map<number, Collected>;
  /** Those of which something is new. */
  readonly changed: Set<Collected>;
  /** Differing IP fragments, in words. At most `CONFLICTS_SHOWN`. */
  readonly differing: string[];
  unread: readonly string[];
  /** When the first conversation began, in nanoseconds since 1970. */
  firstAt: bigint | null;
}

export function createCollector(name: string, options: CollectOptions = {}): Collector {
  const { limits = FILE_LIMITS, framingHint = 'none was chosen' } = options;
  const { chunks, frames, near, marks, bytes, densities } = limits;
  const collector: CollectorState = {
    name,
    limits,
    framingHint,
    remaining: { chunks, frames, near, marks, bytes, densities },
    totals: { conversations: 0, frames: 0, chunks: 0, gaps: 0, faults: 0, conflicts: 0, ignored: 0 },
    shown: new Map(),
    changed: new Set(),
    differing: [],
    unread: [],
    firstAt: null,
  };
  return {
    take: (event) => take(collector, event),
    flush: (fault = null) => flush(collector, fault),
    hasMore: () => collector.changed.size > 0,
  };
}

function take(collector: CollectorState, event: InspectEvent): void {
  count(collector, event);
  const { differing, shown, limits, remaining } = collector;
  if (event.type === 'unread') collector.unread = unreadInWords(event, UNREAD_SHOWN).map(printable);
  if (event.type === 'fragment-conflict' && differing.length < CONFLICTS_SHOWN) {
    differing.push(printable(fragmentConflictInWords(event)));
  }
  if (!('conversation' in event)) return;
  if (event.type === 'open') {
    open(collector, event.conversation);
    return;
  }
  const it = shown.get(event.conversation.index);
  if (it === undefined) return;
  collector.changed.add(it);
  switch (event.type) {
    case 'after-reset':
      // It may come behind the close.
      it.ended = joinWords(it.ended, afterResetInWords(event));
      return;
    case 'framing':
      chooseFraming(it, event, collector.framingHint);
      return;
    case 'chunk':
      addChunk(it, event, limits, remaining);
      return;
    case 'frame':
      addFrame(it, event, limits, remaining);
      return;
    case 'gap':
      addGap(it, event, remaining);
      return;
    case 'fault':
      addFault(it, event, remaining);
      return;
    case 'found-again':
      addFoundAgain(it, event, remaining);
      return;
    case 'conflict':
      addConflict(it, event, remaining);
      return;
    case 'ignored':
      it.sides[event.from].counts.ignored++;
      return;
    case 'close':
      closeConversation(it, event);
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

function open(collector: CollectorState, conversation: Parameters<typeof collectedConversation>[0]): void {
  const { changed, limits, shown } = collector;
  collector.firstAt ??= conversation.startedAt;
  if (shown.size >= limits.conversations) return;
  const it = collectedConversation(conversation, collector.firstAt);
  shown.set(it.index, it);
  changed.add(it);
}

function flush(collector: CollectorState, fault: string | null): PageUpdate {
  const { name, unread, changed, differing, totals, limits } = collector;
  const conversations: ConversationUpdate[] = [];
  for (const it of changed) {
    if (conversations.length === limits.updated) break;
    conversations.push(updateOf(it));
    changed.delete(it);
  }
  return {
    name: printable(name),
    fault: fault === null ? null : printable(fault),
    unread,
    differing: [...differing],
    totals: { ...totals },
    conversations,
  };
}
