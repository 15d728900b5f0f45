/**
 * Where things are in the memory that the event loop and the worker of a disk store share.
 *
 * ```text
 *  control   counters and flags, of 32 bits
 *  order     the slot of each call, a ring            the loop writes, the worker reads
 *  slot      numbers   what is to be stored, and what came of it (doubles)
 *            text      the paths of the staged file and of its name, in UTF-8
 *            content   the bytes of the file
 * ```
 *
 * A slot belongs to the loop until its call is published, to the worker until the call is done, and then to the loop.
 */

/** Places of the counters and flags. */
export const CONTROL = {
  /** The calls that the worker may see, and those that it has done. */
  published: 0,
  done: 1,
  /** It changes whenever the worker should look around. */
  bell: 2,
  /** Whether the worker sleeps, or is about to. */
  asleep: 3,
  /** Whether the loop was told that calls are done, and has not looked since. */
  told: 4,
  /** Whether the worker is to end. */
  stop: 5,
  size: 6,
} as const;

/** Places of the numbers of a slot: those that the loop writes, and those that the worker answers. */
export const NUMBERS = {
  size: 0,
  stagedLength: 1,
  targetLength: 2,
  /** Seconds since 1970; NaN for the time of the commit. */
  time: 3,
  ifAbsent: 4,
  /** 1 when the file has its name; 0 when nothing of it is left, and the loop is to store it. */
  isStored: 5,
  ino: 6,
  mtimeMs: 7,
  ctimeMs: 8,
  replaced: 9,
  /** Milliseconds since 1970, just after the file got its name. */
  storedAt: 10,
  count: 11,
} as const;

/** How large what is: plain data, since the code of the worker imports nothing. */
export const LAYOUT = {
  control: CONTROL,
  numbers: NUMBERS,
  /** A power of two. */
  slots: 64,
  textBytes: 1024,
  /** The largest file of a slot. Memory that no file has needed is never touched. */
  contentBytes: 64 * 1024,
} as const;

export type Layout = typeof LAYOUT;

// Doubles come first, since they lie at multiples of 8.
const NUMBERS_AT = 0;
const CONTROL_AT = LAYOUT.slots * NUMBERS.count * 8;
const ORDER_AT = CONTROL_AT + CONTROL.size * 4;
const TEXT_AT = ORDER_AT + LAYOUT.slots * 4;
const CONTENT_AT = TEXT_AT + LAYOUT.slots * LAYOUT.textBytes;
const MEMORY_BYTES = CONTENT_AT + LAYOUT.slots * LAYOUT.contentBytes;
/** What a thread takes for itself; measured, some 10 MiB. */
const THREAD_BYTES = 16 * 1024 * 1024;

/** Bytes for small files that a worker stores, at the most. */
export const SMALL_FILES_BYTES_MAX: number = MEMORY_BYTES + THREAD_BYTES;

/** The shared memory, seen by its parts. */
export interface SharedSlots {
  readonly control: Int32Array;
  readonly order: Int32Array;
  readonly numbers: readonly Float64Array[];
  readonly texts: readonly Buffer[];
  readonly contents: readonly Uint8Array[];
}

export const newMemory = (): SharedArrayBuffer => new SharedArrayBuffer(MEMORY_BYTES);

export function viewSlots(memory: SharedArrayBuffer): SharedSlots {
  const each = <T>(make: (slot: number) => T): T[] =>
    Array.from({ length: LAYOUT.slots }, (_, slot) => make(slot));
  return {
    control: new Int32Array(memory, CONTROL_AT, CONTROL.size),
    order: new Int32Array(memory, ORDER_AT, LAYOUT.slots),
    numbers: each((slot) => new Float64Array(memory, NUMBERS_AT + slot * NUMBERS.count * 8, NUMBERS.count)),
    texts: each((slot) => Buffer.from(memory, TEXT_AT + slot * LAYOUT.textBytes, LAYOUT.textBytes)),
    contents: each(
      (slot) => new Uint8Array(memory, CONTENT_AT + slot * LAYOUT.contentBytes, LAYOUT.contentBytes),
    ),
  };
}
