/**
 * How many items there are in each pixel of a lane: of those that are too narrow to be drawn by themselves, and of those that
 * have no row.
 */
import type { PageBins } from '../data/page-data.ts';
import { ALONE_PX, type Layout, type Span } from './layout.ts';

export interface Columns {
  /** By pixel. Fractions: items that have no row are spread over the pixels in which they may be. */
  readonly count: Float32Array;
  /** How many of them are marked: glued, or cut. */
  readonly marked: Float32Array;
  /** How many of them have no row. */
  readonly rowless: Float32Array;
  /** The greatest count. */
  most: number;
}

export const noColumns = (width: number): Columns => {
  const pixels = Math.max(1, Math.ceil(width));
  return {
    count: new Float32Array(pixels),
    marked: new Float32Array(pixels),
    rowless: new Float32Array(pixels),
    most: 0,
  };
};

/** Counts an item if it is too narrow to be drawn by itself; answers whether it is. */
export function counted(columns: Columns, { left, right }: Span, isMarked: boolean): boolean {
  if (right - left >= ALONE_PX) return false;
  const at = Math.floor((left + right) / 2);
  if (at < 0 || at >= columns.count.length) return true;
  const count = columns.count[at]! + 1;
  columns.count[at] = count;
  if (isMarked) columns.marked[at]! += 1;
  if (count > columns.most) columns.most = count;
  return true;
}

/** Spreads the items that have no row over the pixels of their part of the scale. */
export function spread(
  columns: Columns,
  { view, x }: Layout,
  { width }: PageBins,
  counts: ArrayLike<number>,
  marks: ArrayLike<number>,
): void {
  const pixels = columns.count.length;
  const first = Math.max(0, Math.floor(view.from / width));
  const last = Math.min(counts.length, Math.ceil(view.to / width));
  for (let bin = first; bin < last; bin++) {
    if (counts[bin] === 0 && marks[bin] === 0) continue;
    const [left, right] = [x(bin * width), x((bin + 1) * width)];
    const wide = Math.max(right - left, 1e-9);
    for (let at = Math.max(0, Math.floor(left)); at < Math.min(pixels, Math.max(right, left + 1)); at++) {
      const share = Math.max(0, Math.min(right, at + 1) - Math.max(left, at)) / wide;
      add(columns, at, counts[bin]! * share, marks[bin]! * share);
    }
  }
}

function add(columns: Columns, at: number, count: number, marked: number): void {
  columns.count[at]! += count;
  columns.rowless[at]! += count;
  columns.marked[at]! += marked;
  columns.most = Math.max(columns.most, columns.count[at]!);
}

/** How high a column is, of 1: by the logarithm, so that a single item is seen beside a thousand. */
export const heightOf = (count: number, most: number): number =>
  count <= 0 ? 0 : Math.max(0.15, Math.min(1, Math.log2(1 + count) / Math.log2(1 + most)));
