/**
 * The data of the page: JSON, with rows of numbers, since there may be thousands. Times are nanoseconds since the
 * conversation's beginning.
 */

export type PageSideName = 'client' | 'server';

/** position, bytes, captured at, deliverable at, packet, its first bytes in base64 */
export type PageChunk = readonly [number, number, number, number, number, string];

/**
 * number, position, bytes of head, bytes of body, captured at, deliverable at, chunks, others in the first chunk,
 * others in the last chunk, bytes missing, state, first packet, last packet, label, its first bytes in base64
 */
export type PageFrame = readonly [
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  'whole' | 'incomplete' | 'unfinished',
  number,
  number,
  string | null,
  string,
];

/** position, bytes, why */
export type PageGap = readonly [number, number, string];

/** position, code, message, known at, packet */
export type PageFault = readonly [number, string, string, number, number];

export interface PageSide {
  readonly chunks: PageChunk[];
  readonly frames: PageFrame[];
  readonly gaps: PageGap[];
  readonly faults: PageFault[];
  /** Totals, of what is shown and what is not. */
  readonly counts: {
    chunks: number;
    frames: number;
    glued: number;
    cut: number;
    bytes: number;
    missing: number;
    retransmitted: number;
    outOfOrder: number;
    /** Bytes that came twice and differed, so many times; and packets that its receiver does not heed. */
    conflicts: number;
    ignored: number;
  };
}

export interface PageConversation {
  readonly index: number;
  readonly client: string;
  readonly server: string;
  /** ISO 8601. */
  readonly startedAt: string;
  /** In words: by which framing, and why that. */
  framing: string;
  /** In words: how it ended. */
  ended: string;
  /** Nanoseconds it took. */
  duration: number;
  readonly sides: Readonly<Record<PageSideName, PageSide>>;
}

export interface PageData {
  readonly name: string;
  /** Why the reading ended early, or null. */
  fault: string | null;
  /** Packets that are in no stream, in words: how many for which reason. */
  readonly unread: readonly string[];
  /** Fragments of IP that overlap and differ, in words, each: the first. */
  readonly differing: readonly string[];
  /** Totals over all conversations, of what is shown and what is not. */
  readonly totals: {
    conversations: number;
    frames: number;
    chunks: number;
    gaps: number;
    faults: number;
    conflicts: number;
    ignored: number;
  };
  readonly conversations: PageConversation[];
}
