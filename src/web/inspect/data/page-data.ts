/**
 * What is shown of a recording: totals, and of each conversation its numbers and the rows that are new. A file of
 * `inspect --html` has one update with everything; a worker that reads a capture posts one after the other.
 *
 * Rows are numbers one behind the other, as there may be a hundred thousand, and their first bytes lie end to end beside
 * them. Times are nanoseconds since the conversation's beginning.
 */

export type SideName = 'client' | 'server';
export const sideNames: readonly SideName[] = ['client', 'server'];

/** position, bytes, captured at, deliverable at, packet, how many of its bytes are there */
export const CHUNK_FIELDS = 6;
/**
 * number, position, bytes of head, bytes of body, captured at, deliverable at, chunks, others in the first chunk, others in
 * the last chunk, bytes missing, state (an index of `FRAME_STATES`), first packet, last packet, how many of its bytes are
 * there
 */
export const FRAME_FIELDS = 14;
export const FRAME_STATES = ['whole', 'incomplete', 'unfinished'] as const;

/** position, bytes, why */
export type PageGap = readonly [number, number, string];
/** position, code, message, known at, packet */
export type PageFault = readonly [number, string, string, number, number];
/** position, bytes, the packet whose bytes were dropped */
export type PageConflict = readonly [number, number, number];

/** Totals of a side, with the items that have no row. */
export interface SideCounts {
  chunks: number;
  frames: number;
  glued: number;
  cut: number;
  gaps: number;
  faults: number;
  bytes: number;
  missing: number;
  retransmitted: number;
  outOfOrder: number;
  /** The numbers of conflicts, and of packets that the receiver does not accept. */
  conflicts: number;
  ignored: number;
}

/** How many items without a row are in each of `BINS` equal parts of a scale that begins at 0. */
export interface PageBins {
  /** Bytes or nanoseconds of a part. */
  readonly width: number;
  readonly chunks: ArrayLike<number>;
  readonly frames: ArrayLike<number>;
  readonly glued: ArrayLike<number>;
  readonly cut: ArrayLike<number>;
}

/** The items of a side that have no row, by where they are and by when they came. */
export interface PageDensity {
  readonly bytes: PageBins;
  readonly time: PageBins;
}

/** What is new of a side. */
export interface SideUpdate {
  readonly chunks: Float64Array;
  readonly frames: Float64Array;
  /** A label for each of the frames. */
  readonly labels: readonly string[];
  readonly chunkBytes: Uint8Array;
  readonly frameBytes: Uint8Array;
  readonly gaps: readonly PageGap[];
  readonly faults: readonly PageFault[];
  readonly conflicts: readonly PageConflict[];
  /** As they are now, as is all below. */
  readonly counts: SideCounts;
  /** Null while every item has a row, or there is no room to count them. */
  readonly density: PageDensity | null;
}

export interface ConversationUpdate {
  readonly index: number;
  readonly client: string;
  readonly server: string;
  /** ISO 8601. */
  readonly startedAt: string;
  /** When it began, in nanoseconds since the first conversation did. */
  readonly begun: number;
  /** Its framing and the reason for that framing, in words. */
  readonly framing: string;
  /** The name of its framing, or null. */
  readonly protocol: string | null;
  /** How it ended, in words; empty while it has not. */
  readonly ended: string;
  /** Its duration so far, in nanoseconds. */
  readonly duration: number;
  readonly sides: Readonly<Record<SideName, SideUpdate>>;
}

/** Totals over all conversations, with those that have no row. */
export interface PageTotals {
  conversations: number;
  frames: number;
  chunks: number;
  gaps: number;
  faults: number;
  conflicts: number;
  ignored: number;
}

export interface PageUpdate {
  readonly name: string;
  /** Why the reading ended early, or null. */
  readonly fault: string | null;
  /** The packets that are in no stream, in words: their number for each reason. */
  readonly unread: readonly string[];
  /** IP fragments that overlap and differ, in words: the first of them. */
  readonly differing: readonly string[];
  readonly totals: PageTotals;
  /** Those of which something is new. */
  readonly conversations: readonly ConversationUpdate[];
}
