/**
 * What can be a head of a protocol's frames, and how much that says: for finding frames where none is known.
 *
 * A framing reads a head where one must be, and so may be content with little: a length is never wrong. Here a head
 * must be told from any other bytes. So more of it is held to what the protocol allows, and sometimes the beginning of
 * the body as well.
 *
 * The evidence is in bits, the logarithm of how much likelier the bytes are in a head than at random: a byte that is
 * one of four equally likely types is worth 8 - 2. Where bodies have such bytes more often than random ones have, as
 * zeros in front of a short length, they count less.
 */
import type { Side } from '../../stream-event.ts';

/** Bytes that can be a head. */
export interface PlausibleHead {
  /** Bytes of the frame that it begins, if it is one: at least 1. */
  readonly size: number;
  /** The evidence that it is one. */
  readonly bits: number;
}

/** The heads of a protocol. */
export interface PlausibleHeads {
  /** How many bytes from a head's first on are looked at, at the most. */
  readonly look: number;
  /** The next place in `bytes[from..to)` that is worth a look; `to` when there is none. Places only rise. */
  next(bytes: Uint8Array, from: number, to: number): number;
  /**
   * The head at a place that `next` has named, by no byte from `end` on; null when there can be none, or its bytes are
   * not all there.
   */
  headAt(bytes: Uint8Array, at: number, end: number, from: Side): PlausibleHead | null;
}

/** The most that a part of a head counts, however long, as the bytes of one thing are seldom independent. */
export const PART_BITS_MAX = 40;
