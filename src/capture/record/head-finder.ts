/**
 * Finds the heads of frames in the bytes of one side, and reports each once it is whole. It also says up to where bytes
 * may be written: it does not know yet what is in a head that is not whole.
 *
 * The deframer of `wire` emits frames, but not the bytes of their heads. A head finder holds at most one head.
 */

import { append, type ChunkBuffer, gather } from '../../wire/deframe/chunk-buffer.ts';
import type { FaultCode, HeadFault } from '../../wire/fault.ts';
import { headFault } from '../../wire/fault.ts';
import type { Framing } from '../../wire/framing.ts';

/** A head that was read. */
export interface Head<H> {
  readonly header: H;
  /** Bytes of body behind it. */
  readonly body: number;
  /** The offset in the stream, in bytes, of its first byte. */
  readonly position: number;
  /** Where its bytes are, until the call returns: `bytes[start..end)`. */
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** From this frame on, no frames can be found. */
export interface LostFraming {
  readonly code: FaultCode;
  readonly declared: HeadFault['declared'];
  readonly limit: HeadFault['limit'];
  /** The offset in the stream, in bytes, of the frame's first byte. */
  readonly position: number;
}

export interface HeadFinder {
  /** Takes the next bytes; returns the offset in the stream up to which all heads are known. */
  readonly take: (chunk: Uint8Array) => number;
  /** Nothing more comes: a head that is not whole is lost. */
  readonly end: () => void;
}

export interface HeadFinderDeps<H> {
  readonly head: (head: Head<H>) => void;
  /** Called at most once. */
  readonly lost: (lost: LostFraming) => void;
}

export function createHeadFinder<H>(framing: Framing<H>, deps: HeadFinderDeps<H>): HeadFinder {
  let taken = 0;
  /** Bytes of body still to come. */
  let body = 0;
  /** The beginning of an incomplete head. */
  let held: ChunkBuffer | null = null;
  let over = false;

  function reportLost({ code, declared, limit }: HeadFault, position: number): void {
    over = true;
    held = null;
    deps.lost({ code, declared, limit, position });
  }

  /** Reports the head in bytes[start..end); returns whether it could be read. */
  function open(bytes: Uint8Array, start: number, end: number, position: number): boolean {
    const opened = framing.parseHead(bytes, start, end);
    if ('code' in opened) {
      reportLost(opened, position);
      return false;
    }
    body = opened.length;
    deps.head({ header: opened.header, body, position, bytes, start, end });
    return true;
  }

  /** Continues a head that earlier chunks began; returns where in the chunk it ends. */
  function continueHead(chunk: Uint8Array, origin: number): number {
    let at = 0;
    while (held !== null) {
      const position = origin - held.length + at;
      const need: number | HeadFault = framing.headLength(held.room.bytes, 0, held.length);
      if (typeof need !== 'number') {
        reportLost(need, position);
      } else if (need > held.length) {
        if (at === chunk.length) return at;
        const to = Math.min(chunk.length, at + need - held.length);
        held = append(held, chunk, at, to, need);
        at = to;
      } else {
        const { room, length } = held;
        held = null;
        open(room.bytes, 0, length, position);
      }
    }
    return at;
  }

  return {
    take(chunk) {
      const origin = taken;
      taken += chunk.length;
      if (over) return taken;
      let at = held === null ? 0 : continueHead(chunk, origin);
      while (!over && held === null && at < chunk.length) {
        if (body > 0) {
          const step = Math.min(body, chunk.length - at);
          body -= step;
          at += step;
          continue;
        }
        const need = framing.headLength(chunk, at, chunk.length);
        if (typeof need !== 'number') reportLost(need, origin + at);
        else if (need > chunk.length - at) held = gather(chunk, at, chunk.length, need);
        else if (open(chunk, at, at + need, origin + at)) at += need;
      }
      return held === null ? taken : taken - held.length;
    },
    end() {
      if (held !== null)
        reportLost(headFault('truncated', 'the stream ended in a head'), taken - held.length);
    },
  };
}
