/** The state of a frame that is being read, and of the chunks that carry it. */
import type { FrameStart } from '../../wire/frame-event.ts';
import type { StreamChunk } from '../stream-event.ts';
import { FRAME_SAMPLE_BYTES } from './inspect-event.ts';
import type { Labels } from './labels/label.ts';
import { bytesWanted } from './labels/labels.ts';

/** The facts of a chunk that the frames in it need. */
export interface Carrier {
  /** The offset in the side of the first of `bytes`. */
  start: number;
  /** The offset behind its last byte. */
  readonly end: number;
  /** Bytes that may belong to a frame whose head is not known yet; empty once none can. */
  bytes: Uint8Array;
  readonly packet: number;
  readonly capturedAt: bigint;
  readonly deliverableAt: bigint;
  /** How many frames have bytes in it. */
  frames: number;
}

export interface CarriedFrame {
  readonly position: number;
  readonly head: number;
  length: number;
  /** The label of its head. */
  readonly label: string | null;
  readonly first: Carrier;
  last: Carrier;
  chunks: number;
  missing: number;
  /** Its first bytes: at most `wanted`. */
  sample: Uint8Array;
  readonly wanted: number;
}

export const NO_BYTES = new Uint8Array(0);

export const carrierOf = (chunk: StreamChunk): Carrier => ({
  start: chunk.position,
  end: chunk.position + chunk.bytes.length,
  bytes: chunk.bytes,
  packet: chunk.packet,
  capturedAt: chunk.capturedAt,
  deliverableAt: chunk.deliverableAt,
  frames: 0,
});

/**
 * A frame whose head is known.
 *
 * @param carriers the chunks in which it may lie, so far; at least one of them has its first byte.
 */
export function carriedFrame(
  { position, head, length, header }: FrameStart<unknown>,
  label: (header: unknown) => string | null,
  labels: Labels | null,
  carriers: readonly Carrier[],
): CarriedFrame {
  const end = position + head + length;
  const overlapping = carriers.filter((each) => each.end > position && each.start < end);
  for (const each of overlapping) each.frames++;
  const [first] = overlapping;
  const frame: CarriedFrame = {
    position,
    head,
    length,
    label: label(header),
    first: first!,
    last: overlapping.at(-1)!,
    chunks: overlapping.length,
    missing: 0,
    sample: NO_BYTES,
    wanted:
      labels === null ? FRAME_SAMPLE_BYTES : bytesWanted(labels, first!.bytes[position - first!.start]!),
  };
  for (const each of overlapping) addSample(frame, each);
  return frame;
}

/** Adds the next chunk with bytes of a frame. */
export function addCarrier(frame: CarriedFrame, carrier: Carrier): void {
  carrier.frames++;
  frame.chunks++;
  frame.last = carrier;
  if (frame.sample.length < frame.wanted) addSample(frame, carrier);
}

/** Adds the bytes of a chunk to a frame's sample, as far as they belong to it. Bytes behind a gap do not. */
function addSample(frame: CarriedFrame, { start, bytes }: Carrier): void {
  const have = frame.sample.length;
  const from = frame.position + have - start;
  const most = Math.min(frame.wanted, frame.head + frame.length) - have;
  if (frame.missing > 0 || most <= 0 || from < 0 || from >= bytes.length) return;
  const more = bytes.slice(from, from + most);
  if (have === 0) frame.sample = more;
  else {
    const both = new Uint8Array(have + more.length);
    both.set(frame.sample);
    both.set(more, have);
    frame.sample = both;
  }
}
