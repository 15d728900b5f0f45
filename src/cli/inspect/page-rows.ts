/** Converts conversations, and the events in them, to the data of the page. */
import { formatNanos } from '../../base/units.ts';
import type { InspectedFault, InspectedFrame } from '../../capture/inspect/inspect-event.ts';
import type { Conversation, ConversationClose, StreamChunk, StreamGap } from '../../capture/stream-event.ts';
import { printable } from '../shared/format.ts';
import type {
  PageChunk,
  PageConversation,
  PageFault,
  PageFrame,
  PageGap,
  PageSide,
} from './page/page-data.ts';
import { closeInWords, gapInWords, isoTime } from './words.ts';

/** A conversation that has just begun. */
export function pageConversation(conversation: Conversation): PageConversation {
  const { index, client, server, startedAt, opening } = conversation;
  return {
    index,
    client,
    server,
    startedAt: isoTime(startedAt),
    framing: opening === 'midstream' ? 'recorded from the middle' : '',
    ended: '',
    duration: 0,
    sides: { client: emptySide(), server: emptySide() },
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

/** Enters how a conversation ended, and the totals of its sides. */
export function endConversation(it: PageConversation, event: ConversationClose): void {
  const { startedAt } = event.conversation;
  it.duration = since(event, event.endedAt);
  const ended = `${closeInWords[event.reason]} after ${formatNanos(event.endedAt - startedAt)}`;
  it.ended = joinWords(ended, it.ended);
  for (const side of ['client', 'server'] as const) {
    const { bytes, missing, retransmitted, outOfOrder } = event.totals[side];
    Object.assign(it.sides[side].counts, { bytes, missing, retransmitted, outOfOrder });
  }
}

export const joinWords = (...texts: readonly string[]): string => texts.filter(Boolean).join(', ');

/** @param shown the number of its bytes that the page shows. */
export function pageChunk(chunk: StreamChunk, shown: number): PageChunk {
  const { position, bytes, capturedAt, deliverableAt, packet } = chunk;
  const times = [since(chunk, capturedAt), since(chunk, deliverableAt)] as const;
  return [position, bytes.length, ...times, packet, base64(bytes.subarray(0, shown))];
}

export const pageFrame = (frame: InspectedFrame): PageFrame => [
  frame.number,
  frame.position,
  frame.head,
  frame.length,
  since(frame, frame.capturedAt),
  since(frame, frame.deliverableAt),
  frame.chunks,
  frame.firstShared,
  frame.lastShared,
  frame.missing,
  frame.state,
  frame.firstPacket,
  frame.lastPacket,
  frame.label === null ? null : printable(frame.label),
  base64(frame.sample),
];

export const pageGap = ({ position, length, reason }: StreamGap): PageGap => [
  position,
  length,
  gapInWords[reason],
];

export function pageFault(fault: InspectedFault): PageFault {
  const { position, code, message, packet } = fault;
  return [position, code, printable(message), since(fault, fault.capturedAt), packet];
}

/** Nanoseconds from the beginning of an event's conversation to a time. */
const since = ({ conversation }: { readonly conversation: Conversation }, time: bigint): number =>
  Number(time - conversation.startedAt);

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
