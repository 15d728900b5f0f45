import type { Span } from '../model/layout.ts';

interface Extent {
  readonly position: number;
  readonly end: number;
}

/** The part of a span whose bytes it shares with another item. */
export function sharedSpan({ left, right }: Span, of: Extent, other: Extent): [number, number] {
  const scale = (right - left) / Math.max(1, of.end - of.position);
  const from = Math.max(of.position, other.position) - of.position;
  const to = Math.min(of.end, other.end) - of.position;
  return [left + from * scale, left + to * scale];
}
