/**
 * Compares recorded replies with live ones: two streams of frames, compared as they come.
 *
 * ```text
 *  recorded ──▶ deframe ──▶ expected ─┐
 *                                     ├─▶ pairs ──▶ differences
 *  live ──────▶ deframe ──▶ got ──────┘
 * ```
 *
 * The stream that is ahead waits for the other: `behind` and `ahead` say how many bytes wait, and the caller bounds
 * them. Bodies are compared piece by piece, never collected.
 */
import { createFifo } from '../../base/fifo.ts';
import type { StreamChunk } from '../stream-event.ts';
import { createRequestTracker } from './asked-replies.ts';
import { describeValue, differences, firstDifference, type ValueDifference } from './difference.ts';
import type { Replies, ReplyDifference } from './replies.ts';
import {
  clear,
  consumeBytes,
  createReplyStream,
  dropBodies,
  NOWHERE,
  type ReplyItem,
  shiftItem,
} from './reply-stream.ts';

export interface Comparison {
  /** The next bytes that the client sends. */
  readonly sent: (bytes: Uint8Array) => void;
  readonly recorded: (chunk: StreamChunk) => void;
  /** Something of the recorded replies is missing: from here on nothing can be compared. */
  readonly markIncomplete: () => void;
  readonly live: (bytes: Uint8Array) => void;
  /** The live side says no more. */
  readonly liveEnd: () => void;
  /**
   * How many whole frames must come before the live side is where the recording was when so many bytes had been seen.
   */
  readonly expectedFrames: (seen: number | null) => number;
  /** Frames that came from the live side, whole, of those that count. */
  readonly liveFrames: () => number;
  /** Whether none can come any more, whatever the live side says: it has left the frames, and the recording had not. */
  readonly isUnreadable: () => boolean;
  /** Bytes of the recording that the live side still has to come to, and the other way round; as they wait. */
  readonly recordedBytesWaiting: () => number;
  readonly liveBytesWaiting: () => number;
  /**
   * Nothing more comes, of both.
   *
   * @param telling which replies are a difference that only one side has: the recorded ones (`missing`), those that came
   * too (`both`), or none, since it is not known which there should be.
   */
  readonly end: (telling: 'missing' | 'both' | 'neither') => void;
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

/** Differences that are kept of a conversation. */
const DIFFERENCES_MAX = 10;
/** @param replies without it the bytes are compared as they are, and there are no frames to be counted. */
export function createComparison<H>(replies: Replies<H> | null): Comparison {
  const found: ReplyDifference[] = [];
  let more = 0;
  let reply = 0;
  let compared = 0;
  /** The head of the current reply, which a difference in its body refers to. */
  let head: Extract<ReplyItem, { type: 'head' }> | null = null;
  let bodyAt = 0;
  let bodyDiffers = false;
  let lost = false;
  let stopped = false;
  let recordedOver = false;
  let liveOver = false;
  /**
   * Ends of recorded frames the live side has not come to yet, as offsets in the recorded bytes; and how many it has.
   */
  const ends = createFifo<number>();
  let reached = 0;

  const asking = createRequestTracker(replies);
  const expected = createReplyStream(asking.sideReplies(), (end) => ends.push(end));
  const got = createReplyStream(asking.sideReplies(), () => {});

  function tell(
    kind: ReplyDifference['kind'],
    what: string,
    values: { readonly expected: unknown; readonly got: unknown },
    fields: readonly ValueDifference[] = [],
    of: Extract<ReplyItem, { type: 'head' }> | null = head,
  ): void {
    if (found.length === DIFFERENCES_MAX) {
      more++;
      return;
    }
    const { packet = null, at = null } = of ?? {};
    const which = replies === null ? '' : `reply ${reply}: `;
    found.push({ kind, reply, packet, at, ...values, fields, message: `${which}${what}` });
  }

  function compare(): void {
    while (!stopped && expected.items.length > 0 && got.items.length > 0) {
      const [left, right] = [expected.items.first()!, got.items.first()!];
      if (left.type === 'head' && right.type === 'head') {
        shiftItem(expected);
        shiftItem(got);
        heads(left, right);
      } else if (left.type === 'data' && right.type === 'data') data(left.bytes, right.bytes);
      else if (left.type === 'end' && right.type === 'end') {
        shiftItem(expected);
        shiftItem(got);
      } else if (left.type === 'fault' || right.type === 'fault') faults(left, right);
      // Of bodies that are not as long as each other, the rest: the headers have said so, or this does.
      else if (left.type === 'data') {
        tellLength(left.bytes, undefined);
        shiftItem(expected);
      } else if (right.type === 'data') {
        tellLength(undefined, right.bytes);
        shiftItem(got);
      } else return;
    }
  }

  function heads(
    left: Extract<ReplyItem, { type: 'head' }>,
    right: Extract<ReplyItem, { type: 'head' }>,
  ): void {
    reply++;
    compared++;
    head = left;
    bodyAt = 0;
    bodyDiffers = false;
    const ignored = replies?.ignored;
    const isIgnored = ignored === undefined ? undefined : (path: string) => ignored(path, left.header as H);
    const fields = differences(left.header, right.header, isIgnored);
    const values = { expected: left.header, got: right.header };
    if (fields.length > 0) {
      const words = fields.map(
        ({ path, expected, got }) =>
          `${path} was ${describeValue(expected, 120)} and is ${describeValue(got, 120)}`,
      );
      tell('header', words.join('; '), values, fields);
    } else if (left.length !== right.length) {
      tell('header', `a body of ${left.length} bytes, and now of ${right.length}`, values);
    }
    if (left.length !== right.length) bodyDiffers = true;
  }

  function data(left: Uint8Array, right: Uint8Array): void {
    const length = Math.min(left.length, right.length);
    const at = firstDifference(left.subarray(0, length), right.subarray(0, length));
    if (at !== null && !bodyDiffers) {
      bodyDiffers = true;
      const values = { expected: left.subarray(at, at + 16), got: right.subarray(at, at + 16) };
      const where = `byte ${bodyAt + at} ${replies === null ? 'of the replies' : 'of the body'}`;
      const words = `from ${where} on it was ${describeValue(values.expected)} and is ${describeValue(values.got)}`;
      tell(replies === null ? 'bytes' : 'body', words, values);
      // Nothing finds the place again where bytes that are not in frames are the same.
      if (replies === null) stop();
    }
    bodyAt += length;
    if (replies === null) compared += length;
    consumeBytes(expected, left, length);
    consumeBytes(got, right, length);
  }

  function tellLength(left: Uint8Array | undefined, right: Uint8Array | undefined): void {
    if (bodyDiffers) return;
    bodyDiffers = true;
    const words = `the body ${left === undefined ? 'is longer' : 'is shorter'} than the recorded one, from byte ${bodyAt} on`;
    tell('body', words, { expected: left?.subarray(0, 16), got: right?.subarray(0, 16) });
  }

  function faults(left: ReplyItem, right: ReplyItem): void {
    reply++;
    const fault = (item: ReplyItem) => (item.type === 'fault' ? item.fault.code : 'a frame');
    if (fault(left) !== fault(right)) {
      const why = (item: ReplyItem) => (item.type === 'fault' ? item.fault.message : 'a frame');
      const values = { expected: fault(left), got: fault(right) };
      const of = left.type === 'head' ? left : null;
      tell('framing', `what was recorded is ${why(left)}; what comes is ${why(right)}`, values, [], of);
    }
    // Neither is in frames: what follows may be the same or not.
    else lost = true;
    stop();
  }

  /** Nothing more is compared. */
  function stop(): void {
    stopped = true;
    clear(expected);
    clear(got);
  }

  function missing(): void {
    for (const item of expected.items) {
      if (item.type !== 'head') continue;
      reply++;
      const values = { expected: item.header, got: undefined };
      tell('missing', `${describeValue(item.header)} was recorded, and does not come`, values, [], item);
    }
    if (replies === null && expected.items.length > 0) {
      const first = expected.items.first() as Extract<ReplyItem, { type: 'data' }>;
      const values = { expected: first.bytes.subarray(0, 16), got: undefined };
      tell('bytes', `the replies are shorter than the recorded ones, from byte ${bodyAt} on`, values);
    }
  }

  function unexpected(): void {
    for (const item of got.items) {
      if (item.type !== 'head') continue;
      reply++;
      const values = { expected: undefined, got: item.header };
      tell('unexpected', `${describeValue(item.header)} comes, and was not recorded`, values, [], null);
    }
    if (replies === null && got.items.length > 0) {
      const first = got.items.first() as Extract<ReplyItem, { type: 'data' }>;
      const values = { expected: undefined, got: first.bytes.subarray(0, 16) };
      tell('bytes', `the replies are longer than the recorded ones, from byte ${bodyAt} on`, values);
    }
  }

  return {
    sent: asking.sent,
    recorded(chunk) {
      if (lost) return;
      // A copy: what waits must not keep the whole block of the file it is a view of.
      expected.take(new Uint8Array(chunk.bytes), { packet: chunk.packet, at: chunk.capturedAt });
      if (stopped) clear(expected);
      compare();
      // Missing replies are reported at the end, by their heads.
      if (liveOver && got.items.length === 0) dropBodies(expected, DIFFERENCES_MAX + 1);
    },
    markIncomplete() {
      if (lost) return;
      lost = true;
      stop();
    },
    live(bytes) {
      got.take(bytes, NOWHERE);
      if (stopped) clear(got);
      compare();
      // Unexpected replies are reported at the end, by their heads, so their bodies need not be kept.
      if (recordedOver && expected.items.length === 0) dropBodies(got, DIFFERENCES_MAX + 1);
    },
    liveEnd() {
      if (liveOver) return;
      liveOver = true;
      got.finish();
      compare();
    },
    expectedFrames(seen) {
      if (seen === null) return expected.frames;
      for (; reached < got.frames && ends.length > 0; reached++) ends.shift();
      let frames = reached;
      for (const end of ends) {
        if (end > seen) break;
        frames++;
      }
      return frames;
    },
    liveFrames: () => got.frames,
    isUnreadable: () => got.unreadable && !lost,
    recordedBytesWaiting: () => expected.waitingBytes,
    liveBytesWaiting: () => got.waitingBytes,
    end(telling) {
      if (recordedOver) return;
      recordedOver = true;
      expected.finish();
      if (!liveOver) got.finish();
      if (!lost && !stopped) {
        compare();
        if (telling !== 'neither') missing();
        if (telling === 'both') unexpected();
      }
      stop();
    },
    differences: found,
    more: () => more,
    replies: () => got.frames,
    compared: () => compared,
    isComplete: () => !lost,
  };
}
