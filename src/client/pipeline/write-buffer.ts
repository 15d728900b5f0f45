/**
 * Gathers outgoing bytes in a few large arrays: many small frames leave in one write, and one large body in a few.
 * Neither allocates memory.
 *
 *     free ──take──▶ filling ──flush──▶ written, unsettled ──settled──▶ free
 *
 * The arrays bound the memory: when none is free, the sender waits for the connection.
 */
import type { Connection, ConnectionFault } from '../../transport/connection.ts';

/** Bytes in one array, and so in one write. */
const SLAB_BYTES = 256 * 1024;
/** How many arrays there are: one is filled while the others are being written. */
const SLABS_MAX = 4;

interface Slab {
  readonly bytes: Uint8Array;
  length: number;
  /** Called in order once the operating system has taken these bytes. */
  notices: (() => void)[];
}

/** A position in the array that is being filled, to go back to. */
export interface Mark {
  readonly flushes: number;
  readonly length: number;
  readonly notices: number;
}

export interface WriteBuffer {
  /** Answers the free rest of an array, which is never empty; null when nothing more can be sent. */
  readonly room: () => Uint8Array | null | Promise<Uint8Array | null>;
  /** The sender has filled the first `bytes` bytes of the room. */
  readonly filled: (bytes: number) => void;
  /** Calls back once the operating system has taken everything filled so far; never when the connection breaks. */
  readonly notify: (taken: () => void) => void;
  /** Writes the bytes filled so far. */
  readonly flush: () => void;
  readonly mark: () => Mark;
  /** Discards the bytes filled since the mark, and answers true; answers false when some of them were written. */
  readonly rewind: (mark: Mark) => boolean;
  /** Nothing more is to be sent. A sender that waits for room gets null. */
  readonly stop: () => void;
}

/** @param onWriteFault called once, when a write failed: no byte written from then on will arrive. */
export function createWriteBuffer(
  connection: Pick<Connection, 'write'>,
  onWriteFault: (fault: ConnectionFault) => void,
): WriteBuffer {
  const free: Slab[] = [];
  let made = 0;
  let flushes = 0;
  let current: Slab | null = null;
  let stopped = false;
  /** Waits for room. There is at most one, as there is one sender. */
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
