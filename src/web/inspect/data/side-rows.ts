/** The rows of a side that were not handed out yet. */

import { concatBytes } from '../../../base/bytes.ts';
import { printable } from '../../../base/printable.ts';
import type { InspectedFrame } from '../../../capture/inspect/inspect-event.ts';
import type { StreamChunk } from '../../../capture/stream-event.ts';
import { FRAME_STATES, type PageConflict, type PageFault, type PageGap } from './page-data.ts';

export interface SideRows {
  readonly chunks: number[];
  readonly frames: number[];
  readonly labels: string[];
  /** Copies: what they are of may lie in a block of the file. */
  readonly chunkBytes: Uint8Array[];
  readonly frameBytes: Uint8Array[];
  readonly gaps: PageGap[];
  readonly faults: PageFault[];
  readonly conflicts: PageConflict[];
}

export const noRows = (): SideRows => ({
  chunks: [],
  frames: [],
  labels: [],
  chunkBytes: [],
  frameBytes: [],
  gaps: [],
  faults: [],
  conflicts: [],
});

/** A chunk without its bytes. */
export interface ChunkNumbers {
  readonly position: number;
  readonly length: number;
  readonly captured: number;
  readonly deliverable: number;
  readonly packet: number;
}

export function numbersOf(chunk: StreamChunk): ChunkNumbers {
  const { position, bytes, capturedAt, deliverableAt, packet, conversation } = chunk;
  const { startedAt } = conversation;
  const captured = Number(capturedAt - startedAt);
  return { position, length: bytes.length, captured, deliverable: Number(deliverableAt - startedAt), packet };
}

/** @param shown how many of its bytes are kept. */
export function addChunkRow(rows: SideRows, chunk: StreamChunk, shown: number): void {
  addNumbersOfChunk(rows, numbersOf(chunk), shown);
  if (shown > 0) rows.chunkBytes.push(chunk.bytes.slice(0, shown));
}

export function addNumbersOfChunk({ chunks }: SideRows, chunk: ChunkNumbers, shown: number): void {
  const { position, length, captured, deliverable, packet } = chunk;
  chunks.push(position, length, captured, deliverable, packet, shown);
}

export function addFrameRow(rows: SideRows, frame: InspectedFrame): void {
  const { startedAt } = frame.conversation;
  rows.frames.push(
    frame.number,
    frame.position,
    frame.head,
    frame.length,
    Number(frame.capturedAt - startedAt),
    Number(frame.deliverableAt - startedAt),
    frame.chunks,
    frame.firstShared,
    frame.lastShared,
    frame.missing,
    FRAME_STATES.indexOf(frame.state),
    frame.firstPacket,
    frame.lastPacket,
    frame.sample.length,
  );
  rows.labels.push(frame.label === null ? '' : printable(frame.label));
  rows.frameBytes.push(frame.sample);
}

/** The rows as they are handed out. */
export function packed({ chunks, frames, chunkBytes, frameBytes, ...others }: SideRows) {
  return {
    ...others,
    chunks: Float64Array.from(chunks),
    frames: Float64Array.from(frames),
    chunkBytes: concatBytes(chunkBytes),
    frameBytes: concatBytes(frameBytes),
  };
}
