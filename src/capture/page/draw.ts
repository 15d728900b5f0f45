/** Draws a conversation: for each side its chunks above, its frames below, and ribbons for which is in which. */
import { browser, type Canvas, type Pen } from './browser.ts';
import {
  CHUNKS,
  chunkSpan,
  FRAMES,
  frameSpan,
  framesTop,
  HEIGHT,
  inView,
  itemSpan,
  type Layout,
  layoutOf,
  MAP,
  MAP_TOP,
  RULER,
  type Span,
  topOf,
} from './layout.ts';
import { type Chunk, type Frame, type Item, type Lane, sideNames, type Talk } from './model.ts';
import type { PageSideName } from './page-data.ts';
import { inUnit, overall, ticks, type View } from './scale.ts';

export interface Colors {
  readonly text: string;
  readonly faint: string;
  readonly line: string;
  readonly lane: string;
  readonly chunk: string;
  readonly chunkEdge: string;
  readonly glued: string;
  readonly cut: string;
  readonly fault: string;
  readonly onFault: string;
  readonly wash: string;
  readonly gap: string;
  readonly mark: string;
  readonly onFrame: string;
  readonly frames: Readonly<Record<PageSideName, readonly [string, string]>>;
}

/** What is to be drawn. */
export interface Scene {
  readonly talk: Talk;
  readonly view: View;
  readonly selected: Item | null;
  readonly hovered: Item | null;
  /** What a search has found. */
  readonly found: ReadonlySet<Item>;
}

const FONT = '12px ui-sans-serif, system-ui, sans-serif';
const SMALL = '10.5px ui-sans-serif, system-ui, sans-serif';
/** Ribbons drawn at most: beyond that there is nothing to be told apart. */
const MOST_RIBBONS = 4000;

/** The page's colours as they are now, light or dark. */
export function colors(of: Canvas): Colors {
  const style = browser.getComputedStyle(of);
  const named = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return {
    text: named('text'),
    faint: named('faint'),
    line: named('line'),
    lane: named('lane'),
    chunk: named('chunk'),
    chunkEdge: named('chunk-edge'),
    glued: named('glued'),
    cut: named('cut'),
    fault: named('fault'),
    onFault: named('on-fault'),
    wash: named('wash'),
    gap: named('gap'),
    mark: named('mark'),
    onFrame: named('on-frame'),
    frames: {
      client: [named('client-a'), named('client-b')],
      server: [named('server-a'), named('server-b')],
    },
  };
}

/** Draws all of it; answers how it was laid out. */
export function draw(canvas: Canvas, scene: Scene): Layout {
  const width = canvas.clientWidth;
  const ratio = browser.devicePixelRatio;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(HEIGHT * ratio);
  const pen = canvas.getContext('2d');
  const look = colors(canvas);
  const layout = layoutOf(scene.view, width);
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, HEIGHT);
  pen.font = FONT;
  pen.textBaseline = 'middle';
  ruler(pen, layout, look);
  const hatch = hatched(pen, look.gap, ratio);
  for (const side of sideNames) {
    const lane = scene.talk.lanes[side];
    pen.fillStyle = look.lane;
    pen.fillRect(0, topOf[side], width, CHUNKS);
    pen.fillRect(0, framesTop(side), width, FRAMES);
    const chunks = inView(layout, lane.chunks);
    const frames = inView(layout, lane.frames);
    washed(pen, layout, lane, side, look);
    ribbons(pen, layout, lane, side, chunks, look);
    drawChunks(pen, layout, lane, side, chunks, look);
    drawFrames(pen, layout, lane, side, frames, look);
    if (layout.view.unit === 'bytes') cuts(pen, layout, lane, side, chunks, look);
    for (const gap of lane.gaps) {
      const { left, right } = itemSpan(layout, lane, gap);
      if (right < 0 || left > width) continue;
      pen.fillStyle = hatch;
      const from = Math.max(0, left);
      const wide = Math.min(width, right) - from;
      pen.fillRect(from, topOf[side], wide, CHUNKS);
      pen.fillRect(from, framesTop(side), wide, FRAMES);
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
    pen.moveTo(at, RULER - 6);
    pen.lineTo(at, MAP_TOP - 8);
    pen.stroke();
    pen.fillStyle = look.faint;
    const text = inUnit(view.unit, value);
    pen.fillText(text, Math.min(at + 4, width - pen.measureText(text).width - 2), RULER / 2);
  }
  pen.font = FONT;
}

const colorOf = ({ number, side }: Frame, look: Colors): string => look.frames[side][number % 2]!;

/** What follows a fault, where no frames are found any more. */
function washed(pen: Pen, layout: Layout, lane: Lane, side: PageSideName, look: Colors): void {
  for (const fault of lane.faults) {
    const from = Math.max(0, itemSpan(layout, lane, fault).left);
    const end = layout.view.unit === 'bytes' ? layout.x(lane.bytes) : layout.width;
    if (end <= from) continue;
    pen.fillStyle = look.wash;
    pen.fillRect(from, framesTop(side), Math.min(layout.width, end) - from, FRAMES);
  }
}

function ribbons(
  pen: Pen,
  layout: Layout,
  lane: Lane,
  side: PageSideName,
  chunks: readonly Chunk[],
  look: Colors,
): void {
  const [top, bottom] = [topOf[side] + CHUNKS, framesTop(side)];
  let left = MOST_RIBBONS;
  pen.globalAlpha = 0.3;
  for (const chunk of chunks) {
    const above = chunkSpan(layout, lane, chunk);
    for (let i = chunk.from; i < chunk.to && left > 0; i++, left--) {
      const frame = lane.frames[i]!;
      const below = frameSpan(layout, lane, frame);
      const [a, b] = part(above, chunk, frame);
      const [c, d] = part(below, frame, chunk);
      if (Math.max(b, d) < 0 || Math.min(a, c) > layout.width) continue;
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

/** The part of a span that what it shares with another has, by bytes. */
function part(
  { left, right }: Span,
  of: { readonly position: number; readonly end: number },
  other: { readonly position: number; readonly end: number },
): [number, number] {
  const scale = (right - left) / Math.max(1, of.end - of.position);
  const from = Math.max(of.position, other.position) - of.position;
  const to = Math.min(of.end, other.end) - of.position;
  return [left + from * scale, left + to * scale];
}

function drawChunks(
  pen: Pen,
  layout: Layout,
  lane: Lane,
  side: PageSideName,
  chunks: readonly Chunk[],
  look: Colors,
): void {
  const top = topOf[side];
  let drawn = Number.NEGATIVE_INFINITY;
  for (const chunk of chunks) {
    const { left, right } = chunkSpan(layout, lane, chunk);
    if (right < drawn + 0.5) continue;
    drawn = right;
    const glued = chunk.to - chunk.from > 1;
    const wide = right - left;
    pen.fillStyle = look.chunk;
    pen.fillRect(left, top, wide, CHUNKS);
    if (glued) {
      pen.fillStyle = look.glued;
      pen.fillRect(left, top, wide, 4);
    }
    if (wide >= 3) {
      pen.strokeStyle = look.chunkEdge;
      pen.lineWidth = 1;
      pen.strokeRect(left + 0.5, top + 0.5, wide - 1, CHUNKS - 1);
    }
    if (glued && wide / (chunk.to - chunk.from) > 3) {
      pen.strokeStyle = look.glued;
      pen.beginPath();
      for (let i = chunk.from; i < chunk.to - 1; i++) {
        const [, edge] = part({ left, right }, chunk, lane.frames[i]!);
        pen.moveTo(edge, top + 4);
        pen.lineTo(edge, top + CHUNKS);
      }
      pen.stroke();
    }
    const size = (chunk.end - chunk.position).toLocaleString('en-US');
    const text = glued ? `${size} B · ${chunk.to - chunk.from} frames` : `${size} B`;
    pen.font = SMALL;
    written(pen, [text, size], { left, right }, top + CHUNKS / 2 + 2, look.text, layout.width);
    pen.font = FONT;
  }
}

function drawFrames(
  pen: Pen,
  layout: Layout,
  lane: Lane,
  side: PageSideName,
  frames: readonly Frame[],
  look: Colors,
): void {
  const top = framesTop(side);
  let drawn = Number.NEGATIVE_INFINITY;
  for (const frame of frames) {
    const { left, right } = frameSpan(layout, lane, frame);
    if (right < drawn + 0.5 || right < 0 || left > layout.width) continue;
    drawn = right;
    const wide = right - left;
    const gutter = wide > 6 ? 1 : 0;
    pen.fillStyle = colorOf(frame, look);
    pen.fillRect(left, top, wide - gutter, FRAMES);
    // The head is darker than the body.
    pen.globalAlpha = 0.22;
    pen.fillStyle = '#000';
    const [, head] = part({ left, right }, frame, {
      position: frame.position,
      end: frame.position + frame.head,
    });
    pen.fillRect(left, top, Math.min(head - left, wide - gutter), FRAMES);
    pen.globalAlpha = 1;
    if (frame.chunks > 1) {
      pen.fillStyle = look.cut;
      pen.fillRect(left, top + FRAMES - 4, wide - gutter, 4);
    }
    const size = (frame.end - frame.position).toLocaleString('en-US');
    const below = frame.chunks > 1 ? `${size} B · ${frame.chunks} chunks` : `${size} B`;
    const span = { left, right: right - gutter };
    const name = `#${frame.number} ${frame.label}`.trimEnd();
    written(
      pen,
      [name, `#${frame.number}`, String(frame.number)],
      span,
      top + 14,
      look.onFrame,
      layout.width,
    );
    pen.font = SMALL;
    written(pen, [below, size], span, top + 34, look.onFrame, layout.width);
    pen.font = FONT;
  }
}

/** Where a chunk ends in the middle of a frame. */
function cuts(
  pen: Pen,
  layout: Layout,
  lane: Lane,
  side: PageSideName,
  chunks: readonly Chunk[],
  look: Colors,
): void {
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
  lines(look.cut, 2, topOf[side] + CHUNKS, top);
  pen.setLineDash([4, 3]);
  lines(look.onFrame, 1.5, top, top + FRAMES - 4);
  pen.setLineDash([]);
}

function faults(pen: Pen, layout: Layout, lane: Lane, side: PageSideName, look: Colors): void {
  const top = framesTop(side);
  for (const fault of lane.faults) {
    const { left } = itemSpan(layout, lane, fault);
    if (left < -8 || left > layout.width + 8) continue;
    pen.fillStyle = look.fault;
    pen.fillRect(left - 1, top - 10, 2.5, FRAMES + 10);
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

function marks(pen: Pen, layout: Layout, { talk, selected, hovered, found }: Scene, look: Colors): void {
  const outline = (item: Item, width: number): void => {
    const { left, right } = itemSpan(layout, talk.lanes[item.side], item);
    if (right < 0 || left > layout.width) return;
    const top = item.kind === 'chunk' ? topOf[item.side] : framesTop(item.side);
    const height = item.kind === 'chunk' ? CHUNKS : FRAMES;
    pen.lineWidth = width;
    pen.strokeStyle = look.mark;
    pen.strokeRect(left - 1, top - 1, Math.max(3, right - left) + 1, height + 2);
  };
  for (const item of found) if (item !== selected) outline(item, 1.5);
  if (hovered !== null) outline(hovered, 1.5);
  if (selected !== null) outline(selected, 3);
}

/** All of the conversation in a few pixels, and which part of it is in view. */
function map(pen: Pen, { view, width }: Layout, { talk }: Scene, look: Colors): void {
  const all = layoutOf(overall(view.unit, view.unit === 'bytes' ? talk.bytes : talk.duration), width);
  pen.fillStyle = look.lane;
  pen.fillRect(0, MAP_TOP, width, MAP);
  sideNames.forEach((side, row) => {
    const lane = talk.lanes[side];
    const top = MAP_TOP + 3 + (row * (MAP - 4)) / 2;
    const items: readonly (Frame | Chunk)[] = lane.frames.length > 0 ? lane.frames : lane.chunks;
    let drawn = -1;
    for (const item of items) {
      const { left, right } = itemSpan(all, lane, item);
      if (right < drawn + 0.5) continue;
      drawn = right;
      pen.fillStyle = item.kind === 'frame' ? colorOf(item, look) : look.chunkEdge;
      pen.fillRect(left, top, Math.max(1, right - left), MAP / 2 - 5);
    }
    for (const item of [...lane.gaps, ...lane.faults]) {
      const { left, right } = itemSpan(all, lane, item);
      pen.fillStyle = item.kind === 'fault' ? look.fault : look.gap;
      pen.fillRect(left, top, Math.max(2, right - left), MAP / 2 - 5);
    }
  });
  pen.strokeStyle = look.mark;
  pen.lineWidth = 1.5;
  const left = Math.max(1, all.x(view.from));
  pen.strokeRect(left, MAP_TOP + 1, Math.max(4, Math.min(width - 1, all.x(view.to)) - left), MAP - 2);
}

/** The first of the texts that has room, in what of the span is in view. */
function written(
  pen: Pen,
  texts: readonly string[],
  { left, right }: Span,
  y: number,
  color: string,
  width: number,
): void {
  const from = Math.max(left, 0) + 5;
  const room = Math.min(right, width) - from - 4;
  if (room < 6) return;
  const text = texts.find((each) => pen.measureText(each).width <= room) ?? shortened(pen, texts[0]!, room);
  if (text === '') return;
  pen.fillStyle = color;
  pen.fillText(text, from, y);
}

function shortened(pen: Pen, text: string, room: number): string {
  if (room < 40) return '';
  const fits = Math.floor((text.length * room) / pen.measureText(text).width) - 2;
  return fits < 4 ? '' : `${text.slice(0, fits)}…`;
}

function hatched(pen: Pen, color: string, ratio: number): unknown {
  const tile = browser.document.createElement('canvas') as Canvas;
  const size = Math.round(8 * ratio);
  tile.width = size;
  tile.height = size;
  const stripes = tile.getContext('2d');
  stripes.strokeStyle = color;
  stripes.lineWidth = 2 * ratio;
  stripes.beginPath();
  for (const shift of [-size, 0, size]) {
    stripes.moveTo(shift, size);
    stripes.lineTo(shift + size, 0);
  }
  stripes.stroke();
  return pen.createPattern(tile, 'repeat');
}
