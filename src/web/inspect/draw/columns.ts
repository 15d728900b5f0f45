/** Draws what is too dense to be drawn one by one: a column a pixel, as high as there are many. */
import { type Columns, heightOf } from '../model/columns.ts';
import type { Pen } from './theme.ts';

export interface ColumnPlace {
  readonly top: number;
  readonly height: number;
  /** The top of the marks, which are 4 pixels high. */
  readonly markTop: number;
}

export function drawColumns(
  pen: Pen,
  { count, marked, rowless, most }: Columns,
  { top, height, markTop }: ColumnPlace,
  { color, mark }: { readonly color: string; readonly mark: string },
): void {
  if (most === 0) return;
  const bottom = top + height;
  pen.fillStyle = color;
  for (let at = 0; at < count.length; at++) {
    const many = count[at]!;
    if (many === 0) continue;
    // What has no row is paler, so that it is seen that nothing is to be found there.
    pen.globalAlpha = rowless[at]! > many / 2 ? 0.45 : 0.85;
    const high = heightOf(many, most) * height;
    pen.fillRect(at, bottom - high, 1, high);
  }
  pen.globalAlpha = 1;
  pen.fillStyle = mark;
  for (let at = 0; at < count.length; at++) if (marked[at]! >= 0.02) pen.fillRect(at, markTop, 1, 4);
}
