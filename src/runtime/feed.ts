/**
 * Chunks, handed on in pieces, and no further than what comes of them can be dealt with.
 *
 * What is taken off a chunk is parsed at once, and a parsed header is many times its bytes. A chunk may be megabytes,
 * so all of its frames must never be alive at once while a request is parked or the credit is used up: what is left of
 * the chunk waits here, as the bytes it came in. Nor may one connection's chunk of thousands of requests keep the others
 * waiting: after a while it lets them go first. Bounded by the connection: at most one chunk comes after `pause`.
 */
import { createQueue } from './queue.ts';

/** Bytes handed on without a look at whether more is wanted. Bodies are worth writing in such pieces. */
const largest = 64 * 1024;
/** The same where they are full of requests, and at first. */
const smallest = 1024;
/** Requests in a piece above which the next one is smaller, and below which it may be larger. */
const [many, few] = [64, 16];
/** Milliseconds of a turn of the event loop, for all connections together, after which the others are let go first. */
const slice = 4;

/** When the first of this turn began; null when none has yet. */
let turnBegan: number | null = null;

function turnSince(): number {
  if (turnBegan === null) {
    turnBegan = performance.now();
    setImmediate(() => {
      turnBegan = null;
    });
  }
  return turnBegan;
}

export interface Feed {
  readonly chunk: (bytes: Uint8Array) => void;
  /** Something that has its place behind the chunks before it. */
  readonly behind: (work: () => void) => void;
  /** To be called when more may be wanted again. */
  readonly goOn: () => void;
}

export interface FeedWorld {
  /** Whether the next piece may be taken now. */
  readonly wanted: () => boolean;
  /** Takes a piece, and answers how many requests were in it. */
  readonly take: (bytes: Uint8Array) => number;
  /** Calls back in a later turn of the event loop, behind what is due in the others. */
  readonly later: (work: () => void) => void;
  /** No chunk should come, since others are let go first; and then again. */
  readonly waiting: (waiting: boolean) => void;
}

export function createFeed({ wanted, take, later, waiting }: FeedWorld): Feed {
  const queue = createQueue<Uint8Array | (() => void)>();
  let left: Uint8Array | null = null;
  let busy = false;
  let yielded = false;
  let piece = smallest * 4;

  function goOn(): void {
    // Taking a piece may give credit back, and so ask for the next one before this one is done with.
    if (busy || yielded) return;
    busy = true;
    const since = turnSince();
    while (left === null || wanted()) {
      if (left === null) {
        const next = queue.shift();
        if (next === undefined) break;
        if (next instanceof Uint8Array) left = next;
        else next();
        continue;
      }
      const bytes: Uint8Array = left.subarray(0, piece);
      left = bytes.length < left.length ? left.subarray(piece) : null;
      const requests = take(bytes);
      if (requests > many) piece = Math.max(smallest, piece / 4);
      else if (requests <= few) piece = Math.min(largest, piece * 4);
      if (left !== null && performance.now() - since > slice) {
        letOthersGo();
        break;
      }
    }
    busy = false;
  }

  function letOthersGo(): void {
    yielded = true;
    waiting(true);
    later(() => {
      yielded = false;
      waiting(false);
      goOn();
    });
  }

  return {
    chunk: (bytes) => {
      queue.push(bytes);
      goOn();
    },
    behind: (work) => {
      queue.push(work);
      goOn();
    },
    goOn,
  };
}
