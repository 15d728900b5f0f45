/** Gathers the data of a page: the first items of a recording, up to limits, and the totals. */
import { formatNanos } from '../../base/units.ts';
import { type InspectEvent, isCoalesced, isSplit } from '../../capture/inspect/inspect-event.ts';
import { printable } from '../shared/format.ts';
import type { PageConversation, PageData, PageSide } from './page/page-data.ts';
import {
  afterResetInWords,
  closeInWords,
  fragmentConflictInWords,
  framingInWords,
  gapInWords,
  isoTime,
  unreadInWords,
} from './words.ts';

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

export function createCollector(name: string, limits: PageLimits = PAGE_LIMITS): Collector {
  const totals = {
    conversations: 0,
    frames: 0,
    chunks: 0,
    gaps: 0,
    faults: 0,
    conflicts: 0,
    ignored: 0,
  };
  const conversations: PageConversation[] = [];
  /** Conversations that are shown, and those of them that are open. */
  const shown = new Map<number, PageConversation>();
  const open = new Map<number, PageConversation>();
  const remaining = { ...limits };
  const differing: string[] = [];
  let unread: readonly string[] = [];

  const base64 = (bytes: Uint8Array, bytesMax: number): string =>
    Buffer.from(bytes.subarray(0, bytesMax)).toString('base64');

  function take(event: InspectEvent): void {
    count(event);
    if (event.type === 'unread') unread = unreadInWords(event, UNREAD_SHOWN);
    if (event.type === 'fragment-conflict' && differing.length < CONFLICTS_SHOWN) {
      differing.push(printable(fragmentConflictInWords(event)));
    }
    if (!('conversation' in event)) return;
    const { conversation } = event;
    if (event.type === 'open') {
      if (conversations.length >= limits.conversations) return;
      const { index, client, server, startedAt, opening } = conversation;
      const it: PageConversation = {
        index,
        client,
        server,
        startedAt: isoTime(startedAt),
        framing: opening === 'midstream' ? 'recorded from the middle' : '',
        ended: '',
        duration: 0,
        sides: { client: emptySide(), server: emptySide() },
      };
      open.set(index, it);
      shown.set(index, it);
      conversations.push(it);
      return;
    }
    if (event.type === 'after-reset') {
      const of = shown.get(conversation.index);
      if (of !== undefined) of.ended = [of.ended, afterResetInWords(event)].filter(Boolean).join(', ');
      return;
    }
    const it = open.get(conversation.index);
    if (it === undefined) return;
    const since = (time: bigint): number => Number(time - conversation.startedAt);
    switch (event.type) {
      case 'framing':
        it.framing = [framingInWords(event.name, event.reason), it.framing].filter(Boolean).join(', ');
        return;
      case 'chunk': {
        const { position, bytes, capturedAt, deliverableAt, packet } = event;
        const { chunks, counts } = it.sides[event.from];
        counts.chunks++;
        if (remaining.chunks <= 0) return;
        remaining.chunks--;
        const shown = Math.min(limits.chunkBytes, bytes.length, remaining.bytes);
        remaining.bytes -= shown;
        const times = [since(capturedAt), since(deliverableAt)] as const;
        chunks.push([position, bytes.length, ...times, packet, base64(bytes, shown)]);
        return;
      }
      case 'frame': {
        const { frames, counts } = it.sides[event.from];
        counts.frames++;
        if (isCoalesced(event)) counts.glued++;
        if (isSplit(event)) counts.cut++;
        if (remaining.frames <= 0) return;
        remaining.frames--;
        const { label, sample } = event;
        frames.push([
          event.number,
          event.position,
          event.head,
          event.length,
          since(event.capturedAt),
          since(event.deliverableAt),
          event.chunks,
          event.firstShared,
          event.lastShared,
          event.missing,
          event.state,
          event.firstPacket,
          event.lastPacket,
          label === null ? null : printable(label),
          base64(sample, sample.length),
        ]);
        return;
      }
      case 'gap':
        if (remaining.marks-- > 0)
          it.sides[event.from].gaps.push([event.position, event.length, gapInWords[event.reason]]);
        return;
      case 'fault': {
        const { position, code, message, capturedAt, packet } = event;
        if (remaining.marks-- > 0)
          it.sides[event.from].faults.push([position, code, printable(message), since(capturedAt), packet]);
        return;
      }
      case 'conflict':
        it.sides[event.from].counts.conflicts++;
        return;
      case 'ignored':
        it.sides[event.from].counts.ignored++;
        return;
      case 'close': {
        it.duration = since(event.endedAt);
        const ended = `${closeInWords[event.reason]} after ${formatNanos(event.endedAt - conversation.startedAt)}`;
        it.ended = [ended, it.ended].filter(Boolean).join(', ');
        for (const side of ['client', 'server'] as const) {
          const { bytes, missing, retransmitted, outOfOrder } = event.totals[side];
          Object.assign(it.sides[side].counts, { bytes, missing, retransmitted, outOfOrder });
        }
        open.delete(conversation.index);
      }
    }
  }

  function count({ type }: InspectEvent): void {
    if (type === 'open') totals.conversations++;
    else if (type === 'frame') totals.frames++;
    else if (type === 'chunk') totals.chunks++;
    else if (type === 'gap') totals.gaps++;
    else if (type === 'fault') totals.faults++;
    else if (type === 'conflict' || type === 'fragment-conflict') totals.conflicts++;
    else if (type === 'ignored') totals.ignored++;
  }

  return {
    take,
    end: (fault) => ({ name: printable(name), fault, unread, differing, totals, conversations }),
  };
}

const emptySide = (): PageSide => ({
  chunks: [],
  frames: [],
  gaps: [],
  faults: [],
  counts: {
    chunks: 0,
    frames: 0,
    glued: 0,
    cut: 0,
    bytes: 0,
    missing: 0,
    retransmitted: 0,
    outOfOrder: 0,
    conflicts: 0,
    ignored: 0,
  },
});
