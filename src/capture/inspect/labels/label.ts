/** What makes labels of frames by their first bytes. */
import type { Side } from '../../stream-event.ts';

/** The beginning of a frame, its head among it: as many bytes as were asked for, unless there are fewer. */
export interface FrameBeginning {
  readonly from: Side;
  readonly bytes: Uint8Array;
  /** Bytes of head, and of body as the head says. */
  readonly head: number;
  readonly length: number;
}

/** The labels of one conversation. What it remembers is bounded. */
export interface Labels {
  /** How many bytes of a frame are wanted, by its first byte; default 64. */
  readonly wanted?: (firstByte: number) => number;
  /** The label of a frame, in the order in which frames end. */
  of(frame: FrameBeginning): string | null;
}
