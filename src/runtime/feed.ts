/**
 * Chunks, handed on in pieces, and no further than what comes of them can be dealt with.
 *
 * What is taken off a chunk is parsed at once, and a parsed header is many times its bytes. A chunk may be megabytes,
 * so all of its frames must never be alive at once while a request is parked or the credit is used up: what is left of
 * the chunk waits here, as the bytes it came in. Bounded by the connection: at most one chunk comes after `pause`.
 */
import { createQueue } from './queue.ts';

/** Bytes handed on without a look at whether more is wanted. Bodies are worth writing in such pieces. */
const piece = 64 * 1024;

export interface Feed {
  readonly chunk: (bytes: Uint8Array) => void;
  /** Something that has its place behind the chunks before it. */
  readonly behind: (work: () => void) => void;
  /** To be called when more may be wanted again. */
  readonly goOn: () => void;
}

/** @param wanted whether the next piece may be taken now. */
export function createFeed(wanted: () => boolean, take: (bytes: Uint8Array) => void): Feed {
  const waiting = createQueue<Uint8Array | (() => void)>();
  let left: Uint8Array | null = null;
  let busy = false;

  function goOn(): void {
    // Taking a piece may give credit back, and so ask for the next one before this one is done with.
    if (busy) return;
    busy = true;
    while (left === null || wanted()) {
      if (left === null) {
        const next = waiting.shift();
        if (next === undefined) break;
        if (next instanceof Uint8Array) left = next;
        else next();
        continue;
      }
      const bytes: Uint8Array = left.subarray(0, piece);
      left = bytes.length < left.length ? left.subarray(piece) : null;
      take(bytes);
    }
    busy = false;
  }

  return {
    chunk: (bytes) => {
      waiting.push(bytes);
      goOn();
    },
    behind: (work) => {
      waiting.push(work);
      goOn();
    },
    goOn,
  };
}
