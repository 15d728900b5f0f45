/** One side of a comparison: bytes become frames, and those that count wait to be compared. */

import { createFifo, type Fifo } from '../../base/fifo.ts';
import { finish, initialState, stepSome } from '../../wire/deframe-step.ts';
import type { FrameFault } from '../../wire/fault.ts';
import type { FrameEvent } from '../../wire/frame-event.ts';
import type { Replies } from './replies.ts';

/** Frame events made at a time. */
const BATCH_ITEMS = 64;
/** What an item costs that waits, besides its bytes. */
const ITEM_COST_BYTES = 64;

export type Item =
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
  /** Bounded by whoever feeds the comparison; see `behind` and `ahead`. */
  readonly items: Fifo<Item>;
  waiting: number;
  /** Whole frames so far. */
  frames: number;
  /** Whether no frame can be found any more. */
  lost: boolean;
  readonly take: (bytes: Uint8Array, where: { readonly packet: number; readonly at: bigint }) => void;
  readonly finish: () => void;
}

export const nowhere = { packet: 0, at: 0n };

/**
 * @param replies without it what comes is data, without frames.
 * @param frameEnded told of each frame that counts, with the offset behind it.
 */
export function createReplyStream<H>(
  replies: Replies<H> | null,
  frameEnded: (end: number) => void,
): ReplyStream {
  let state = initialState<H>();
  /** Whether the frame at hand counts for nothing. */
  let incidental = false;
  /** The offset in the stream behind it. */
  let frameEnd = 0;
  const self: ReplyStream = { items: createFifo(), waiting: 0, frames: 0, lost: false, take, finish: end };

  function push(item: Item): void {
    self.items.push(item);
    self.waiting += costOf(item);
  }

  function ended(): void {
    if (!incidental) {
      push({ type: 'end' });
      self.frames++;
      frameEnded(frameEnd);
    }
  }

  function opened(header: H, length: number, where: { readonly packet: number; readonly at: bigint }): void {
    incidental = replies?.incidental?.(header) ?? false;
    if (!incidental) push({ type: 'head', header, length, ...where });
  }

  function on(event: FrameEvent<H>, where: { readonly packet: number; readonly at: bigint }): void {
    switch (event.type) {
      case 'start':
        frameEnd = event.position + event.head + event.length;
        return opened(event.header, event.length, where);
      case 'data':
        if (!incidental) push({ type: 'data', bytes: event.bytes });
        return;
      case 'end':
        return ended();
      case 'frame':
        frameEnd = event.position + event.head + event.body.length;
        opened(event.header, event.body.length, where);
        if (event.body.length > 0 && !incidental) push({ type: 'data', bytes: event.body });
        return ended();
      case 'fault':
        if (!event.fault.fatal) return;
        self.lost = true;
        push({ type: 'fault', fault: event.fault });
    }
  }

  function take(bytes: Uint8Array, where: { readonly packet: number; readonly at: bigint }): void {
    if (replies === null) return push({ type: 'data', bytes });
    for (let at = 0; at < bytes.length; ) {
      const stepped = stepSome(replies.framing, state, bytes, at, BATCH_ITEMS);
      ({ state, at } = stepped);
      for (const event of stepped.events) on(event, where);
    }
  }

  function end(): void {
    if (replies === null) return;
    for (const event of finish(replies.framing, state).events) on(event, nowhere);
  }

  return self;
}

const costOf = (item: Item): number => ITEM_COST_BYTES + (item.type === 'data' ? item.bytes.length : 0);

export function shift(lane: ReplyStream): void {
  const item = lane.items.shift();
  if (item !== undefined) lane.waiting -= costOf(item);
}

export function consume(lane: ReplyStream, bytes: Uint8Array, count: number): void {
  if (count === bytes.length) return shift(lane);
  lane.items.replaceFirst({ type: 'data', bytes: bytes.subarray(count) });
  lane.waiting -= count;
}

export function clear(lane: ReplyStream): void {
  lane.items.clear();
  lane.waiting = 0;
}

/** Keeps the first heads alone. */
export function dropBodies(lane: ReplyStream, most: number): void {
  const heads = [...lane.items].filter(({ type }) => type === 'head' || type === 'fault').slice(0, most);
  clear(lane);
  for (const head of heads) lane.items.push(head);
  lane.waiting = heads.length * ITEM_COST_BYTES;
}
