/**
 * The events that a deframer emits.
 *
 * ```text
 *  delivery   events of one frame
 *  stream     start  data*  end         no data when the body is empty
 *  skip       start         end
 *  whole      frame
 *  whole, over maxWhole
 *             start(skip)  fault  end
 * ```
 *
 * The events of one frame are never mixed with those of another. A fatal fault can come at any place, and nothing
 * comes after it. The owner of the connection then closes it (`closeGracefully`).
 */
import type { FrameFault } from './fault.ts';

/** A head was read, and a body follows. */
export interface FrameStart<H> {
  readonly type: 'start';
  /** What the framing has read in the head. */
  readonly header: H;
  /** Bytes of body. */
  readonly length: number;
  /** Bytes of head: the frame has `head + length` in all. */
  readonly head: number;
  /** Whether `data` events follow. */
  readonly delivery: 'stream' | 'skip';
  /** The offset in the stream, in bytes, of the frame's first byte. */
  readonly position: number;
}

/** The next bytes of the body: a view of the chunk they arrived in (perhaps the chunk itself), never empty. */
export interface FrameData {
  readonly type: 'data';
  /** A view of the chunk: it keeps all of the chunk in memory, so copy what you keep for long. */
  readonly bytes: Uint8Array;
}

/** The end of the body. It comes with the last byte, or right after `start` when the body has none. */
export interface FrameEnd {
  readonly type: 'end';
}

/** A frame in one piece. */
export interface WholeFrame<H> {
  readonly type: 'frame';
  /** What the framing has read in the head. */
  readonly header: H;
  /**
   * The body. It is a view of the chunk when it lay in one chunk. A view keeps the whole chunk in memory, so copy a
   * body that you keep for long.
   */
  readonly body: Uint8Array;
  /** Bytes of head. */
  readonly head: number;
  /** The offset in the stream, in bytes, of the frame's first byte. */
  readonly position: number;
}

/** A fault of a frame. When `fault.fatal`, this is the last event. */
export interface FaultEvent {
  readonly type: 'fault';
  /** What is wrong, where in the stream, and whether anything comes after it. */
  readonly fault: FrameFault;
}

/**
 * `deframe` and `deframeStep` emit these events of a frame, in this order:
 *
 * - `start`, `data`…, `end`: a frame with the delivery `stream`. With `skip` there is no `data`.
 * - `frame`: a frame with the delivery `whole`, in one piece.
 * - `fault`: the bytes cannot be understood. When it is fatal, it is the last event.
 */
export type FrameEvent<H> = FrameStart<H> | FrameData | FrameEnd | WholeFrame<H> | FaultEvent;
