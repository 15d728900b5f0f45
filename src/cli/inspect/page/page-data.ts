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
  /** Totals, with the items that the page does not show. */
  readonly counts: {
    chunks: number;
    frames: number;
    glued: number;
    cut: number;
    bytes: number;
    missing: number;
    retransmitted: number;
    outOfOrder: number;
    /** The numbers of conflicts, and of packets that the receiver does not accept. */
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
  /** Its framing and the reason for that framing, in words. */
  framing: string;
  /** How it ended, in words. */
  ended: string;
  /** Its duration in nanoseconds. */
  duration: number;
  readonly sides: Readonly<Record<PageSideName, PageSide>>;
}

export interface PageData {
  readonly name: string;
  /** Why the reading ended early, or null. */
  fault: string | null;
  /** The packets that are in no stream, in words: their number for each reason. */
  readonly unread: readonly string[];
  /** IP fragments that overlap and differ, in words: the first of them. */
  readonly differing: readonly string[];
  /** Totals over all conversations, with those that the page does not show. */
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
