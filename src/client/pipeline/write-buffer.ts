/**
 * Bytes on their way out, packed into a few large arrays: many small frames leave in one write, and one large body in
 * a few, with nothing allocated for either.
 *
 *     free ──take──▶ filling ──flush──▶ written, unsettled ──settled──▶ free
 *
 * The arrays bound what is in memory: when none is free, the writer waits for the connection.
 */
import type { Connection, ConnectionFault } from '../../transport/connection.ts';

/** Bytes in one array, and so in one write. */
const SLAB_BYTES = 256 * 1024;
/** How many there are: one being filled while others are on their way. */
const SLABS_MAX = 4;

interface Slab {
  readonly bytes: Uint8Array;
  length: number;
  /** Told, in order, once these bytes are the operating system's. */
  notices: (() => void)[];
}

/** A place in what is being packed, to go back to. */
export interface Mark {
  readonly flushes: number;
  readonly length: number;
  readonly notices: number;
}

export interface WriteBuffer {
  /** The room that is left: never empty; null when nothing more can be sent. */
  readonly room: () => Uint8Array | null | Promise<Uint8Array | null>;
  /** The first `bytes` bytes of the room were filled. */
  readonly filled: (bytes: number) => void;
  /** Calls back once everything filled so far is the operating system's. Not called when the connection breaks. */
  readonly notify: (taken: () => void) => void;
  /** Sends what was filled. */
  readonly flush: () => void;
  readonly mark: () => Mark;
  /** Takes back what was filled since, unless some of it was sent: answers whether it could. */
  readonly rewind: (mark: Mark) => boolean;
  /** Nothing more is to be sent; whoever waits for room is told. */
  readonly stop: () => void;
}

/** @param onWriteFault told, once, when a write failed: nothing written from then on will arrive. */
export function createWriteBuffer(
  connection: Pick<Connection, 'write'>,
  onWriteFault: (fault: ConnectionFault) => void,
): WriteBuffer {
  const free: Slab[] = [];
  let made = 0;
  let flushes = 0;
  let current: Slab | null = null;
  let stopped = false;
  /** At most one waits: there is one writer. */
  let waiting: ((room: Uint8Array | null) => void) | null = null;

  const roomOf = (slab: Slab) => slab.bytes.subarray(slab.length);

  function takeSlab(): Slab | null {
    const slab = free.pop();
    if (slab !== undefined) return slab;
    if (made === SLABS_MAX) return null;
    made++;
    return { bytes: new Uint8Array(SLAB_BYTES), length: 0, notices: [] };
  }

  function room(): Uint8Array | null | Promise<Uint8Array | null> {
    if (stopped) return null;
    if (current?.length === SLAB_BYTES) flush();
    current ??= takeSlab();
    if (current !== null) return roomOf(current);
    return new Promise((resolve) => {
      waiting = resolve;
    });
  }

  function flush(): void {
    const slab = current;
    if (slab === null || slab.length === 0 || stopped) return;
    current = null;
    flushes++;
    connection.write([slab.bytes.subarray(0, slab.length)], (fault) => {
      const { notices } = slab;
      slab.length = 0;
      slab.notices = [];
      free.push(slab);
      if (fault !== undefined) {
        if (stopped) return;
        stop();
        onWriteFault(fault);
        return;
      }
      for (const notice of notices) notice();
      const waiter = waiting;
      if (waiter === null || stopped) return;
      waiting = null;
      current = takeSlab();
      waiter(current === null ? null : roomOf(current));
    });
  }

  function stop(): void {
    stopped = true;
    waiting?.(null);
    waiting = null;
  }

  return {
    room,
    filled: (bytes) => {
      if (current !== null) current.length += bytes;
    },
    notify: (taken) => {
      current?.notices.push(taken);
    },
    flush,
    mark: () => ({
      flushes,
      length: current?.length ?? 0,
      notices: current?.notices.length ?? 0,
    }),
    rewind: (mark) => {
      if (mark.flushes !== flushes) return false;
      if (current !== null) {
        current.length = mark.length;
        current.notices.length = mark.notices;
      }
      return true;
    },
    stop,
  };
}
