/** One side of a comparison: bytes become frames, and those that count wait to be compared. */

import { createFifo, type Fifo } from '../../base/fifo.ts';
import { type DeframeState, finish, initialDeframeState, stepUpTo } from '../../wire/deframe/deframe-step.ts';
import type { FrameFault } from '../../wire/fault.ts';
import type { FrameEvent } from '../../wire/frame-event.ts';
import type { Replies } from './replies.ts';

/** Frame events made at a time. */
const BATCH_ITEMS = 64;
/** Approximate memory of a waiting item, besides its bytes. */
const ITEM_COST_BYTES = 64;

/** Where in the recording a chunk is. */
export interface RecordedPlace {
  readonly packet: number;
  readonly at: bigint;
}

/** The place of bytes that are not recorded. */
export const NOWHERE: RecordedPlace = { packet: 0, at: 0n };

export interface ReplyHead extends RecordedPlace {
  readonly type: 'head';
  readonly header: unknown;
  readonly length: number;
}

export type ReplyItem =
  | ReplyHead
  | { readonly type: 'data'; readonly bytes: Uint8Array }
  | { readonly type: 'end' }
  | { readonly type: 'fault'; readonly fault: FrameFault };

/** Frames of one of the sides, those that count. */
export interface ReplyStream {
  /** Null treats all bytes as data, without frames. */
  readonly replies: Replies<unknown> | null;
  /** Called for each frame that counts, with the offset behind it. */
  readonly onFrameEnd: (end: number) => void;
  /** Bounded by the code that feeds the comparison; see `recordedBytesWaiting` and `liveBytesWaiting` of `Comparison`. */
  readonly items: Fifo<ReplyItem>;
  /** Approximate memory of the items. */
  waitingBytes: number;
  /** Whole frames so far. */
  frames: number;
  /** Whether no frame can be found any more. */
  isUnreadable: boolean;
  deframing: DeframeState<unknown>;
  /** Whether the frame at hand counts for nothing. */
  isIncidental: boolean;
  /** The offset in the stream behind the frame at hand. */
  frameEnd: number;
}

export const createReplyStream = (
  replies: Replies<unknown> | null,
  onFrameEnd: (end: number) => void,
): ReplyStream => ({
  replies,
  onFrameEnd,
  items: createFifo(),
  waitingBytes: 0,
  frames: 0,
  isUnreadable: false,
  deframing: initialDeframeState(),
  isIncidental: false,
  frameEnd: 0,
});

export function takeBytes(stream: ReplyStream, bytes: Uint8Array, place: RecordedPlace): void {
  const { replies } = stream;
  if (replies === null) return push(stream, { type: 'data', bytes });
  for (let at = 0; at < bytes.length; ) {
    const stepped = stepUpTo(replies.framing, stream.deframing, bytes, at, BATCH_ITEMS);
    stream.deframing = stepped.state;
    at = stepped.at;
    for (const event of stepped.events) onEvent(stream, event, place);
  }
}

/** Nothing more comes: a frame that is not whole is a fault. */
export function finishStream(stream: ReplyStream): void {
  const { replies, deframing } = stream;
  if (replies === null) return;
  for (const event of finish(replies.framing, deframing).events) onEvent(stream, event, NOWHERE);
}

function onEvent(stream: ReplyStream, event: FrameEvent<unknown>, place: RecordedPlace): void {
  switch (event.type) {
    case 'start':
      stream.frameEnd = event.position + event.head + event.length;
      return startFrame(stream, event.header, event.length, place);
    case 'data':
      if (!stream.isIncidental) push(stream, { type: 'data', bytes: event.bytes });
      return;
    case 'end':
      return endFrame(stream);
    case 'frame':
      stream.frameEnd = event.position + event.head + event.body.length;
      startFrame(stream, event.header, event.body.length, place);
      if (event.body.length > 0 && !stream.isIncidental) push(stream, { type: 'data', bytes: event.body });
      return endFrame(stream);
    case 'fault':
      if (!event.fault.fatal) return;
      stream.isUnreadable = true;
      push(stream, { type: 'fault', fault: event.fault });
  }
}

function startFrame(stream: ReplyStream, header: unknown, length: number, place: RecordedPlace): void {
  stream.isIncidental = stream.replies?.incidental?.(header) ?? false;
  if (!stream.isIncidental) push(stream, { type: 'head', header, length, ...place });
}

function endFrame(stream: ReplyStream): void {
  if (stream.isIncidental) return;
  push(stream, { type: 'end' });
  stream.frames++;
  stream.onFrameEnd(stream.frameEnd);
}

const costOf = (item: ReplyItem): number => ITEM_COST_BYTES + (item.type === 'data' ? item.bytes.length : 0);

function push(stream: ReplyStream, item: ReplyItem): void {
  stream.items.push(item);
  stream.waitingBytes += costOf(item);
}

export function shiftItem(stream: ReplyStream): void {
  const item = stream.items.shift();
  if (item !== undefined) stream.waitingBytes -= costOf(item);
}

/** Removes the beginning of the first item, which has these bytes. */
export function consumeBytes(stream: ReplyStream, bytes: Uint8Array, count: number): void {
  if (count === bytes.length) return shiftItem(stream);
  stream.items.replaceFirst({ type: 'data', bytes: bytes.subarray(count) });
  stream.waitingBytes -= count;
}

export function clear(stream: ReplyStream): void {
  stream.items.clear();
  stream.waitingBytes = 0;
}

/** Keeps only the first heads. */
export function dropBodies(stream: ReplyStream, max: number): void {
  const heads = [...stream.items].filter(({ type }) => type === 'head' || type === 'fault').slice(0, max);
  clear(stream);
  for (const head of heads) stream.items.push(head);
  stream.waitingBytes = heads.length * ITEM_COST_BYTES;
}
