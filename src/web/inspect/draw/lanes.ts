/** Draws the two lanes of a side: chunks above, frames below, and ribbons from chunks to their frames. */

import { count } from '../../shell/words.ts';
import type { SideName } from '../data/page-data.ts';
import { type Columns, counted, noColumns, spread } from '../model/columns.ts';
import { type Chunk, type Frame, type Lane, lossesOf } from '../model/items.ts';
import {
  CHUNKS_PX,
  chunkSpan,
  FRAMES_PX,
  frameSpan,
  framesTop,
  itemSpan,
  type Layout,
  topOf,
} from '../model/layout.ts';
import { drawColumns } from './columns.ts';
import { sharedSpan } from './shared-span.ts';
import { type Colors, FONT, type Pen, SMALL, written } from './theme.ts';

/** What is drawn of one side, and where. */
export interface LaneScene {
  readonly pen: Pen;
  readonly layout: Layout;
  readonly lane: Lane;
  readonly side: SideName;
  /** Those in view. */
  readonly chunks: readonly Chunk[];
  readonly frames: readonly Frame[];
  readonly look: Colors;
}

export const colorOf = ({ number, side }: Frame, look: Colors): string => look.frames[side][number % 2]!;

/** Shades the bytes behind a fault, where no frames are found, up to where they are found again. */
export function washed({ pen, layout, lane, side, look }: LaneScene): void {
  const last = layout.view.unit === 'bytes' ? layout.x(lane.bytes) : layout.width;
  for (const { fault, again } of lossesOf(lane)) {
    const from = Math.max(0, itemSpan(layout, lane, fault).left);
    const end = again === undefined ? last : itemSpan(layout, lane, again).left;
    if (end <= from) continue;
    pen.fillStyle = look.wash;
    pen.fillRect(from, framesTop(side), Math.min(layout.width, end) - from, FRAMES_PX);
  }
}

export function ribbons({ pen, layout, lane, side, chunks, look }: LaneScene): void {
  const [top, bottom] = [topOf[side] + CHUNKS_PX, framesTop(side)];
  let drawn = Number.NEGATIVE_INFINITY;
  pen.globalAlpha = 0.3;
  for (const chunk of chunks) {
    const above = chunkSpan(layout, lane, chunk);
    for (let i = chunk.from; i < chunk.to; i++) {
      const frame = lane.frames[i]!;
      const below = frameSpan(layout, lane, frame);
      const [a, b] = sharedSpan(above, chunk, frame);
      const [c, d] = sharedSpan(below, frame, chunk);
      if (Math.max(b, d) < 0 || Math.min(a, c) > layout.width || d < drawn + 0.5) continue;
      drawn = d;
      pen.fillStyle = colorOf(frame, look);
      pen.beginPath();
      pen.moveTo(a, top);
      pen.lineTo(Math.max(b, a + 1), top);
      pen.lineTo(Math.max(d, c + 1), bottom);
      pen.lineTo(c, bottom);
      pen.closePath();
      pen.fill();
    }
  }
  pen.globalAlpha = 1;
}

export function drawChunks(scene: LaneScene): void {
  const { pen, layout, lane, side, chunks, look } = scene;
  const columns = noColumns(layout.width);
  for (const chunk of chunks) {
    const span = chunkSpan(layout, lane, chunk);
    const glued = chunk.to - chunk.from > 1;
    if (counted(columns, span, glued)) continue;
    drawChunk(scene, chunk, span.left, span.right);
  }
  rowless(columns, layout, lane, 'chunks', 'glued');
  const place = { top: topOf[side], height: CHUNKS_PX, markTop: topOf[side] };
  drawColumns(pen, columns, place, { color: look.chunkEdge, mark: look.glued });
}

function drawChunk(
  { pen, layout, lane, side, look }: LaneScene,
  chunk: Chunk,
  left: number,
  right: number,
): void {
  const top = topOf[side];
  const glued = chunk.to - chunk.from > 1;
  const wide = right - left;
  pen.fillStyle = look.chunk;
  pen.fillRect(left, top, wide, CHUNKS_PX);
  if (glued) {
    pen.fillStyle = look.glued;
    pen.fillRect(left, top, wide, 4);
  }
  pen.strokeStyle = look.chunkEdge;
  pen.lineWidth = 1;
  pen.strokeRect(left + 0.5, top + 0.5, wide - 1, CHUNKS_PX - 1);
  if (glued && wide / (chunk.to - chunk.from) > 3) {
    pen.strokeStyle = look.glued;
    pen.beginPath();
    for (let i = chunk.from; i < chunk.to - 1; i++) {
      const [, edge] = sharedSpan({ left, right }, chunk, lane.frames[i]!);
      pen.moveTo(edge, top + 4);
      pen.lineTo(edge, top + CHUNKS_PX);
    }
    pen.stroke();
  }
  const size = count(chunk.end - chunk.position);
  const text = glued ? `${size} B · ${chunk.to - chunk.from} frames` : `${size} B`;
  pen.font = SMALL;
  written(pen, [text, size], { left, right }, top + CHUNKS_PX / 2 + 2, look.text, layout.width);
  pen.font = FONT;
}

export function drawFrames({ pen, layout, lane, side, frames, look }: LaneScene): void {
  const top = framesTop(side);
  const columns = noColumns(layout.width);
  for (const frame of frames) {
    const { left, right } = frameSpan(layout, lane, frame);
    if (right < 0 || left > layout.width || counted(columns, { left, right }, frame.chunks > 1)) continue;
    const wide = right - left;
    const gutter = wide > 6 ? 1 : 0;
    pen.fillStyle = colorOf(frame, look);
    pen.fillRect(left, top, wide - gutter, FRAMES_PX);
    // The head is darker than the body.
    pen.globalAlpha = 0.22;
    pen.fillStyle = '#000';
    const [, head] = sharedSpan({ left, right }, frame, {
      position: frame.position,
      end: frame.position + frame.head,
    });
    pen.fillRect(left, top, Math.min(head - left, wide - gutter), FRAMES_PX);
    pen.globalAlpha = 1;
    if (frame.chunks > 1) {
      pen.fillStyle = look.cut;
      pen.fillRect(left, top + FRAMES_PX - 4, wide - gutter, 4);
    }
  }
  rowless(columns, layout, lane, 'frames', 'cut');
  const place = { top, height: FRAMES_PX, markTop: top + FRAMES_PX - 4 };
  drawColumns(pen, columns, place, { color: look.frames[side][0], mark: look.cut });
}

/** Counts the items that have no row. */
function rowless(
  columns: Columns,
  layout: Layout,
  { density }: Lane,
  kind: 'chunks' | 'frames',
  mark: 'glued' | 'cut',
): void {
  if (density === null) return;
  const bins = layout.view.unit === 'bytes' ? density.bytes : density.time;
  spread(columns, layout, bins, bins[kind], bins[mark]);
}

/** Draws the labels of frames, above the marks of cuts. */
export function frameLabels({ pen, layout, lane, side, frames, look }: LaneScene): void {
  const top = framesTop(side);
  for (const frame of frames) {
    const { left, right } = frameSpan(layout, lane, frame);
    if (right - left < 14 || right < 0 || left > layout.width) continue;
    const size = count(frame.end - frame.position);
    const below = frame.chunks > 1 ? `${size} B · ${frame.chunks} chunks` : `${size} B`;
    const span = { left, right: right - 1 };
    const name = `#${frame.number} ${frame.label}`.trimEnd();
    const behind = frame.chunks > 1 ? colorOf(frame, look) : null;
    const { width } = layout;
    const names = [name, `#${frame.number}`, String(frame.number)];
    written(pen, names, span, top + 17, look.onFrame, width, behind);
    pen.font = SMALL;
    written(pen, [below, size], span, top + 34, look.onFrame, width, behind);
    pen.font = FONT;
  }
}

/** Marks where a chunk ends in the middle of a frame. */
export function cuts({ pen, layout, lane, side, chunks, look }: LaneScene): void {
  const top = framesTop(side);
  const edges: number[] = [];
  for (const chunk of chunks) {
    const frame = lane.frames[chunk.to - 1];
    const at = layout.x(chunk.end);
    if (frame === undefined || chunk.to <= chunk.from || frame.end <= chunk.end) continue;
    if (at >= (edges.at(-1) ?? Number.NEGATIVE_INFINITY) + 4) edges.push(at);
  }
  const lines = (color: string, width: number, from: number, to: number): void => {
    pen.strokeStyle = color;
    pen.lineWidth = width;
    pen.beginPath();
    for (const at of edges) {
      pen.moveTo(at, from);
      pen.lineTo(at, to);
    }
    pen.stroke();
  };
  lines(look.cut, 2, topOf[side] + CHUNKS_PX, top);
  pen.setLineDash([4, 3]);
  lines(look.onFrame, 1.5, top, top + FRAMES_PX - 4);
  pen.setLineDash([]);
}
