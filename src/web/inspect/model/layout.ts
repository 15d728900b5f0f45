/** The positions of everything on the canvas. */
import type { SideName } from '../data/page-data.ts';
import { type Chunk, type Frame, firstWhere, type Item, type Lane } from './items.ts';
import type { View } from './scale.ts';

/** Heights in pixels. */
export const RULER_PX = 26;
export const CHUNKS_PX = 40;
export const RIBBON_PX = 38;
export const FRAMES_PX = 54;
const SIDE_GAP_PX = 30;
export const MAP_PX = 22;
const SIDE_PX = CHUNKS_PX + RIBBON_PX + FRAMES_PX;
export const HEIGHT_PX = RULER_PX + 2 * SIDE_PX + 2 * SIDE_GAP_PX + MAP_PX;

/** The top of a side's chunks. */
export const topOf: Readonly<Record<SideName, number>> = {
  client: RULER_PX + 8,
  server: RULER_PX + 8 + SIDE_PX + SIDE_GAP_PX,
};
export const framesTop = (side: SideName): number => topOf[side] + CHUNKS_PX + RIBBON_PX;
export const MAP_TOP_PX = HEIGHT_PX - MAP_PX - 4;

/** The width from which an item is drawn by itself. Narrower ones are drawn together, by how many they are. */
export const ALONE_PX = 3;

export interface Span {
  readonly left: number;
  readonly right: number;
}

export interface Layout {
  readonly view: View;
  readonly width: number;
  /** The pixel of a byte position or of a time. */
  x(value: number): number;
}

export function layoutOf(view: View, width: number): Layout {
  const scale = width / (view.to - view.from);
  return { view, width, x: (value) => (value - view.from) * scale };
}

/** The maximum width of a chunk on the packed axis of time. It has no duration, so it is drawn up to the next chunk. */
const CHUNK_MAX_PX = 46;
/** The same of a frame. */
const FRAME_MAX_PX = 90;

export function chunkSpan({ view, x }: Layout, { chunks }: Lane, chunk: Chunk): Span {
  if (view.unit === 'bytes') return atLeast(x(chunk.position), x(chunk.end), 1);
  const left = x(chunk.time);
  if (view.unit === 'true') return { left, right: left + 1 };
  const next = chunks[chunk.at + 1];
  const room = next === undefined ? CHUNK_MAX_PX : x(next.time) - left - 1;
  return { left, right: left + Math.max(1, Math.min(CHUNK_MAX_PX, room)) };
}

export function frameSpan({ view, x }: Layout, lane: Lane, frame: Frame): Span {
  if (view.unit === 'bytes') return atLeast(x(frame.position), x(frame.end), 1);
  if (view.unit === 'true') return atLeast(x(frame.began), x(frame.time), 1);
  // Items that began at the same time share the room up to the next item that began later.
  const group = x(frame.began);
  const next = timeBehind(lane, frame);
  const most = frame.of * FRAME_MAX_PX;
  const room = next === null ? most : x(next) - group - 1;
  const each = Math.max(3, Math.min(most, room)) / frame.of;
  const left = group + each * frame.nth;
  return { left, right: Math.max(left + each, frame.time > frame.began ? x(frame.time) + 3 : 0) };
}

/** When something comes behind a frame and those that began with it; null when nothing does. */
function timeBehind({ frames, chunks, density }: Lane, frame: Frame): number | null {
  const next = frames[frame.at - frame.nth + frame.of]?.began ?? null;
  if (density === null) return next;
  // The next frame may have no row: it came in the next chunk at the earliest.
  const chunk = chunks[firstWhere(chunks, ({ time }) => time > frame.began)];
  if (chunk === undefined || next === null) return chunk?.time ?? next;
  return Math.min(chunk.time, next);
}

export function itemSpan(layout: Layout, lane: Lane, item: Item): Span {
  if (item.kind === 'chunk') return chunkSpan(layout, lane, item);
  if (item.kind === 'frame') return frameSpan(layout, lane, item);
  const { view, x } = layout;
  if (view.unit === 'bytes') return atLeast(x(item.position), x(item.end), 2);
  return { left: x(item.time), right: x(item.time) + 6 };
}

const atLeast = (left: number, right: number, width: number): Span => ({
  left,
  right: Math.max(right, left + width),
});

/** Those in view of a list that is sorted by position, and by time. */
export function inView<T extends Chunk | Frame>(layout: Layout, list: readonly T[]): readonly T[] {
  const { view } = layout;
  const span = view.to - view.from;
  if (view.unit === 'bytes') {
    const from = firstWhere(list, ({ end }) => end > view.from);
    return list.slice(
      from,
      firstWhere(list, ({ position }) => position >= view.to),
    );
  }
  // An earlier item may reach into the view by its minimum width, so the search begins a little earlier.
  const from = firstWhere(list, ({ time }) => time >= view.from - span * 0.1);
  const before = Math.max(0, from - 1);
  const start = list[before];
  const group = start?.kind === 'frame' ? before - start.nth : before;
  const began = (one: T): number => (one.kind === 'frame' ? one.began : one.time);
  return list.slice(
    Math.max(0, group),
    firstWhere(list, (one) => began(one) > view.to),
  );
}

/** How far beside a mark, or something of a pixel, the pointer may be. */
const NEAR_PX = 5;

/** Finds the item at a point of the canvas. */
export function itemAt(
  layout: Layout,
  lanes: Readonly<Record<SideName, Lane>>,
  px: number,
  py: number,
): Item | null {
  for (const side of ['client', 'server'] as const) {
    const lane = lanes[side];
    const within = (top: number, height: number): boolean => py >= top && py < top + height;
    const hit = <T extends Item>(list: readonly T[], near = 0): T | null => {
      for (let i = list.length - 1; i >= 0; i--) {
        const { left, right } = itemSpan(layout, lane, list[i]!);
        if (px >= left - near && px < right + near) return list[i]!;
      }
      return null;
    };
    const found = <T extends Chunk | Frame>(list: readonly T[]): T | null =>
      hit(inView(layout, list)) ?? hit(inView(layout, list), 2);
    if (within(framesTop(side) - 12, FRAMES_PX + 12)) {
      const fault = hit(lane.faults, NEAR_PX);
      if (fault !== null && (py < framesTop(side) || found(lane.frames) === null)) return fault;
    }
    if (within(framesTop(side), FRAMES_PX)) return found(lane.frames) ?? hit(lane.gaps);
    if (within(topOf[side] - 8, CHUNKS_PX + 8)) {
      const conflict = hit(lane.conflicts, NEAR_PX);
      if (conflict !== null && py < topOf[side] + 8) return conflict;
      if (py >= topOf[side]) return found(lane.chunks) ?? hit(lane.gaps);
    }
  }
  return null;
}
