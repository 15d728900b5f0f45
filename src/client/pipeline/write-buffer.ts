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

interface BufferState {
  readonly connection: Pick<Connection, 'write'>;
  readonly onWriteFault: (fault: ConnectionFault) => void;
  /** Arrays that are neither being filled nor being written; with the others there are at most `SLABS_MAX`. */
  readonly free: Slab[];
  /** Arrays made so far. */
  made: number;
  /** Writes begun so far: a mark from before the last one cannot be gone back to. */
  flushes: number;
  /** The array that is being filled. */
  current: Slab | null;
  stopped: boolean;
  /** Resumes the sender that waits for room. There is at most one, as there is one sender. */
  waiting: ((room: Uint8Array | null) => void) | null;
}

/** @param onWriteFault called once, when a write failed: no byte written from then on will arrive. */
export function createWriteBuffer(
  connection: Pick<Connection, 'write'>,
  onWriteFault: (fault: ConnectionFault) => void,
): WriteBuffer {
  const buffer: BufferState = {
    connection,
    onWriteFault,
    free: [],
    made: 0,
    flushes: 0,
    current: null,
    stopped: false,
    waiting: null,
  };
  return {
    room: () => roomIn(buffer),
    filled: (bytes) => {
      if (buffer.current !== null) buffer.current.length += bytes;
    },
    notify: (taken) => {
      buffer.current?.notices.push(taken);
    },
    flush: () => flush(buffer),
    mark: () => markOf(buffer),
    rewind: (mark) => rewind(buffer, mark),
    stop: () => stop(buffer),
  };
}

function roomIn(buffer: BufferState): Uint8Array | null | Promise<Uint8Array | null> {
  if (buffer.stopped) return null;
  if (buffer.current?.length === SLAB_BYTES) flush(buffer);
  buffer.current ??= takeSlab(buffer);
  if (buffer.current !== null) return roomOf(buffer.current);
  return new Promise((resolve) => {
    buffer.waiting = resolve;
  });
}

const roomOf = (slab: Slab): Uint8Array => slab.bytes.subarray(slab.length);

function takeSlab(buffer: BufferState): Slab | null {
  const slab = buffer.free.pop();
  if (slab !== undefined) return slab;
  if (buffer.made === SLABS_MAX) return null;
  buffer.made++;
  return { bytes: new Uint8Array(SLAB_BYTES), length: 0, notices: [] };
}

function flush(buffer: BufferState): void {
  const slab = buffer.current;
  if (slab === null || slab.length === 0 || buffer.stopped) return;
  buffer.current = null;
  buffer.flushes++;
  buffer.connection.write([slab.bytes.subarray(0, slab.length)], (fault) => onSettled(buffer, slab, fault));
}

/** The connection has written the array, or has failed. */
function onSettled(buffer: BufferState, slab: Slab, fault: ConnectionFault | undefined): void {
  const { notices } = slab;
  slab.length = 0;
  slab.notices = [];
  buffer.free.push(slab);
  if (fault !== undefined) {
    if (buffer.stopped) return;
    stop(buffer);
    buffer.onWriteFault(fault);
    return;
  }
  for (const notice of notices) notice();
  const waiter = buffer.waiting;
  if (waiter === null || buffer.stopped) return;
  buffer.waiting = null;
  buffer.current = takeSlab(buffer);
  waiter(buffer.current === null ? null : roomOf(buffer.current));
}

const markOf = ({ flushes, current }: BufferState): Mark => ({
  flushes,
  length: current?.length ?? 0,
  notices: current?.notices.length ?? 0,
});

function rewind({ flushes, current }: BufferState, mark: Mark): boolean {
  if (mark.flushes !== flushes) return false;
  if (current !== null) {
    current.length = mark.length;
    current.notices.length = mark.notices;
  }
  return true;
}

function stop(buffer: BufferState): void {
  buffer.stopped = true;
  buffer.waiting?.(null);
  buffer.waiting = null;
}
