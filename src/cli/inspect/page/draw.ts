/** Draws a conversation: for each side its chunks above, its frames below, and ribbons from chunks to their frames. */
import { browser, type Canvas, type Pen } from './browser.ts';
import { colorOf, cuts, drawChunks, drawFrames, frameLabels, ribbons, washed } from './lanes.ts';
import {
  CHUNKS_PX,
  FRAMES_PX,
  framesTop,
  HEIGHT_PX,
  inView,
  itemSpan,
  type Layout,
  layoutOf,
  MAP_PX,
  MAP_TOP_PX,
  RULER_PX,
  topOf,
} from './layout.ts';
import { type Chunk, type ConversationView, type Frame, type Item, type Lane, sideNames } from './model.ts';
import type { PageSideName } from './page-data.ts';
import { inUnit, overall, ticks, type View } from './scale.ts';
import { type Colors, colors, FONT, hatched, SMALL } from './theme.ts';

/** The content of a drawing. */
export interface Scene {
  readonly conversation: ConversationView;
  readonly view: View;
  readonly selected: Item | null;
  readonly hovered: Item | null;
  /** The hits of a search. */
  readonly found: ReadonlySet<Item>;
}

/** Draws everything, and returns the layout. */
export function draw(canvas: Canvas, scene: Scene): Layout {
  const width = canvas.clientWidth;
  const ratio = browser.devicePixelRatio;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(HEIGHT_PX * ratio);
  const pen = canvas.getContext('2d');
  const look = colors(canvas);
  const layout = layoutOf(scene.view, width);
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, HEIGHT_PX);
  pen.font = FONT;
  pen.textBaseline = 'middle';
  ruler(pen, layout, look);
  const hatch = hatched(pen, look.gap, ratio);
  for (const side of sideNames) {
    const lane = scene.conversation.lanes[side];
    pen.fillStyle = look.lane;
    pen.fillRect(0, topOf[side], width, CHUNKS_PX);
    pen.fillRect(0, framesTop(side), width, FRAMES_PX);
    const chunks = inView(layout, lane.chunks);
    const frames = inView(layout, lane.frames);
    washed(pen, layout, lane, side, look);
    ribbons(pen, layout, lane, side, chunks, look);
    drawChunks(pen, layout, lane, side, chunks, look);
    drawFrames(pen, layout, lane, side, frames, look);
    if (layout.view.unit === 'bytes') cuts(pen, layout, lane, side, chunks, look);
    frameLabels(pen, layout, lane, side, frames, look);
    for (const gap of lane.gaps) {
      const { left, right } = itemSpan(layout, lane, gap);
      if (right < 0 || left > width) continue;
      pen.fillStyle = hatch;
      const from = Math.max(0, left);
      const wide = Math.min(width, right) - from;
      pen.fillRect(from, topOf[side], wide, CHUNKS_PX);
      pen.fillRect(from, framesTop(side), wide, FRAMES_PX);
    }
    faults(pen, layout, lane, side, look);
  }
  marks(pen, layout, scene, look);
  map(pen, layout, scene, look);
  return layout;
}

function ruler(pen: Pen, { view, width, x }: Layout, look: Colors): void {
  pen.font = SMALL;
  for (const value of ticks(view, width / 110)) {
    const at = Math.round(x(value)) + 0.5;
    pen.strokeStyle = look.line;
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(at, RULER_PX - 6);
    pen.lineTo(at, MAP_TOP_PX - 8);
    pen.stroke();
    pen.fillStyle = look.faint;
    const text = inUnit(view.unit, value);
    pen.fillText(text, Math.min(at + 4, width - pen.measureText(text).width - 2), RULER_PX / 2);
  }
  pen.font = FONT;
}

function faults(pen: Pen, layout: Layout, lane: Lane, side: PageSideName, look: Colors): void {
  const top = framesTop(side);
  for (const fault of lane.faults) {
    const { left } = itemSpan(layout, lane, fault);
    if (left < -8 || left > layout.width + 8) continue;
    pen.fillStyle = look.fault;
    pen.fillRect(left - 1, top - 10, 2.5, FRAMES_PX + 10);
    pen.beginPath();
    pen.moveTo(left, top);
    pen.lineTo(left - 7, top - 12);
    pen.lineTo(left + 7, top - 12);
    pen.closePath();
    pen.fill();
    const text = `fault: ${fault.code}`;
    pen.font = SMALL;
    const wide = pen.measureText(text).width + 10;
    const from = left + 9 + wide > layout.width ? left - 9 - wide : left + 9;
    pen.fillRect(from, top - 18, wide, 16);
    pen.fillStyle = look.onFault;
    pen.fillText(text, from + 5, top - 9.5);
    pen.font = FONT;
  }
}

function marks(
  pen: Pen,
  layout: Layout,
  { conversation, selected, hovered, found }: Scene,
  look: Colors,
): void {
  const outline = (item: Item, width: number): void => {
    const { left, right } = itemSpan(layout, conversation.lanes[item.side], item);
    if (right < 0 || left > layout.width) return;
    const top = item.kind === 'chunk' ? topOf[item.side] : framesTop(item.side);
    const height = item.kind === 'chunk' ? CHUNKS_PX : FRAMES_PX;
    pen.lineWidth = width;
    pen.strokeStyle = look.mark;
    pen.strokeRect(left - 1, top - 1, Math.max(3, right - left) + 1, height + 2);
  };
  for (const item of found) if (item !== selected) outline(item, 1.5);
  if (hovered !== null) outline(hovered, 1.5);
  if (selected !== null) outline(selected, 3);
}

/** Draws the whole conversation in a few pixels, and marks the part in view. */
function map(pen: Pen, { view, width }: Layout, { conversation }: Scene, look: Colors): void {
  const all = layoutOf(
    overall(view.unit, view.unit === 'bytes' ? conversation.bytes : conversation.duration),
    width,
  );
  pen.fillStyle = look.lane;
  pen.fillRect(0, MAP_TOP_PX, width, MAP_PX);
  sideNames.forEach((side, row) => {
    const lane = conversation.lanes[side];
    const top = MAP_TOP_PX + 3 + (row * (MAP_PX - 4)) / 2;
    const items: readonly (Frame | Chunk)[] = lane.frames.length > 0 ? lane.frames : lane.chunks;
    let drawn = -1;
    for (const item of items) {
      const { left, right } = itemSpan(all, lane, item);
      if (right < drawn + 0.5) continue;
      drawn = right;
      pen.fillStyle = item.kind === 'frame' ? colorOf(item, look) : look.chunkEdge;
      pen.fillRect(left, top, Math.max(1, right - left), MAP_PX / 2 - 5);
    }
    for (const item of [...lane.gaps, ...lane.faults]) {
      const { left, right } = itemSpan(all, lane, item);
      pen.fillStyle = item.kind === 'fault' ? look.fault : look.gap;
      pen.fillRect(left, top, Math.max(2, right - left), MAP_PX / 2 - 5);
    }
  });
  pen.strokeStyle = look.mark;
  pen.lineWidth = 1.5;
  const left = Math.max(1, all.x(view.from));
  pen.strokeRect(left, MAP_TOP_PX + 1, Math.max(4, Math.min(width - 1, all.x(view.to)) - left), MAP_PX - 2);
}
