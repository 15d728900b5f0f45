/** Draws what is marked above the lanes: faults, conflicts, what is selected, found, or under the pointer. */
import { type Item, nameOfFault } from '../model/items.ts';
import { CHUNKS_PX, FRAMES_PX, framesTop, itemSpan, type Layout, topOf } from '../model/layout.ts';
import type { LaneScene } from './lanes.ts';
import type { Scene } from './scene.ts';
import { type Colors, FONT, faultColor, type Pen, SMALL } from './theme.ts';

export function faults({ pen, layout, lane, side, look }: LaneScene): void {
  const top = framesTop(side);
  for (const fault of lane.faults) {
    const { left } = itemSpan(layout, lane, fault);
    if (left < -8 || left > layout.width + 8) continue;
    pen.fillStyle = faultColor(fault, look);
    pen.fillRect(left - 1, top - 10, 2.5, FRAMES_PX + 10);
    triangle(pen, left, top, top - 12);
    const text = nameOfFault(fault);
    pen.font = SMALL;
    const wide = pen.measureText(text).width + 10;
    const from = left + 9 + wide > layout.width ? left - 9 - wide : left + 9;
    pen.fillRect(from, top - 18, wide, 16);
    pen.fillStyle = look.onFault;
    pen.fillText(text, from + 5, top - 9.5);
    pen.font = FONT;
  }
}

/** Draws a bracket above the chunks over the bytes that came twice and differed. */
export function conflicts({ pen, layout, lane, side, look }: LaneScene): void {
  const top = topOf[side];
  pen.fillStyle = look.conflict;
  for (const conflict of lane.conflicts) {
    const { left, right } = itemSpan(layout, lane, conflict);
    if (right < 0 || left > layout.width) continue;
    pen.fillRect(left, top - 6, Math.max(3, right - left), 4);
    triangle(pen, left + Math.max(3, right - left) / 2, top + 4, top - 3);
  }
}

function triangle(pen: Pen, x: number, tip: number, base: number): void {
  pen.beginPath();
  pen.moveTo(x, tip);
  pen.lineTo(x - 7, base);
  pen.lineTo(x + 7, base);
  pen.closePath();
  pen.fill();
}

export function gaps({ pen, layout, lane, side }: LaneScene, hatch: CanvasPattern | string): void {
  for (const gap of lane.gaps) {
    const { left, right } = itemSpan(layout, lane, gap);
    if (right < 0 || left > layout.width) continue;
    pen.fillStyle = hatch;
    const from = Math.max(0, left);
    const wide = Math.min(layout.width, right) - from;
    pen.fillRect(from, topOf[side], wide, CHUNKS_PX);
    pen.fillRect(from, framesTop(side), wide, FRAMES_PX);
  }
}

export function outlines(pen: Pen, layout: Layout, scene: Scene, look: Colors): void {
  const { conversation, selected, hovered, found } = scene;
  const outline = (item: Item, width: number): void => {
    const { left, right } = itemSpan(layout, conversation.lanes[item.side], item);
    if (right < 0 || left > layout.width) return;
    const ofChunks = item.kind === 'chunk' || item.kind === 'conflict';
    const top = ofChunks ? topOf[item.side] : framesTop(item.side);
    const height = ofChunks ? CHUNKS_PX : FRAMES_PX;
    pen.lineWidth = width;
    pen.strokeStyle = look.mark;
    pen.strokeRect(left - 1, top - 1, Math.max(3, right - left) + 1, height + 2);
  };
  for (const item of found) if (item !== selected) outline(item, 1.5);
  if (hovered !== null) outline(hovered, 1.5);
  if (selected !== null) outline(selected, 3);
}
