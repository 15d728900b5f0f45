/**
 * Finds bytes in the sides of conversations, also where they lie across chunks.
 *
 * ```text
 *  needle   abc
 *  chunks   ..abc...a | b | c..      what a side ends with is kept, and looked at with the bytes behind it
 * ```
 *
 * Matches of a side do not overlap. Across a gap nothing is found. For each side of an open conversation that has sent
 * something, it keeps as many bytes as the needle has and `CONTEXT_BYTES`.
 */
import { concatBytes } from '../../base/bytes.ts';
import type { Conversation, Side, StreamChunk, StreamEvent } from '../stream-event.ts';

/** The longest needle, in bytes. It bounds what is kept of a side. */
export const NEEDLE_BYTES_MAX = 1024;
/** How many bytes are shown in front of a match, and behind it. */
const CONTEXT_BYTES = 32;

export interface BytesFound {
  readonly conversation: Conversation;
  readonly from: Side;
  /** The offset of the first byte among those of its side. */
  readonly position: number;
  /** When the packet was captured that completes it, in nanoseconds since 1970, and the packet's number. */
  readonly capturedAt: bigint;
  readonly packet: number;
  /** Bytes of the side in front of it, itself, and behind it: at most 32 each, and those behind as far as they are there. */
  readonly before: Uint8Array;
  readonly bytes: Uint8Array;
  readonly after: Uint8Array;
}

export interface Finder {
  take(event: StreamEvent): void;
}

/** The end of what one side has sent. */
interface SideEnd {
  /** A copy. */
  bytes: Uint8Array;
  /** The offset in the side behind it. */
  end: number;
  /** The offset from which on the next match may begin: behind the last one. */
  from: number;
}

type Ends = Partial<Record<Side, SideEnd>>;

/**
 * @param needle 1 to `NEEDLE_BYTES_MAX` bytes.
 * @param indexOf finds the needle in bytes from an offset on, as `Buffer.indexOf` does; -1: it is not there.
 * @param found is called for each match. Its bytes may be looked at until it returns.
 */
export function createFinder(
  needle: Uint8Array,
  indexOf: (bytes: Uint8Array, from: number) => number,
  found: (found: BytesFound) => void,
): Finder {
  const kept = needle.length - 1 + CONTEXT_BYTES;
  /** By the index of the conversation. The reassembly bounds how many are open. */
  const open = new Map<number, Ends>();

  function search(side: SideEnd, chunk: StreamChunk): void {
    const { position, bytes, conversation, from, capturedAt, packet } = chunk;
    /** Finds what begins in front of `until` of `all`, whose first byte has the offset `start` in the side. */
    const searchIn = (all: Uint8Array, start: number, until: number): void => {
      for (let at = indexOf(all, Math.max(0, side.from - start)); at !== -1 && at < until; ) {
        const end = at + needle.length;
        side.from = start + end;
        found({
          ...{ conversation, from, capturedAt, packet },
          position: start + at,
          before: all.subarray(Math.max(0, at - CONTEXT_BYTES), at),
          bytes: all.subarray(at, end),
          after: all.subarray(end, end + CONTEXT_BYTES),
        });
        at = indexOf(all, end);
      }
    };
    const tail = side.bytes;
    if (tail.length > 0) {
      const border = concatBytes([tail, bytes.subarray(0, kept)]);
      searchIn(border, position - tail.length, Math.min(border.length, tail.length + CONTEXT_BYTES));
    }
    searchIn(bytes, position, bytes.length);
  }

  function takeChunk(chunk: StreamChunk): void {
    const { bytes, conversation, from, position } = chunk;
    let ends = open.get(conversation.index);
    if (ends === undefined) {
      ends = {};
      open.set(conversation.index, ends);
    }
    let side = ends[from];
    if (side === undefined) {
      side = { bytes: NO_BYTES, end: position, from: position };
      ends[from] = side;
    }
    if (side.end !== position) side.bytes = NO_BYTES;
    search(side, chunk);
    side.end = position + bytes.length;
    side.bytes =
      bytes.length >= kept
        ? bytes.slice(bytes.length - kept)
        : concatBytes([side.bytes.subarray(-(kept - bytes.length)), bytes]);
  }

  return {
    take(event) {
      if (event.type === 'chunk') takeChunk(event);
      else if (event.type === 'close') open.delete(event.conversation.index);
    },
  };
}

const NO_BYTES = new Uint8Array(0);
