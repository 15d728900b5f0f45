/** The view: which part of a conversation is shown, by bytes or by time. */
import { count } from '../../shell/words.ts';

/**
 * - `bytes`: by position.
 * - `time`: by time; what would be too narrow to be seen or read is drawn wider, as far as there is room.
 * - `true`: by time, and everything is as wide as it took.
 */
export type Unit = 'bytes' | 'time' | 'true';
export const units: readonly Unit[] = ['bytes', 'time', 'true'];

export interface View {
  readonly unit: Unit;
  /** The values at the left and the right edge: byte positions, or nanoseconds. */
  readonly from: number;
  readonly to: number;
  /** The end of the scale; it begins at 0. */
  readonly length: number;
}

/** The smallest span that a view shows. */
const SPAN_MIN = { bytes: 8, time: 100, true: 100 } as const;
/** The empty margin before the beginning and behind the end, as a fraction of the view. */
const MARGIN = 0.02;

const spanOf = ({ unit, length }: View, span: number): number =>
  Math.min(length / (1 - 2 * MARGIN), Math.max(SPAN_MIN[unit], span));

/** Shows everything. */
export const overall = (unit: Unit, length: number): View =>
  look({ unit, from: 0, to: length, length }, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY);

/** Moves and widens a view to a span, as far as the bounds allow. */
export function look(view: View, from: number, to: number): View {
  const span = spanOf(view, to - from);
  const start = Number.isFinite(from) ? (from + to - span) / 2 : 0;
  const lowest = -span * MARGIN;
  const highest = Math.max(lowest, view.length - span * (1 - MARGIN));
  const clamped = Math.min(Math.max(start, lowest), highest);
  return { ...view, from: clamped, to: clamped + span };
}

/** Zooms around a fraction of the width: the position that is shown there stays there. */
export function zoom(view: View, factor: number, fraction: number): View {
  const span = view.to - view.from;
  const still = view.from + span * fraction;
  const next = spanOf(view, span / factor);
  return look(view, still - next * fraction, still + next * (1 - fraction));
}

/** Moves by a fraction of the width. */
export function pan(view: View, fraction: number): View {
  const by = (view.to - view.from) * fraction;
  return look(view, view.from + by, view.to + by);
}

/** @returns values with an equal, round distance, some ten of them. */
export function ticks({ from, to }: View, count: number): number[] {
  const rough = (to - from) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, power * ([1, 2, 5].find((each) => each * power >= rough) ?? 10));
  const values: number[] = [];
  for (let nth = Math.ceil(from / step); nth * step <= to; nth++) values.push(nth === 0 ? 0 : nth * step);
  return values;
}

const trimmed = (value: number): string => String(Number(value.toPrecision(9)));

/** A position or a time in words. */
export function inUnit(unit: Unit, value: number): string {
  if (unit === 'bytes') return count(value);
  const size = Math.abs(value);
  if (size === 0) return '0';
  if (size < 1e3) return `${trimmed(value)} ns`;
  if (size < 1e6) return `${trimmed(value / 1e3)} µs`;
  if (size < 1e9) return `${trimmed(value / 1e6)} ms`;
  return `${trimmed(value / 1e9)} s`;
}
