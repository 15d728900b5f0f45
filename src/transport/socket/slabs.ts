/**
 * Memory to receive into, which is used again once no reader uses it.
 *
 * A fresh buffer for every read costs more than the read: its pages must be found, cleared and brought into the
 * cache. So reads go one behind the other into a slab, the chunks are views of it, and a reader recycles each chunk
 * that it does not use any more. When all of a slab was recycled, the socket reads into it again, while it is still
 * in the cache.
 *
 *   slab        |chunk|chunk|chunk|  the next read goes here  |
 *                recycled: 2 of 3
 *
 * Recycling is never required: a slab of which a reader keeps a chunk is left to the garbage collector. Slabs are
 * small until chunks have come back, so that a reader that keeps small chunks pins little memory.
 *
 * The bound: a connection has at most `kept + 1` large slabs, at most `largeShares` connections have any, and all
 * others have one small slab. In addition there are the small slabs of which a reader keeps a chunk, and the reader
 * bounds what it keeps (see `runtime/credit`, and `runtime/frame-reader` for short pieces: they are copied while
 * `pinsMemory` says so, and therefore hold one slab at the most).
 */

/** The bytes that a socket reads at once by itself. */
export const SMALL_SLAB_BYTES: number = 64 * 1024;
/** Large reads, and writes of whole pages, are what makes receiving fast. */
const LARGE_SLAB_BYTES = 2 * 1024 * 1024;
/** The next slab is begun when less than this is left of one. */
const READ_BYTES_MIN = 16 * 1024;
/** After so many reads in a row that needed little room, a connection goes back to a small slab. */
const CALM_READS = 32;
/** Slabs of a connection kept to be used again. */
const FREE_SLABS_MAX = 2;
/** Connections that may have large slabs at once, in this process. */
const LARGE_SLAB_CONNECTIONS_MAX = 16;
let sharesTaken = 0;

/** Bytes of all large slabs of this process together, at the most. */
export const LARGE_SLABS_BYTES_MAX: number =
  LARGE_SLAB_CONNECTIONS_MAX * (FREE_SLABS_MAX + 1) * LARGE_SLAB_BYTES;

interface Slab {
  readonly bytes: Uint8Array;
  /** How much of it was read into. */
  filled: number;
  /** Of that, how much was not given back. */
  out: number;
}

export interface Slabs {
  /** Where to read to next. To be asked for after every `read`, and at no other time. */
  readonly room: () => Uint8Array;
  /** So many bytes were read there: the chunk they are. */
  readonly read: (count: number) => Uint8Array;
  /** So many bytes of this chunk are not used any more. */
  readonly recycle: (chunk: Uint8Array, count: number) => void;
  /** Whether a chunk that was not given back lies in a slab that is not read into any more. */
  readonly pinsMemory: () => boolean;
  /** Nothing more is read. */
  readonly close: () => void;
}

export function createSlabs(): Slabs {
  const slabs = new WeakMap<ArrayBufferLike, Slab>();
  let size = SMALL_SLAB_BYTES;
  /** Large slabs that are read into, or kept, or of which a chunk was not given back. */
  let larges = 0;
  /** Whether it may have large ones: from its first until none is left. */
  let hasShare = false;
  let current = make();
  let free: Slab[] = [];
  let cameBack = false;
  let calmReads = 0;
  /** Slabs that are not read into any more, and of which a chunk was not given back. */
  let pinned = 0;

  function make(): Slab {
    const bytes = larges > FREE_SLABS_MAX ? SMALL_SLAB_BYTES : size;
    if (bytes === LARGE_SLAB_BYTES) larges++;
    const slab = { bytes: Buffer.allocUnsafeSlow(bytes), filled: 0, out: 0 };
    slabs.set(slab.bytes.buffer, slab);
    return slab;
  }

  /** Leaves it to the garbage collector. */
  function drop({ bytes }: Slab): void {
    if (bytes.length === LARGE_SLAB_BYTES) larges--;
    if (larges === 0 && size === SMALL_SLAB_BYTES) leaveShare();
  }

  function resize(to: number): void {
    if (size === to || (to === LARGE_SLAB_BYTES && !haveShare())) return;
    size = to;
    for (const slab of free) drop(slab);
    free = [];
  }

  function haveShare(): boolean {
    if (!hasShare && sharesTaken < LARGE_SLAB_CONNECTIONS_MAX) {
      sharesTaken++;
      hasShare = true;
    }
    return hasShare;
  }

  function leaveShare(): void {
    if (hasShare) sharesTaken--;
    hasShare = false;
  }

  function close(): void {
    resize(SMALL_SLAB_BYTES);
    leaveShare();
  }

  function room(): Uint8Array {
    // Only here: until the next read the system has the place it was given last.
    if (current.out === 0) current.filled = 0;
    const isFull = current.bytes.length - current.filled < READ_BYTES_MIN;
    const isOther = current.bytes.length !== size && current.out === 0;
    if (isFull || isOther) {
      if (current.out === 0) drop(current);
      else pinned++;
      current = free.pop() ?? make();
    }
    return current.bytes.subarray(current.filled);
  }

  function read(count: number): Uint8Array {
    const { bytes, filled } = current;
    current.filled += count;
    current.out += count;
    calmReads = count < READ_BYTES_MIN ? calmReads + 1 : 0;
    if (calmReads === CALM_READS) resize(SMALL_SLAB_BYTES);
    // A peer that fills what it is given has more to send.
    else if (cameBack && current.filled === bytes.length) resize(LARGE_SLAB_BYTES);
    return new Uint8Array(bytes.buffer, bytes.byteOffset + filled, count);
  }

  function recycle(chunk: Uint8Array, count: number): void {
    const slab = slabs.get(chunk.buffer);
    if (slab === undefined || count === 0) return;
    slab.out -= count;
    if (slab.out > 0) return;
    cameBack = true;
    if (slab === current) return;
    pinned--;
    if (slab.bytes.length !== size || free.length === FREE_SLABS_MAX) return drop(slab);
    slab.filled = 0;
    free.push(slab);
  }

  return { room, read, recycle, pinsMemory: () => pinned > 0, close };
}
