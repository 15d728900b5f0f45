/**
 * Compares recorded replies with live ones: two streams of frames, compared as they come.
 *
 * ```text
 *  recorded ──▶ deframe ──▶ expected ─┐
 *                                     ├─▶ pairs ──▶ differences
 *  live ──────▶ deframe ──▶ got ──────┘
 * ```
 *
 * The stream that is ahead waits for the other: `recordedBytesWaiting` and `liveBytesWaiting` say how many bytes wait,
 * and the caller bounds them. Bodies are compared piece by piece, never collected.
 */
import type { StreamChunk } from '../stream-event.ts';
import { comparePairs, excerpt } from './compare-items.ts';
import {
  type ComparisonState,
  createComparisonState,
  DIFFERENCES_MAX,
  report,
  stop,
} from './comparison-state.ts';
import { describeValue } from './difference.ts';
import type { Replies, ReplyDifference } from './replies.ts';
import { clear, dropBodies, finishStream, NOWHERE, type ReplyStream, takeBytes } from './reply-stream.ts';

export interface Comparison {
  /** The next bytes that the client sends. */
  readonly sent: (bytes: Uint8Array) => void;
  readonly recorded: (chunk: StreamChunk) => void;
  /** Something of the recorded replies is missing: from here on nothing can be compared. */
  readonly markIncomplete: () => void;
  readonly live: (bytes: Uint8Array) => void;
  /** The live side sends nothing more. */
  readonly liveEnd: () => void;
  /**
   * How many whole frames must come before the live side is where the recording was when so many bytes had been seen;
   * all recorded frames for null.
   */
  readonly expectedFrames: (seen: number | null) => number;
  /** Whole frames that came from the live side, of those that count. */
  readonly liveFrames: () => number;
  /** Whether the live side cannot send whole frames any more, while the recording had some. */
  readonly isUnreadable: () => boolean;
  /** Bytes of the recording that wait for the live side, and bytes of the live side that wait for the recording. */
  readonly recordedBytesWaiting: () => number;
  readonly liveBytesWaiting: () => number;
  /** Nothing more comes of either side. */
  readonly end: (unpaired: UnpairedReplies) => void;
  /** The first ten. */
  readonly differences: readonly ReplyDifference[];
  /** Differences beyond those. */
  readonly more: () => number;
  /** Replies of the live side, of those that count. */
  readonly replies: () => number;
  /** Replies that both have; without a framing, bytes. */
  readonly compared: () => number;
  /** Whether all of the replies could be compared. */
  readonly isComplete: () => boolean;
}

/**
 * Which replies that only one side has are differences: the recorded ones (`missing`), those and the live ones
 * (`both`), or `neither`, when it is not known which replies there should be.
 */
export type UnpairedReplies = 'missing' | 'both' | 'neither';

/** @param replies null compares the bytes as they are, and counts no frames. */
export function createComparison<H>(replies: Replies<H> | null): Comparison {
  // Headers come from these replies and go only to them, so nothing here depends on their type.
  const comparison = createComparisonState(replies as Replies<unknown> | null);
  const { tracker, recorded, live } = comparison;
  return {
    sent: tracker.sent,
    recorded: (chunk) => addRecorded(comparison, chunk),
    markIncomplete: () => markIncomplete(comparison),
    live: (bytes) => addLive(comparison, bytes),
    liveEnd: () => endLive(comparison),
    expectedFrames: (seen) => expectedFrames(comparison, seen),
    liveFrames: () => live.frames,
    isUnreadable: () => live.isUnreadable && !comparison.isIncomplete,
    recordedBytesWaiting: () => recorded.waitingBytes,
    liveBytesWaiting: () => live.waitingBytes,
    end: (unpaired) => end(comparison, unpaired),
    differences: comparison.differences,
    more: () => comparison.moreDifferences,
    replies: () => live.frames,
    compared: () => comparison.compared,
    isComplete: () => !comparison.isIncomplete,
  };
}

function addRecorded(comparison: ComparisonState, chunk: StreamChunk): void {
  if (comparison.isIncomplete) return;
  const { recorded, live } = comparison;
  // A copy: what waits must not keep the whole block of the file it is a view of.
  takeBytes(recorded, new Uint8Array(chunk.bytes), { packet: chunk.packet, at: chunk.capturedAt });
  if (comparison.isStopped) clear(recorded);
  comparePairs(comparison);
  // Missing replies are reported at the end, by their heads.
  if (comparison.isLiveOver && live.items.length === 0) dropBodies(recorded, DIFFERENCES_MAX + 1);
}

function addLive(comparison: ComparisonState, bytes: Uint8Array): void {
  const { recorded, live } = comparison;
  takeBytes(live, bytes, NOWHERE);
  if (comparison.isStopped) clear(live);
  comparePairs(comparison);
  // Unexpected replies are reported at the end, by their heads, so their bodies need not be kept.
  if (comparison.isRecordedOver && recorded.items.length === 0) dropBodies(live, DIFFERENCES_MAX + 1);
}

function endLive(comparison: ComparisonState): void {
  if (comparison.isLiveOver) return;
  comparison.isLiveOver = true;
  finishStream(comparison.live);
  comparePairs(comparison);
}

function markIncomplete(comparison: ComparisonState): void {
  if (comparison.isIncomplete) return;
  comparison.isIncomplete = true;
  stop(comparison);
}

function expectedFrames(comparison: ComparisonState, seen: number | null): number {
  const { recorded, live, frameEnds } = comparison;
  if (seen === null) return recorded.frames;
  for (; comparison.framesReached < live.frames && frameEnds.length > 0; comparison.framesReached++) {
    frameEnds.shift();
  }
  let frames = comparison.framesReached;
  for (const end of frameEnds) {
    if (end > seen) break;
    frames++;
  }
  return frames;
}

function end(comparison: ComparisonState, unpaired: UnpairedReplies): void {
  if (comparison.isRecordedOver) return;
  comparison.isRecordedOver = true;
  finishStream(comparison.recorded);
  if (!comparison.isLiveOver) finishStream(comparison.live);
  if (!comparison.isIncomplete && !comparison.isStopped) {
    comparePairs(comparison);
    if (unpaired !== 'neither') reportMissing(comparison);
    if (unpaired === 'both') reportUnexpected(comparison);
  }
  stop(comparison);
}

/** Reports what is left of the recorded replies. */
function reportMissing(comparison: ComparisonState): void {
  const { recorded, bodyOffset } = comparison;
  for (const item of recorded.items) {
    if (item.type !== 'head') continue;
    comparison.reply++;
    const text = `${describeValue(item.header)} was recorded, and does not come`;
    report(comparison, 'missing', text, { expected: item.header, got: undefined }, [], item);
  }
  const bytes = unframedBytes(comparison, recorded);
  if (bytes === null) return;
  const text = `the replies are shorter than the recorded ones, from byte ${bodyOffset} on`;
  report(comparison, 'bytes', text, { expected: excerpt(bytes), got: undefined });
}

/** Reports what is left of the live replies. */
function reportUnexpected(comparison: ComparisonState): void {
  const { live, bodyOffset } = comparison;
  for (const item of live.items) {
    if (item.type !== 'head') continue;
    comparison.reply++;
    const text = `${describeValue(item.header)} comes, and was not recorded`;
    report(comparison, 'unexpected', text, { expected: undefined, got: item.header }, [], null);
  }
  const bytes = unframedBytes(comparison, live);
  if (bytes === null) return;
  const text = `the replies are longer than the recorded ones, from byte ${bodyOffset} on`;
  report(comparison, 'bytes', text, { expected: undefined, got: excerpt(bytes) });
}

/** The first bytes that wait, of replies without a framing; null when none do. */
function unframedBytes({ replies }: ComparisonState, { items }: ReplyStream): Uint8Array | null {
  const first = items.first();
  return replies === null && first?.type === 'data' ? first.bytes : null;
}
