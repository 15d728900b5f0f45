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
 * The bound: a connection has at most `FREE_SLABS_MAX + 1` large slabs, at most `LARGE_SLAB_CONNECTIONS_MAX`
 * connections have any, and all others have one small slab. In addition there are the small slabs of which a reader
 * keeps a chunk, and the reader bounds what it keeps (see `actor/bounds/credit`, and `actor/run/event-credit` for short
 * pieces: they are copied while `pinsMemory` says so, and therefore hold one slab at the most).
 */

/** The bytes that a socket reads at once by itself. */
export const SMALL_SLAB_BYTES: number = 64 * 1024;
/** Large reads, and writes of whole pages, are what makes receiving fast. */
const LARGE_SLAB_BYTES = 2 * 1024 * 1024;
/** A socket goes on to the next slab when less room than this is left in one. */
export const READ_BYTES_MIN: number = 16 * 1024;
/** After so many reads in a row that needed little room, a connection goes back to a small slab. */
const CALM_READS = 32;
/** Slabs that a connection keeps to read into again. */
const FREE_SLABS_MAX = 2;
/** Connections that may have large slabs at once, in this process. */
const LARGE_SLAB_CONNECTIONS_MAX = 16;
let sharesTaken = 0;

/**
 * Bytes of all large slabs of this process together, at the most. For each connection one more is counted: what waits in
 * one when its reader pauses is copied (see `gathering`).
 */
export const LARGE_SLABS_BYTES_MAX: number =
  LARGE_SLAB_CONNECTIONS_MAX * (FREE_SLABS_MAX + 1 + 1) * LARGE_SLAB_BYTES;

export interface Slabs {
  /** Returns the memory for the next read. To be called after every `read`, and at no other time. */
  room(): Uint8Array;
  /** Returns the chunk of so many bytes that were read there. */
  read(count: number): Uint8Array;
  /** The reader does not use so many bytes of this chunk any more. */
  recycle(chunk: Uint8Array, count: number): void;
  /** Whether a chunk that was not recycled lies in a slab that is not read into any more. */
  pinsMemory(): boolean;
  /** Whether no chunk is out, and no large slab is kept: then there is nothing in it that is of use. */
  isUnused(): boolean;
  /** Nothing more is read, until another connection takes them over. */
  close(): void;
}

interface Slab {
  readonly bytes: Uint8Array;
  /** Bytes that were read into it. */
  filled: number;
  /** Of these, the bytes that were not recycled. */
  out: number;
}

/** The slabs of one connection. */
interface SlabPool {
  /** The slabs of which a chunk may come back, by their memory. */
  readonly byBuffer: WeakMap<ArrayBufferLike, Slab>;
  /** The size of the next slab. */
  size: number;
  /** The slab that is read into. */
  current: Slab;
  /** Slabs to read into next; at most `FREE_SLABS_MAX`. */
  free: Slab[];
  /** Large slabs that are read into, or free, or of which a chunk was not recycled. */
  largeSlabs: number;
  /** Whether the connection may have large slabs: from its first until none is left. */
  hasShare: boolean;
  /** Whether all chunks of a slab have come back at some time. */
  cameBack: boolean;
  /** Reads in a row that needed little room. */
  calmReads: number;
  /** Slabs that are not read into any more, and of which a chunk was not recycled. */
  pinned: number;
}

export function createSlabs(): Slabs {
  const first = newSlab(SMALL_SLAB_BYTES);
  const pool: SlabPool = {
    byBuffer: new WeakMap([[first.bytes.buffer, first]]),
    size: SMALL_SLAB_BYTES,
    current: first,
    free: [],
    largeSlabs: 0,
    hasShare: false,
    cameBack: false,
    calmReads: 0,
    pinned: 0,
  };
  return {
    room: () => room(pool),
    read: (count) => read(pool, count),
    recycle: (chunk, count) => recycle(pool, chunk, count),
    pinsMemory: () => pool.pinned > 0,
    isUnused: () => pool.pinned === 0 && pool.current.out === 0 && pool.size === SMALL_SLAB_BYTES,
    close: () => {
      resize(pool, SMALL_SLAB_BYTES);
      giveUpLarge(pool);
      leaveShare(pool);
      pool.cameBack = false;
    },
  };
}

function room(pool: SlabPool): Uint8Array {
  const { current } = pool;
  // Only here, since until the next read the system may write to the memory that it got last.
  if (current.out === 0) current.filled = 0;
  const isFull = current.bytes.length - current.filled < READ_BYTES_MIN;
  const isOther = current.bytes.length !== pool.size && current.out === 0;
  if (isFull || isOther) {
    if (current.out === 0) drop(pool, current);
    else pool.pinned++;
    pool.current = pool.free.pop() ?? addSlab(pool);
  }
  const { bytes, filled } = pool.current;
  return bytes.subarray(filled);
}

function read(pool: SlabPool, count: number): Uint8Array {
  const { current } = pool;
  const { bytes, filled } = current;
  current.filled += count;
  current.out += count;
  pool.calmReads = count < READ_BYTES_MIN ? pool.calmReads + 1 : 0;
  if (pool.calmReads === CALM_READS) resize(pool, SMALL_SLAB_BYTES);
  // A peer that fills all the room has more to send.
  else if (pool.cameBack && current.filled === bytes.length) resize(pool, LARGE_SLAB_BYTES);
  return new Uint8Array(bytes.buffer, bytes.byteOffset + filled, count);
}

function recycle(pool: SlabPool, chunk: Uint8Array, count: number): void {
  const slab = pool.byBuffer.get(chunk.buffer);
  if (slab === undefined || count === 0) return;
  slab.out -= count;
  if (slab.out > 0) return;
  pool.cameBack = true;
  if (slab === pool.current) return;
  pool.pinned--;
  if (slab.bytes.length !== pool.size || pool.free.length === FREE_SLABS_MAX) return drop(pool, slab);
  slab.filled = 0;
  pool.free.push(slab);
}

const newSlab = (size: number): Slab => ({ bytes: Buffer.allocUnsafeSlow(size), filled: 0, out: 0 });

function addSlab(pool: SlabPool): Slab {
  const slab = newSlab(pool.largeSlabs > FREE_SLABS_MAX ? SMALL_SLAB_BYTES : pool.size);
  if (slab.bytes.length === LARGE_SLAB_BYTES) pool.largeSlabs++;
  pool.byBuffer.set(slab.bytes.buffer, slab);
  return slab;
}

/** Leaves a slab to the garbage collector. */
function drop(pool: SlabPool, { bytes }: Slab): void {
  if (bytes.length === LARGE_SLAB_BYTES) pool.largeSlabs--;
  if (pool.largeSlabs === 0 && pool.size === SMALL_SLAB_BYTES) leaveShare(pool);
}

/** Leaves a large slab of which no chunk is out to the garbage collector: nobody may read for long. */
function giveUpLarge(pool: SlabPool): void {
  const { current } = pool;
  if (current.out > 0 || current.bytes.length === SMALL_SLAB_BYTES) return;
  drop(pool, current);
  pool.current = addSlab(pool);
}

/** Changes the size of the next slab, and drops the free ones of the other size. */
function resize(pool: SlabPool, size: number): void {
  if (pool.size === size || (size === LARGE_SLAB_BYTES && !takeShare(pool))) return;
  pool.size = size;
  for (const slab of pool.free) drop(pool, slab);
  pool.free = [];
}

/** Lets the connection have large slabs, unless too many others do; returns whether it may. */
function takeShare(pool: SlabPool): boolean {
  if (!pool.hasShare && sharesTaken < LARGE_SLAB_CONNECTIONS_MAX) {
    sharesTaken++;
    pool.hasShare = true;
  }
  return pool.hasShare;
}

function leaveShare(pool: SlabPool): void {
  if (pool.hasShare) sharesTaken--;
  pool.hasShare = false;
}
