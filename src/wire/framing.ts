/**
 * A framing finds the frames of a protocol. A deframer needs nothing else.
 *
 * ```text
 *  +------------------------+----------------------------------+
 *  | head                   | body                             |
 *  | headLength, parseHead  | `length` bytes, handed on unread |
 *  +------------------------+----------------------------------+
 * ```
 *
 * A framing is stateless, so one serves any number of connections. It must never keep a view of the bytes that it
 * gets, not even in the header that it returns: they belong to a chunk whose memory is used again.
 */
import type { HeadFault } from './fault.ts';

/**
 * How the deframer hands on a body. The framing decides it for each frame, when its header is known.
 *
 * - `stream`: as views of the chunks it arrives in, of any length, never collected.
 * - `whole`: in one piece, up to `maxWhole`.
 * - `skip`: not at all; its bytes are counted and dropped.
 */
export type Delivery = 'stream' | 'whole' | 'skip';

/** The facts of a frame that its complete head shows. */
export interface ParsedHead<H> {
  /** The header that `parseHead` has made of the head, for the events. It holds no view of the bytes. */
  readonly header: H;
  /** How many bytes of body follow the head: an integer from 0 to 2^53 - 1. */
  readonly length: number;
  /** How the deframer hands on the body. */
  readonly delivery: Delivery;
}

/**
 * Finds the frames of a protocol, for `deframe` and `deframeStep`. `lengthField`, `jsonHeader` and the presets make
 * framings. A framing of your own is an object with these fields; it has no state and keeps no view of bytes.
 *
 * @typeParam H the header of a frame.
 */
export interface Framing<H> {
  /** The most bytes a head may have: what a deframer may buffer for it. */
  readonly maxHead: number;
  /**
   * The largest body delivered `whole`, in bytes. A larger one whose delivery is `whole` is a non-fatal fault
   * `body-too-large`, and is skipped.
   */
  readonly maxWhole: number;
  /**
   * How many bytes the head has in all, as far as `bytes[start..end)` show: at least 1, at most `maxHead`. When that
   * is more than `end - start`, the deframer calls it again once so many have arrived. It may return fewer then, when
   * only the bytes behind the head show where the head ends: those belong to the body and to the frames after it. (A
   * stream that ends before they arrive is `truncated` there.) The range may be empty: then it returns the fewest
   * bytes that a head has.
   *
   * It checks limits, before the deframer allocates anything for a length that the head declares.
   */
  headLength(bytes: Uint8Array, start: number, end: number): number | HeadFault;
  /** Reads the complete head `bytes[start..end)`. */
  parseHead(bytes: Uint8Array, start: number, end: number): ParsedHead<H> | HeadFault;
}
