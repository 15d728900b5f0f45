/**
 * The items of a side that have no row: counted by where they are. The last few wait: when something is marked behind them,
 * they get a row after all, so that it is seen what came before.
 */
import { type InspectedFrame, isCoalesced, isSplit } from '../../../capture/inspect/inspect-event.ts';
import type { StreamChunk } from '../../../capture/stream-event.ts';
import { addToDensity, createDensity, type Density } from './density.ts';
import type { Remaining } from './limits.ts';
import { addFrameRow, addNumbersOfChunk, type ChunkNumbers, numbersOf, type SideRows } from './side-rows.ts';

/** How many frames, and how many chunks, wait. */
const WAITING_MAX = 16;

export interface Rowless {
  readonly density: Density;
  /** At most `WAITING_MAX` each. */
  readonly frames: InspectedFrame[];
  readonly chunks: ChunkNumbers[];
}

export const noRowless = (): Rowless => ({ density: createDensity(), frames: [], chunks: [] });

export function addRowlessChunk({ density, chunks }: Rowless, chunk: StreamChunk): void {
  // Numbers alone: the bytes lie in a block of the file, which would be kept for them.
  chunks.push(numbersOf(chunk));
  if (chunks.length > WAITING_MAX) countChunk(density, chunks.shift()!);
}

export function addRowlessFrame({ density, frames }: Rowless, frame: InspectedFrame): void {
  frames.push(frame);
  if (frames.length > WAITING_MAX) countFrame(density, frames.shift()!);
}

/** Makes rows of what waits, as far as there is room. */
export function giveRows({ frames, chunks }: Rowless, rows: SideRows, remaining: Remaining): void {
  while (remaining.near > 0 && frames.length > 0) {
    remaining.near--;
    addFrameRow(rows, frames.shift()!);
  }
  while (remaining.near > 0 && chunks.length > 0) {
    remaining.near--;
    addNumbersOfChunk(rows, chunks.shift()!, 0);
  }
}

/** Counts what waits: nothing comes any more that could be marked. */
export function settle({ density, frames, chunks }: Rowless): void {
  for (const chunk of chunks.splice(0)) countChunk(density, chunk);
  for (const frame of frames.splice(0)) countFrame(density, frame);
}

const countChunk = (density: Density, { position, deliverable }: ChunkNumbers): void =>
  addToDensity(density, 'chunks', position, deliverable);

function countFrame(density: Density, frame: InspectedFrame): void {
  const { position, deliverableAt, conversation } = frame;
  const at = Number(deliverableAt - conversation.startedAt);
  addToDensity(density, 'frames', position, at);
  if (isCoalesced(frame)) addToDensity(density, 'glued', position, at);
  if (isSplit(frame)) addToDensity(density, 'cut', position, at);
}
