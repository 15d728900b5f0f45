/** Draws a conversation: for each side its chunks above, its frames below, and ribbons from chunks to their frames. */
import { sideNames } from '../data/page-data.ts';
import { noColumns, spread } from '../model/columns.ts';
import type { Chunk, Frame } from '../model/items.ts';
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
} from '../model/layout.ts';
import { inUnit, overall, ticks } from '../model/scale.ts';
import { drawColumns } from './columns.ts';
import {
  colorOf,
  cuts,
  drawChunks,
  drawFrames,
  frameLabels,
  type LaneScene,
  ribbons,
  washed,
} from './lanes.ts';
import { conflicts, faults, gaps, outlines } from './marks.ts';
import type { Scene } from './scene.ts';
import { type Colors, colors, FONT, faultColor, hatched, type Pen, SMALL } from './theme.ts';

/** Draws everything, and returns the layout. */
export function draw(canvas: HTMLCanvasElement, scene: Scene): Layout {
  const width = canvas.clientWidth;
  const ratio = devicePixelRatio;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(HEIGHT_PX * ratio);
  const pen = canvas.getContext('2d')!;
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
    const of: LaneScene = { pen, layout, lane, side, chunks, frames, look };
    washed(of);
    ribbons(of);
    drawChunks(of);
    drawFrames(of);
    if (layout.view.unit === 'bytes') cuts(of);
    frameLabels(of);
    gaps(of, hatch);
    conflicts(of);
    faults(of);
  }
  outlines(pen, layout, scene, look);
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

/** Draws the whole conversation in a few pixels, and marks the part in view. */
function map(pen: Pen, { view, width }: Layout, { conversation }: Scene, look: Colors): void {
  const { unit } = view;
  const all = layoutOf(overall(unit, unit === 'bytes' ? conversation.bytes : conversation.duration), width);
  pen.fillStyle = look.lane;
  pen.fillRect(0, MAP_TOP_PX, width, MAP_PX);
  sideNames.forEach((side, row) => {
    const lane = conversation.lanes[side];
    const top = MAP_TOP_PX + 3 + (row * (MAP_PX - 4)) / 2;
    const height = MAP_PX / 2 - 5;
    const hasFrames = lane.counts.frames > 0;
    if (lane.density !== null) {
      const bins = unit === 'bytes' ? lane.density.bytes : lane.density.time;
      const columns = noColumns(width);
      const counts = hasFrames ? bins.frames : bins.chunks;
      spread(columns, all, bins, counts, new Float32Array(counts.length));
      const color = hasFrames ? look.frames[side][0] : look.chunkEdge;
      drawColumns(pen, columns, { top, height, markTop: top }, { color, mark: color });
    }
    const items: readonly (Frame | Chunk)[] = hasFrames ? lane.frames : lane.chunks;
    let drawn = -1;
    for (const item of items) {
      const { left, right } = itemSpan(all, lane, item);
      if (right < drawn + 0.5) continue;
      drawn = right;
      pen.fillStyle = item.kind === 'frame' ? colorOf(item, look) : look.chunkEdge;
      pen.fillRect(left, top, Math.max(1, right - left), height);
    }
    for (const item of [...lane.gaps, ...lane.conflicts, ...lane.faults]) {
      const { left, right } = itemSpan(all, lane, item);
      pen.fillStyle = item.kind === 'fault' ? faultColor(item, look) : look[item.kind];
      pen.fillRect(left, top, Math.max(2, right - left), height);
    }
  });
  pen.strokeStyle = look.mark;
  pen.lineWidth = 1.5;
  const left = Math.max(1, all.x(view.from));
  pen.strokeRect(left, MAP_TOP_PX + 1, Math.max(4, Math.min(width - 1, all.x(view.to)) - left), MAP_PX - 2);
}
