/**
 * Copies of bytes that wait behind a hole, many in one piece of memory: memory of its own for each costs as much again,
 * and more of the collector's time than the copy.
 *
 * ```text
 *  slab   [ a ][ b ][ c ][ d ] …     its memory is free once none of them waits any more, and nobody else looks at one
 * ```
 *
 * A single byte that waits for long keeps its slab, so slabs take 8 MiB at the most. Beyond that, and for long
 * segments, a copy has memory of its own.
 */

const SLAB_BYTES = 64 * 1024;
const SLABS_MAX = 128;
const SPARE_SLABS_MAX = 32;
/** The longest copy that goes into a slab. */
const COPY_BYTES_MAX = SLAB_BYTES / 8;

/** The memory of several copies. */
export interface Slab {
  readonly bytes: Uint8Array;
  used: number;
  /** How many copies in it wait. */
  waiting: number;
}

export interface HeldCopy {
  readonly bytes: Uint8Array;
  /** Where it lies, for `free`; null in memory of its own. */
  readonly slab: Slab | null;
}

export interface HeldCopies {
  /** Copies bytes that will wait. Call `free` once they do not. */
  copy(bytes: Uint8Array): HeldCopy;
  free(slab: Slab | null): void;
  /** Uses the memory of slabs again in which nothing waits. Call it only while nobody looks at what was in them. */
  recycle(): void;
}

/** Copies that each have memory of their own, for those who keep what is handed on. */
export const ownCopies: HeldCopies = {
  copy: (bytes) => ({ bytes: new Uint8Array(bytes), slab: null }),
  free() {},
  recycle() {},
};

export function createHeldCopies(): HeldCopies {
  let current: Slab | null = null;
  /** Slabs in which something waits. */
  let slabs = 0;
  /** Slabs without waiting copies: those that somebody may look at, and those that may be written into. */
  const idle = new Set<Slab>();
  const spare: Slab[] = [];

  function slabFor(length: number): Slab | null {
    if (length > COPY_BYTES_MAX) return null;
    const fits = current !== null && current.used + length <= SLAB_BYTES;
    if (fits && current!.waiting > 0) return current;
    if (slabs === SLABS_MAX) return null;
    slabs++;
    // What was handed on may still be looked at, so only the rest of a slab is used.
    if (fits) idle.delete(current!);
    else current = spare.pop() ?? { bytes: new Uint8Array(SLAB_BYTES), used: 0, waiting: 0 };
    return current;
  }

  return {
    copy(bytes) {
      const slab = slabFor(bytes.length);
      if (slab === null) return { bytes: new Uint8Array(bytes), slab };
      const { used } = slab;
      slab.bytes.set(bytes, used);
      slab.used += bytes.length;
      slab.waiting++;
      return { bytes: slab.bytes.subarray(used, slab.used), slab };
    },
    free(slab) {
      if (slab === null) return;
      slab.waiting--;
      if (slab.waiting > 0) return;
      slabs--;
      // Of more than that many, the collector takes care.
      if (idle.size + spare.length < SPARE_SLABS_MAX) idle.add(slab);
    },
    recycle() {
      for (const slab of idle) {
        slab.used = 0;
        spare.push(slab);
      }
      if (current !== null && idle.has(current)) current = null;
      idle.clear();
    },
  };
}
