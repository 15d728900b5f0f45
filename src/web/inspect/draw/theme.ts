/** The colours of the drawing, and text that fits. */
import type { SideName } from '../data/page-data.ts';
import { type Fault, FOUND_AGAIN } from '../model/items.ts';
import type { Span } from '../model/layout.ts';

export type Pen = CanvasRenderingContext2D;

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
  readonly found: string;
  readonly onFault: string;
  readonly wash: string;
  readonly gap: string;
  readonly conflict: string;
  readonly mark: string;
  readonly onFrame: string;
  readonly frames: Readonly<Record<SideName, readonly [string, string]>>;
}

export const FONT = '12px ui-sans-serif, system-ui, sans-serif';
export const SMALL = '10.5px ui-sans-serif, system-ui, sans-serif';

/** The page's colours as they are now, light or dark. */
export function colors(of: HTMLCanvasElement): Colors {
  const style = getComputedStyle(of);
  const named = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return {
    text: named('text'),
    faint: named('faint'),
    line: named('grid'),
    lane: named('lane'),
    chunk: named('chunk'),
    chunkEdge: named('chunk-edge'),
    glued: named('glued'),
    cut: named('cut'),
    fault: named('fault'),
    found: named('found'),
    onFault: named('on-fault'),
    wash: named('wash'),
    gap: named('gap'),
    conflict: named('conflict'),
    mark: named('mark'),
    onFrame: named('on-frame'),
    frames: {
      client: [named('client-a'), named('client-b')],
      server: [named('server-a'), named('server-b')],
    },
  };
}

/**
 * Draws the first of the texts that fits into the visible part of the span.
 *
 * @param behind a background colour that hides what is under the text.
 */
export function written(
  pen: Pen,
  texts: readonly string[],
  { left, right }: Span,
  y: number,
  color: string,
  width: number,
  behind: string | null = null,
): void {
  const from = Math.max(left, 0) + 5;
  const room = Math.min(right, width) - from - 4;
  if (room < 6) return;
  const text = texts.find((each) => pen.measureText(each).width <= room) ?? shortened(pen, texts[0]!, room);
  if (text === '') return;
  if (behind !== null) {
    pen.fillStyle = behind;
    pen.fillRect(from - 2, y - 8, pen.measureText(text).width + 4, 16);
  }
  pen.fillStyle = color;
  pen.fillText(text, from, y);
}

function shortened(pen: Pen, text: string, room: number): string {
  if (room < 40) return '';
  const fits = Math.floor((text.length * room) / pen.measureText(text).width) - 2;
  return fits < 4 ? '' : `${text.slice(0, fits)}…`;
}

export function hatched(pen: Pen, color: string, ratio: number): CanvasPattern | string {
  const tile = document.createElement('canvas');
  const size = Math.round(8 * ratio);
  tile.width = size;
  tile.height = size;
  const stripes = tile.getContext('2d')!;
  stripes.strokeStyle = color;
  stripes.lineWidth = 2 * ratio;
  stripes.beginPath();
  for (const shift of [-size, 0, size]) {
    stripes.moveTo(shift, size);
    stripes.lineTo(shift + size, 0);
  }
  stripes.stroke();
  return pen.createPattern(tile, 'repeat') ?? color;
}

/** The colour of a place where the framing is lost, or found again. */
export const faultColor = ({ code }: Fault, look: Colors): string =>
  code === FOUND_AGAIN ? look.found : look.fault;
