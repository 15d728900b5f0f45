/** One side of a comparison: bytes become frames, and those that count wait to be compared. */

import { createFifo, type Fifo } from '../../base/fifo.ts';
import { finish, initialState, stepUpTo } from '../../wire/deframe-step.ts';
import type { FrameFault } from '../../wire/fault.ts';
import type { FrameEvent } from '../../wire/frame-event.ts';
import type { Replies } from './replies.ts';

/** Frame events made at a time. */
const BATCH_ITEMS = 64;
/** Approximate memory of a waiting item, besides its bytes. */
const ITEM_COST_BYTES = 64;

export type ReplyItem =
  | {
      readonly type: 'head';
      readonly header: unknown;
      readonly length: number;
      readonly packet: number;
      readonly at: bigint;
    }
  | { readonly type: 'data'; readonly bytes: Uint8Array }
  | { readonly type: 'end' }
  | { readonly type: 'fault'; readonly fault: FrameFault };

/** Frames of one of the sides, those that count. */
export interface ReplyStream {
  /** Bounded by the code that feeds the comparison; see `behind` and `ahead`. */
  readonly items: Fifo<ReplyItem>;
  waitingBytes: number;
  /** Whole frames so far. */
  frames: number;
  /** Whether no frame can be found any more. */
  unreadable: boolean;
  readonly take: (bytes: Uint8Array, where: { readonly packet: number; readonly at: bigint }) => void;
  readonly finish: () => void;
}

export const NOWHERE = { packet: 0, at: 0n };

/**
 * @param replies null treats all bytes as data, without frames.
 * @param onFrameEnd is called for each frame that counts, with the offset behind it.
 */
export function createReplyStream<H>(
  replies: Replies<H> | null,
  onFrameEnd: (finishStream: number) => void,
): ReplyStream {
  let state = initialState<H>();
  /** Whether the frame at hand counts for nothing. */
  let incidental = false;
  /** The offset in the stream behind it. */
  let frameEnd = 0;
  const stream: ReplyStream = {
    items: createFifo(),
    waitingBytes: 0,
    frames: 0,
    unreadable: false,
    take,
    finish: finishStream,
  };

  function push(item: ReplyItem): void {
    stream.items.push(item);
    stream.waitingBytes += costOf(item);
  }

  function endFrame(): void {
    if (!incidental) {
      push({ type: 'end' });
      stream.frames++;
      onFrameEnd(frameEnd);
    }
  }

  function startFrame(
    header: H,
    length: number,
    where: { readonly packet: number; readonly at: bigint },
  ): void {
    incidental = replies?.incidental?.(header) ?? false;
    if (!incidental) push({ type: 'head', header, length, ...where });
  }

  function onEvent(event: FrameEvent<H>, where: { readonly packet: number; readonly at: bigint }): void {
    switch (event.type) {
      case 'start':
        frameEnd = event.position + event.head + event.length;
        return startFrame(event.header, event.length, where);
      case 'data':
        if (!incidental) push({ type: 'data', bytes: event.bytes });
        return;
      case 'end':
        return endFrame();
      case 'frame':
        frameEnd = event.position + event.head + event.body.length;
        startFrame(event.header, event.body.length, where);
        if (event.body.length > 0 && !incidental) push({ type: 'data', bytes: event.body });
        return endFrame();
      case 'fault':
        if (!event.fault.fatal) return;
        stream.unreadable = true;
        push({ type: 'fault', fault: event.fault });
    }
  }

  function take(bytes: Uint8Array, where: { readonly packet: number; readonly at: bigint }): void {
    if (replies === null) return push({ type: 'data', bytes });
    for (let at = 0; at < bytes.length; ) {
      const stepped = stepUpTo(replies.framing, state, bytes, at, BATCH_ITEMS);
      ({ state, at } = stepped);
      for (const event of stepped.events) onEvent(event, where);
    }
  }

  function finishStream(): void {
    if (replies === null) return;
    for (const event of finish(replies.framing, state).events) onEvent(event, NOWHERE);
  }

  return stream;
}

const costOf = (item: ReplyItem): number => ITEM_COST_BYTES + (item.type === 'data' ? item.bytes.length : 0);

export function shiftItem(stream: ReplyStream): void {
  const item = stream.items.shift();
  if (item !== undefined) stream.waitingBytes -= costOf(item);
}

export function consumeBytes(stream: ReplyStream, bytes: Uint8Array, count: number): void {
  if (count === bytes.length) return shiftItem(stream);
  stream.items.replaceFirst({ type: 'data', bytes: bytes.subarray(count) });
  stream.waitingBytes -= count;
}

export function clear(stream: ReplyStream): void {
  stream.items.clear();
  stream.waitingBytes = 0;
}

/** Keeps the first heads alone. */
export function dropBodies(stream: ReplyStream, max: number): void {
  const heads = [...stream.items].filter(({ type }) => type === 'head' || type === 'fault').slice(0, max);
  clear(stream);
  for (const head of heads) stream.items.push(head);
  stream.waitingBytes = heads.length * ITEM_COST_BYTES;
}
