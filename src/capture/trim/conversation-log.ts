/**
 * The conversations of a capture that are kept, in memory and bounded: what each side sent, and when, in the order of
 * the recording. Chunks are copies, so they can be redacted in place.
 */

import { concatBytes } from '../../base/bytes.ts';
import type { Capture } from '../capture.ts';
import { type CaptureFault, isCaptureFault } from '../capture-fault.ts';
import { type Selection, selects } from '../inspect/selection.ts';
import { readStreams, type StreamOptions } from '../read-streams.ts';
import type { Conversation, ConversationEvent, Side } from '../stream-event.ts';

/** One thing that a side did. */
export type LoggedEvent =
  | { readonly type: 'open'; readonly of: LoggedConversation; readonly time: bigint }
  | {
      readonly type: 'chunk';
      readonly of: LoggedConversation;
      readonly from: Side;
      readonly position: number;
      readonly bytes: Uint8Array;
      /** As in `StreamChunk`. */
      readonly seen: number | null;
      readonly time: bigint;
    }
  | {
      readonly type: 'gap';
      readonly of: LoggedConversation;
      readonly from: Side;
      readonly position: number;
      readonly length: number;
    }
  | {
      readonly type: 'end' | 'reset';
      readonly of: LoggedConversation;
      readonly from: Side;
      readonly position: number;
      readonly time: bigint;
    };

/** A conversation that is kept. */
export interface LoggedConversation {
  readonly recorded: Conversation;
  /** Bytes of each side that are in the capture. */
  readonly bytes: Record<Side, number>;
  /** Bytes of each side that the capture lacks. */
  readonly missing: Record<Side, number>;
  /** The first bytes of each side, at most `FIRST_BYTES`: they show the protocol. */
  readonly first: Record<Side, Uint8Array>;
  /** Whether the log ends before it does, as the log may be no longer. */
  isCut: boolean;
}

export interface ConversationLog {
  /** In the order of their first packets. */
  readonly conversations: readonly LoggedConversation[];
  readonly events: readonly LoggedEvent[];
  /** How many conversations were wanted beyond `maxConversations`. */
  readonly leftOut: number;
  /** Why the capture could not be read to its end, when something of it could; else null. */
  readonly fault: CaptureFault | null;
}

export interface ConversationLogOptions {
  /** Which conversations; default all. */
  readonly only?: Selection;
  /** The most bytes, those of the packets' headers included. */
  readonly maxBytes: number;
  readonly maxConversations: number;
  readonly streams?: StreamOptions;
}

const FIRST_BYTES = 16;
/** The bytes around the payload of a packet in a pcapng file: the block, and the headers of IP and TCP. */
const PACKET_COST_BYTES = 88;

/**
 * Reads the conversations that are wanted. Stops at `maxBytes`: then those that are open are cut there. Of a capture
 * that cannot be read to its end it has what came before; it throws the `CaptureFault` when that is nothing.
 */
export async function logConversations(
  capture: Capture,
  { only, maxBytes, maxConversations, streams }: ConversationLogOptions,
): Promise<ConversationLog> {
  const isWanted = selects(only);
  const logged = new Map<Conversation, LoggedConversation>();
  const open = new Set<LoggedConversation>();
  const events: LoggedEvent[] = [];
  let leftOut = 0;
  let size = 0;

  function take(event: ConversationEvent): void {
    const { conversation } = event;
    if (event.type === 'open') {
      if (!isWanted(conversation)) return;
      if (logged.size === maxConversations) {
        leftOut++;
        return;
      }
      const of = createLogged(conversation);
      logged.set(conversation, of);
      open.add(of);
      size += 3 * PACKET_COST_BYTES;
      events.push({ type: 'open', of, time: conversation.startedAt });
      return;
    }
    const of = logged.get(conversation);
    if (of === undefined) return;
    if (event.type === 'close') {
      open.delete(of);
      return;
    }
    const next = logEvent(of, event);
    if (next === null) return;
    size += PACKET_COST_BYTES + (next.type === 'chunk' ? next.bytes.length : 0);
    if (size <= maxBytes) events.push(next);
  }

  let fault: CaptureFault | null = null;
  try {
    for await (const batch of readStreams(capture, { resets: 'in-place', ...streams })) {
      for (const event of batch) {
        if (size <= maxBytes && 'conversation' in event) take(event);
      }
      if (size > maxBytes) break;
    }
  } catch (thrown) {
    if (!isCaptureFault(thrown) || events.length === 0) throw thrown;
    fault = thrown;
  }
  if (size > maxBytes) for (const of of open) of.isCut = true;
  return { conversations: [...logged.values()], events, leftOut, fault };
}

/** The events of each conversation, in their order. */
export function eventsOfEach({
  conversations,
  events,
}: ConversationLog): ReadonlyMap<LoggedConversation, readonly LoggedEvent[]> {
  const each = new Map(conversations.map((of) => [of, [] as LoggedEvent[]]));
  for (const event of events) each.get(event.of)?.push(event);
  return each;
}

const NO_BYTES = new Uint8Array(0);

const createLogged = (recorded: Conversation): LoggedConversation => ({
  recorded,
  bytes: { client: 0, server: 0 },
  missing: { client: 0, server: 0 },
  first: { client: NO_BYTES, server: NO_BYTES },
  isCut: false,
});

function logEvent(of: LoggedConversation, event: ConversationEvent): LoggedEvent | null {
  switch (event.type) {
    case 'chunk': {
      const { from, position, seen, deliverableAt: time } = event;
      // A copy: it is redacted in place, and must not keep a whole block of the file.
      const bytes = new Uint8Array(event.bytes);
      of.bytes[from] += bytes.length;
      const first = of.first[from];
      if (position === first.length && first.length < FIRST_BYTES) {
        of.first[from] = concatBytes([first, bytes.subarray(0, FIRST_BYTES - first.length)]);
      }
      return { type: 'chunk', of, from, position, bytes, seen, time };
    }
    case 'gap': {
      const { from, position, length } = event;
      of.missing[from] += length;
      return { type: 'gap', of, from, position, length };
    }
    case 'end':
    case 'reset': {
      const { type, from, position, deliverableAt: time } = event;
      return { type, of, from, position, time };
    }
    default:
      return null;
  }
}
