/** The state of a comparison of recorded replies with live ones, and the list of differences. */
import { createFifo, type Fifo } from '../../base/fifo.ts';
import { createRequestTracker, type RequestTracker } from './asked-replies.ts';
import type { ValueDifference } from './difference.ts';
import type { Replies, ReplyDifference } from './replies.ts';
import { clear, createReplyStream, type ReplyHead, type ReplyStream } from './reply-stream.ts';

export interface ComparisonState {
  /** Null compares the bytes as they are, without frames. */
  readonly replies: Replies<unknown> | null;
  readonly tracker: RequestTracker<unknown>;
  readonly recorded: ReplyStream;
  readonly live: ReplyStream;
  /** At most `DIFFERENCES_MAX`. */
  readonly differences: ReplyDifference[];
  /** Differences beyond those. */
  moreDifferences: number;
  /** The number of the current reply, from 1. */
  reply: number;
  /** Replies that both sides have; without a framing, bytes. */
  compared: number;
  /** The head of the current reply, which a difference in its body refers to. */
  head: ReplyHead | null;
  /** The offset in the body of the current reply; without a framing, in the stream. */
  bodyOffset: number;
  /** Whether a difference of the current body is reported, or its length differs. */
  bodyDiffers: boolean;
  /** Whether something of the recorded replies is missing, or cannot be compared. */
  isIncomplete: boolean;
  /** Whether nothing more is compared. */
  isStopped: boolean;
  /** Whether the recorded side, and the live side, send nothing more. */
  isRecordedOver: boolean;
  isLiveOver: boolean;
  /**
   * Ends of recorded frames that the live side has not come to yet, as offsets in the recorded bytes. Bounded by the
   * frames that are recorded and have not come.
   */
  readonly frameEnds: Fifo<number>;
  /** How many recorded frames the live side has come to. */
  framesReached: number;
}

/** Differences that are kept of a conversation. */
export const DIFFERENCES_MAX = 10;

export function createComparisonState(replies: Replies<unknown> | null): ComparisonState {
  const tracker = createRequestTracker(replies);
  const frameEnds = createFifo<number>();
  return {
    replies,
    tracker,
    recorded: createReplyStream(tracker.sideReplies(), (end) => frameEnds.push(end)),
    live: createReplyStream(tracker.sideReplies(), () => {}),
    differences: [],
    moreDifferences: 0,
    reply: 0,
    compared: 0,
    head: null,
    bodyOffset: 0,
    bodyDiffers: false,
    isIncomplete: false,
    isStopped: false,
    isRecordedOver: false,
    isLiveOver: false,
    frameEnds,
    framesReached: 0,
  };
}

/** @param head the recorded head of the reply that differs; null when it was not recorded. */
export function report(
  comparison: ComparisonState,
  kind: ReplyDifference['kind'],
  text: string,
  values: { readonly expected: unknown; readonly got: unknown },
  fields: readonly ValueDifference[] = [],
  head: ReplyHead | null = comparison.head,
): void {
  const { differences, replies, reply } = comparison;
  if (differences.length === DIFFERENCES_MAX) {
    comparison.moreDifferences++;
    return;
  }
  const { packet = null, at = null } = head ?? {};
  const prefix = replies === null ? '' : `reply ${reply}: `;
  differences.push({ kind, reply, packet, at, ...values, fields, message: `${prefix}${text}` });
}

/** Nothing more is compared. */
export function stop(comparison: ComparisonState): void {
  comparison.isStopped = true;
  clear(comparison.recorded);
  clear(comparison.live);
}
