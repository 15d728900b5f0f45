/**
 * A framing finds the frames of a protocol. It is the one thing that a deframer needs.
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
 * How a body is handed on, decided per frame when its header is known.
 *
 * - `stream`: as views of the chunks it arrives in, of any length, never collected.
 * - `whole`: in one piece, up to `maxWhole`.
 * - `skip`: not at all; its bytes are counted and dropped.
 */
export type Delivery = 'stream' | 'whole' | 'skip';

/** The result of parsing a head. */
export interface ParsedHead<H> {
  readonly header: H;
  /** How many bytes of body follow the head: an integer from 0 to 2^53 - 1. */
  readonly length: number;
  readonly delivery: Delivery;
}

export interface Framing<H> {
  /** The most bytes a head may have: what a deframer may buffer for it. */
  readonly maxHead: number;
  /**
   * The largest body delivered `whole`, in bytes. A bigger one that is asked for whole is a non-fatal fault
   * `body-too-large` and is skipped.
   */
  readonly maxWhole: number;
  /**
   * How many bytes the head has in all, as far as `bytes[start..end)` tell: at least 1, at most `maxHead`. When
   * that is more than `end - start`, it is called again once so many are there. It may then answer fewer, when it
   * had to look at what follows to tell (a stream that ends before that is `truncated` there): the others are then
   * taken for the body and the frames after it. The range may be empty: that asks for the least there can be.
   *
   * A limit is checked here, before anything is allocated for what the head claims.
   */
  headLength(bytes: Uint8Array, start: number, end: number): number | HeadFault;
  /** Reads the complete head `bytes[start..end)`. */
  parseHead(bytes: Uint8Array, start: number, end: number): ParsedHead<H> | HeadFault;
}
